"""Instant notice of what happens in places: by inotify on their folders, by pidfd on their runners.

One descriptor for all folders, one for each runner; nothing is polled, so a runner at rest costs
nothing. A notice says only where to look.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import struct
from collections.abc import Callable
from typing import Final

from ambient.contract.names import EXIT_FILE, IDENTITY_FILE, READY_FILE
from ambient.engines.local.place import Place
from ambient.engines.local.process import Process, watch

log = logging.getLogger(__name__)

_MOVED_TO: Final = 0x80
_CLOSE_WRITE: Final = 0x08
_ONLY_FOLDERS: Final = 0x01000000
_HEADER: Final = struct.Struct("iIII")
_NAMES: Final = frozenset({IDENTITY_FILE, READY_FILE, EXIT_FILE})


class Watcher:
    """notify: called with the id of a place whose runner moved in, became ready or ended."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = -1
        self._by_watch: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._runners: dict[str, int] = {}

    def open(self) -> None:
        """Begin. Raises OSError when the system has no inotify left to give."""
        self._inotify = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        asyncio.get_running_loop().add_reader(self._inotify, self._read)

    def close(self) -> None:
        """Stop, and let go of everything."""
        for place in list(self._runners):
            self._forget_runner(place)
        if self._inotify >= 0:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = -1
        self._by_watch.clear()
        self._watches.clear()

    def watch_folder(self, place: Place) -> None:
        """Give notice when a runner moves in, is ready, or leaves a note of its end."""
        if place.id in self._watches:
            return
        mask = _MOVED_TO | _CLOSE_WRITE | _ONLY_FOLDERS
        number = self._checked(
            self._libc.inotify_add_watch(self._inotify, os.fsencode(place.folder), mask)
        )
        self._by_watch[number] = place.id
        self._watches[place.id] = number

    def watch_runner(self, place: Place, process: Process) -> None:
        """Give notice when it ends; at once if it has."""
        if place.id in self._runners:
            return
        handle = watch(process)
        if handle is None:
            self._notify(place.id)
            return
        self._runners[place.id] = handle
        asyncio.get_running_loop().add_reader(handle, self._ended, place.id)

    def forget(self, place: str) -> None:
        """No notice of this place any more."""
        self._forget_runner(place)
        number = self._watches.pop(place, None)
        if number is not None:
            self._by_watch.pop(number, None)
            # The folder may be gone, and with it the watch: nothing to be said about that.
            self._libc.inotify_rm_watch(self._inotify, number)

    def _ended(self, place: str) -> None:
        self._forget_runner(place)
        self._notify(place)

    def _forget_runner(self, place: str) -> None:
        handle = self._runners.pop(place, None)
        if handle is not None:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._inotify, 1 << 16)
            while data:
                number, _, _, length = _HEADER.unpack_from(data)
                name = data[_HEADER.size : _HEADER.size + length].rstrip(b"\0")
                data = data[_HEADER.size + length :]
                place = self._by_watch.get(number)
                if place is not None and os.fsdecode(name) in _NAMES:
                    self._notify(place)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
