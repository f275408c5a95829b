"""How long to wait before trying again: 0.5 s doubling to 15 s, with jitter (ui.md 1.4)."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds. Handed in, so that a test moves time instead of waiting."""

pause: Final[Pause] = asyncio.sleep  # noqa: TID251  # the client's one real clock

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 15.0


class Backoff:
    """The delays of one series of tries."""

    def __init__(self) -> None:
        self._tries = 0

    def reset(self) -> None:
        """It worked: the next series starts short."""
        self._tries = 0

    def next_seconds(self, at_least: float | None = None) -> float:
        """The next delay. at_least: what the server asked for (Retry-After)."""
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * (1 << self._tries))
        self._tries = min(self._tries + 1, 10)
        # Half of it is random, so that readers cut at the same moment do not return together.
        return max(longest * random.uniform(0.5, 1.0), at_least or 0.0)  # noqa: S311  # no secret
