"""When the demo agent says what it was asked to say so many times a second."""

from typing import Final

from ambient.runner.agents.base import Surroundings

_TICKS_PER_SECOND: Final = 50


class Pace:
    """Spreads events over time, in ticks rather than one by one."""

    def __init__(self, per_second: float, around: Surroundings) -> None:
        self._per_second = max(per_second, 0.001)
        self._every = max(1, int(per_second / _TICKS_PER_SECOND))
        self._clock = around.clock
        self._began = around.clock.monotonic()

    async def wait(self, number: int) -> None:
        """Return when it is time for the event of that number, or a little before."""
        if number % self._every == 0:
            due = self._began + number / self._per_second
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
