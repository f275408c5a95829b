"""How a runner ended, in words, from what it left: exit.json and the last line of its log."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ambient.core.model import Ending
from ambient.engines.local.place import Place

LOST: Final = "RunnerLost"
CRASHED: Final = "RunnerCrashed"
OUT_OF_MEMORY: Final = "OutOfMemory"
PREREQUISITE: Final = "PrerequisiteFailed"

_BY_CODE: Final[Mapping[int | None, str]] = {
    None: LOST,
    0: "",
    2: PREREQUISITE,
    128 + signal.SIGTERM: LOST,  # it ended in good order because somebody asked it to
}
_NO_FAULT: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
"""Signals that somebody sends (a shutdown, a person); the others are the runner's own doing."""
_TAIL: Final = 64 << 10
_SECRETS: Final = re.compile(
    r"ast_[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"
)
HIDDEN: Final = "[redacted]"


def ending_of(place: Place) -> Ending:
    """How the runner that lived here ended. Call it only when it is gone."""
    last = tail_of(place.log, 1)
    left = place.ending()
    if left is None:
        return Ending(reason=LOST, last_line=last)
    code, killed_by = left.get("code"), left.get("signal")
    reason = _reason(code, killed_by, starved=bool(left.get("outOfMemory")))
    if reason == CRASHED and last.startswith("MemoryError"):
        reason = OUT_OF_MEMORY
    return Ending(code=code, signal=killed_by, reason=reason, last_line=last)


def tail_of(log: Path, lines: int) -> str:
    """The newest lines of a log, newest last, secrets replaced; empty: it has none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - max(_TAIL, lines * 512)))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    found = [line for line in text.splitlines() if line.strip()]
    return redacted("\n".join(found[-lines:] if lines > 0 else ()))


def redacted(text: str) -> str:
    """The text without what looks like a session token or a bot token."""
    return _SECRETS.sub(HIDDEN, text)


def _reason(code: int | None, killed_by: int | None, *, starved: bool) -> str:
    if starved:
        return OUT_OF_MEMORY
    if killed_by is not None:
        return LOST if killed_by in _NO_FAULT else CRASHED
    return _BY_CODE.get(code, CRASHED)
