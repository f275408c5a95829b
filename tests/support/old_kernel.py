"""Runs a command as on a kernel without Landlock: `python -m support.old_kernel COMMAND…`.

A filter answers its three system calls with ENOSYS, for the command and all that it starts.
"""

import ctypes
import os
import struct
import sys

_NO_NEW_PRIVS = 38
_SET_SECCOMP = 22
_FILTER = 2
_LOAD_NUMBER = struct.pack("HBBI", 0x20, 0, 0, 0)
_ALLOW = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
_ENOSYS = struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 38)


def forget_landlock() -> None:
    """From now on, for this process and its children."""
    below = struct.pack("HBBI", 0x35, 0, 2, 444)  # number >= 444, else on to _ALLOW
    above = struct.pack("HBBI", 0x25, 1, 0, 446)  # number > 446: on to _ALLOW
    program = _LOAD_NUMBER + below + above + _ENOSYS + _ALLOW
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(described), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter could be set")


if __name__ == "__main__":
    forget_landlock()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  a child of the tests
