"""Keeps each long log's fold at hand, so that a reader without a cursor need not wait for it.

Costs nothing while a log is short; a long one is folded again every so many events, and not more
often than every two seconds, however fast they come.
"""

from typing import Final

from ambient.core.model import SessionId
from ambient.core.ports import Clock, EventLog
from ambient.core.service.history import conversation

FOLD_EVERY: Final = 20_000
"""Events. What a reader may have to fold by itself at most, which takes some 0.1 s."""
PAUSE_SECONDS: Final = 2.0
REMEMBERED: Final = 1_000
"""Sessions whose last fold is remembered; of a forgotten one the stored fold is read once more."""


class Folding:
    """The concern that folds ahead of readers."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._folded: dict[SessionId, tuple[int, float]] = {}

    async def look(self, session: SessionId) -> float | None:
        """Fold when enough has come since."""
        seq, at = self._folded.get(session, (0, float("-inf")))
        head = await self._log.head(session)
        if head.last_seq - seq < FOLD_EVERY:
            return None
        early = at + PAUSE_SECONDS - self._clock.monotonic()
        if early > 0:
            return early
        found = await conversation(self._log, session)
        self._folded[session] = (found.seq, self._clock.monotonic())
        if len(self._folded) > REMEMBERED:
            self._folded.pop(next(iter(self._folded)))
        return None
