"""Who a process is, and how it ends: Linux's own words, read from /proc.

A pid alone says nothing: numbers come back. A process is its pid, its start time and the boot it
belongs to; `Process` holds the three, and whatever is done to it is done through a pidfd.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_BOOT_ID: Final = _PROC / "sys/kernel/random/boot_id"
_STATE, _PARENT, _SESSION, _START = 0, 1, 3, 19
"""Where /proc/<pid>/stat says it, counted after the command's name."""
_OVER: Final = frozenset("ZX")


@dataclass(frozen=True, slots=True)
class Process:
    """A process for good. start_time: clock ticks since boot."""

    pid: int
    start_time: int
    boot_id: str


def boot_id() -> str:
    """This boot's id."""
    return _BOOT_ID.read_text().strip()


def process_of(pid: int) -> Process | None:
    """The process that has this pid now; None: none has."""
    stat = _stat(pid)
    return None if stat is None else Process(pid, int(stat[_START]), boot_id())


def lives(process: Process, *, noted: bool) -> bool:
    """Whether it still runs. noted: how it ended is written down.

    One that has ended counts as alive until its parent has taken note, so that how it ended is
    known as soon as it is gone; but only a parent that takes note: init may not.
    """
    stat = _same(process)
    if stat is None:
        return False
    if stat[_STATE] in _OVER:
        return not noted and int(stat[_PARENT]) > 1
    return True


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to this process and to no other; False: it has ended."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # The pidfd holds the number; only now does the comparison stay true.
        stat = _same(process)
        if stat is None or stat[_STATE] in _OVER:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def watch(process: Process) -> int | None:
    """A descriptor that becomes readable when the process ends; None: it has ended."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if _same(process) is None:
        os.close(handle)
        return None
    return handle


def family(process: Process, mark: str = "") -> set[Process]:
    """What lives of its session (the one it made by `setsid`), of its descendants, and of those
    that were started with the variable `mark` ("NAME=value") and went their own way since.

    The process itself is not among them. A session's number is not given out again while one of
    its members lives.
    """
    living = {
        int(entry.name): stat
        for entry in _PROC.iterdir()
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None
    }
    found = {pid for pid in living if mark and _carries(pid, mark)}
    if process.boot_id == boot_id() and _nobody_else(living.get(process.pid), process):
        found |= {pid for pid, stat in living.items() if int(stat[_SESSION]) == process.pid}
        found.add(process.pid)
    fresh = found
    while fresh := {pid for pid, stat in living.items() if int(stat[_PARENT]) in fresh} - found:
        found |= fresh
    return {
        Process(pid, int(living[pid][_START]), boot_id())
        for pid in found - {process.pid}
        if living[pid][_STATE] not in _OVER
    }


def _nobody_else(leader: list[str] | None, process: Process) -> bool:
    """Whether the number is still this process's, or nobody's."""
    return leader is None or int(leader[_START]) == process.start_time


def _carries(pid: int, mark: str) -> bool:
    try:
        environ = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False  # gone, or another user's
    return mark.encode() in environ.split(b"\0")


def _same(process: Process) -> list[str] | None:
    stat = _stat(process.pid)
    if stat is None or int(stat[_START]) != process.start_time:
        return None
    return stat if process.boot_id == boot_id() else None


def _stat(pid: int) -> list[str] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
