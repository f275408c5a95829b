"""Time as the runner sees it; handed in, so that tests move it."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

NewId = Callable[[], str]
"""Makes an id that nobody else has."""


class Clock(Protocol):
    """The same promises as the core's clock, which a runner may not import."""

    def now(self) -> datetime:
        """Wall-clock time, UTC, timezone-aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many monotonic seconds; 0: let the others have a turn."""
        ...


def milliseconds(clock: Clock) -> int:
    """The epoch milliseconds of an AG-UI `timestamp`."""
    return int(clock.now().timestamp() * 1000)


def rfc3339(moment: datetime) -> str:
    """A time as it stands on the wire (api.md 2.1)."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
