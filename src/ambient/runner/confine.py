"""Landlock around the agent's processes: the session's workspace, the system, and nothing of ours.

What a command may not reach: the platform's data beside its workspace (other sessions, the owner's
token, this place's journal and bot token), and the runner itself (its memory, its environment,
signals to it). Kernels without Landlock are said to be such; nothing is pretended.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAPBSET_DROP: Final = 24
_BEYOND_LANDLOCK: Final = (19, 21, 38)
"""CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON: with one of them root reads other processes."""
_OF_FILES: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""Execute, write, read, truncate, ioctl: the rights that mean something for a file."""
_READ_DIR: Final = 1 << 3
"""Granted everywhere: names are no secret, and tools that cannot list a parent give up."""
_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""ABI version → all rights on files that it knows."""
_SCOPES_SINCE: Final = 6
_SCOPES: Final = 0b11
"""Abstract sockets and signals of processes outside."""

_libc = ctypes.CDLL(None, use_errno=True)


class Confinement:
    """What each child enters before it runs. why_not: why there is none; None: there is one."""

    def __init__(self, ruleset: int | None, why_not: str | None) -> None:
        self._ruleset = ruleset
        self.why_not = why_not

    @classmethod
    def around(cls, workspace: Path, state_dir: Path, secrets: Iterable[Path]) -> Self:
        """All files but the state folder and what lies beside the workspace.

        secrets: files whose folders are closed too.
        """
        version = _version()
        if version < 1:
            return cls(None, "This machine's kernel has no Landlock, or it is switched off.")
        rights = _RIGHTS[max(known for known in _RIGHTS if known <= version)]
        ruleset = _create(rights, _SCOPES if version >= _SCOPES_SINCE else 0)
        hidden = _hidden(workspace, state_dir, secrets)
        _allow(ruleset, Path("/"), _READ_DIR)
        for path in (*_beside(Path("/"), hidden), workspace.resolve()):
            _allow(ruleset, path, rights)
        return cls(ruleset, None)

    def close(self) -> None:
        """Let go of it, for good; who has entered stays confined, and nobody can enter any more."""
        if self._ruleset is not None:
            os.close(self._ruleset)

    def enter(self) -> None:
        """In the child, before exec: for itself and all that comes of it. Raises OSError."""
        if self._ruleset is None:
            return
        for capability in _BEYOND_LANDLOCK:
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _libc.syscall(_RESTRICT_SELF, self._ruleset, 0):
            raise OSError(ctypes.get_errno(), "this command could not be confined")


def is_available() -> bool:
    """Whether this kernel can confine processes."""
    return _version() >= 1


def _version() -> int:
    return int(_libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))


def _hidden(workspace: Path, state_dir: Path, secrets: Iterable[Path]) -> frozenset[Path]:
    """Folders that are closed: the data folder that has both, else the state folder alone."""
    state, work = state_dir.resolve(), workspace.resolve()
    common = Path(os.path.commonpath([state, work]))
    folders = {state if common == Path("/") or common == work else common}
    folders |= {one.parent.resolve() for one in secrets if one.exists()}
    return frozenset(folders) - {Path("/"), work}


def _beside(folder: Path, hidden: frozenset[Path]) -> list[Path]:
    """The largest trees under `folder` that have nothing hidden in them, links left out."""
    if not any(one.is_relative_to(folder) for one in hidden):
        return [folder]
    found = []
    with suppress(PermissionError):
        for child in folder.iterdir():
            if child not in hidden and not child.is_symlink():
                found += _beside(child, hidden)
    return found


def _create(rights: int, scopes: int) -> int:
    wanted = struct.pack("QQQ", rights, 0, scopes)
    size = len(wanted) if scopes else 8
    ruleset = int(_libc.syscall(_CREATE_RULESET, wanted, size, 0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "no Landlock ruleset could be made")
    return ruleset


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Open a tree or a file. What went away meanwhile needs no rule."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        rule = struct.pack("=Qi", allowed, fd)
        if _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), f"no Landlock rule could be made for {path}")
    finally:
        os.close(fd)
