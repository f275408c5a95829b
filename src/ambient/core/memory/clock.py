"""A clock that stands still until it is moved."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """Time that tests move: `advance` both clocks, or `jump` the wall clock alone."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._elapsed = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._fell_asleep = asyncio.Event()

    def now(self) -> datetime:
        """The wall clock."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been advanced so far; 0: after the others had their turn."""
        due = self._elapsed + max(seconds, 0.0)
        if due <= self._elapsed:
            # The one place that yields without waiting, as asyncio itself spells it.
            await asyncio.sleep(0)  # noqa: TID251
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        self._fell_asleep.set()
        await woken

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def asleep(self, how_many: int = 1) -> None:
        """Return once so many sleep, so that a test moves time only when somebody waits for it."""
        while self.sleeping < how_many:
            self._fell_asleep.clear()
            await self._fell_asleep.wait()

    def advance(self, by: timedelta | float) -> None:
        """Move both clocks forward and wake, in order, who has slept long enough."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += step
        self._elapsed += step.total_seconds()
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, forward or back, as a laptop's sleep or an NTP step does."""
        self._now += by
