"""How much one caller may have: requests by token bucket, open streams by count (api.md 11)."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ambient.core.errors import TooMany, TooManyStreams
from ambient.core.ports import Clock
from ambient.server.metrics import Metrics

_MAX_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """per_minute: sustained. burst: at once, after a pause."""

    per_minute: int
    burst: int


class Buckets:
    """A token bucket per key. The least recently used is forgotten beyond 10 000 keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._levels: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def take(self, key: tuple[str, ...], rate: Rate) -> None:
        """Take one token. Raises TooMany with the time after which there is another."""
        now = self._clock.monotonic()
        level, then = self._levels.get(key, (float(rate.burst), now))
        per_second = rate.per_minute / 60
        level = min(float(rate.burst), level + (now - then) * per_second)
        short = level < 1
        self._levels[key] = (level if short else level - 1, now)
        self._levels.move_to_end(key)
        if len(self._levels) > _MAX_BUCKETS:
            self._levels.popitem(last=False)
        if short:
            raise TooMany(
                "Too many requests in a short time.",
                hint="Wait for the seconds in Retry-After, then try again.",
                retryAfter=(1 - level) / per_second,
            )


class StreamSlots:
    """Counts open streams, per caller and per (session, caller)."""

    def __init__(self, *, per_session: int, per_caller: int, metrics: Metrics) -> None:
        self._per_session = per_session
        self._per_caller = per_caller
        self._metrics = metrics
        self._open: Counter[tuple[str, ...]] = Counter()
        self._of_session: Counter[str] = Counter()

    def readers(self, session: str) -> int:
        """How many streams of a session are open."""
        return self._of_session[session]

    @contextmanager
    def taken(self, caller: str, session: str, *, limited: bool) -> Iterator[None]:
        """Hold a slot. Raises TooManyStreams; a caller that is not limited always gets one."""
        mine, here = (caller,), (caller, session)
        if limited and (
            self._open[mine] >= self._per_caller or self._open[here] >= self._per_session
        ):
            raise TooManyStreams(hint="Close a stream that nobody reads.", retryAfter=5)
        self._open.update((mine, here))
        self._of_session[session] += 1
        self._metrics.streams.inc()
        try:
            yield
        finally:
            self._metrics.streams.dec()
            self._open.subtract((mine, here))
            self._open = +self._open
            self._of_session[session] -= 1
            if not self._of_session[session]:
                del self._of_session[session]
