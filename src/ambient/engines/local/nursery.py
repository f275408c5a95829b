"""Forks runners and notes how each ended, before the system forgets it."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ambient.contract.names import EXIT_FILE
from ambient.engines.local.child import PLACE_TAKEN, Run, become_runner
from ambient.engines.local.order import Answer, Order
from ambient.engines.local.place import Place, write_json
from ambient.engines.local.process import process_of

_KERNEL_COUNTERS: Final = Path("/proc/vmstat")


class Nursery:
    """The children of this process. run: what a child does. let_go: called first thing in a child;
    it closes what belongs to the parent alone."""

    def __init__(self, run: Run, let_go: Callable[[], None]) -> None:
        self._run = run
        self._let_go = let_go
        self._places: dict[int, Path] = {}
        self._oom_kills = oom_kills()

    def __bool__(self) -> bool:
        return bool(self._places)

    def start(self, order: Order) -> Answer:
        """Fork one runner."""
        try:
            pid = os.fork()
        except OSError as exc:
            return Answer(number=order.number, error=str(exc))
        if pid == 0:
            self._let_go()
            become_runner(order, self._run)
        self._places[pid] = Path(order.state_dir)
        child = process_of(pid)
        started = child.start_time if child is not None else 0
        return Answer(number=order.number, pid=pid, start_time=started)

    def end_the_useless(self) -> None:
        """End the runners that no session has, and those whose place was removed."""
        for pid, folder in self._places.items():
            place = Place(folder)
            who = place.identity()
            is_waiting = who is not None and not who.session and place.claim() is None
            if is_waiting or not folder.exists():
                os.kill(pid, signal.SIGKILL)  # ours until it is reaped, so it is no other

    def reap(self, *, wait: bool = False) -> None:
        """Note how each child ended that has. wait: until all have."""
        options = os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG)
        while self._places:
            ended = os.waitid(os.P_ALL, 0, options)
            if ended is None:
                return
            folder = self._places.pop(ended.si_pid, None)
            if folder is not None:
                try:
                    self._note(folder, ended.si_code == os.CLD_EXITED, ended.si_status)
                except OSError as exc:
                    say(f"cannot note the end of {folder.name}: {exc}")
            os.waitpid(ended.si_pid, 0)

    def _note(self, folder: Path, exited: bool, status: int) -> None:
        if not folder.exists() or (folder / EXIT_FILE).exists():
            return
        if exited and status == PLACE_TAKEN:
            return  # it never lived there; the one who does will leave a note of its own
        ending: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if exited:
            ending["code"] = status
        else:
            kills = oom_kills()
            ending["signal"] = status
            ending["outOfMemory"] = status == signal.SIGKILL and kills > self._oom_kills
            self._oom_kills = kills
        write_json(folder / EXIT_FILE, ending)


def oom_kills() -> int:
    """How many processes this kernel has killed for want of memory since it booted."""
    for line in _KERNEL_COUNTERS.read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def say(text: str) -> None:
    """One line to the fork server's log."""
    sys.stderr.write(f"forkserver: {text}\n")
    sys.stderr.flush()
