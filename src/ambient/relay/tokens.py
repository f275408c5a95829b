"""Where to reach a runner: address, generation and token, read together and kept for a cache life.

The client asks before each request. A value is never older than the cache life by the monotonic
clock, so a frozen process reads afresh when it wakes; and whoever is refused says `forget`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ambient.contract.tokens import Token
from ambient.core.errors import RunnerUnavailable, TokenUnavailable
from ambient.core.model import SessionId
from ambient.core.ports import Clock, SessionRecords, TokenStore

CACHE_SECONDS: Final = 1.0
"""Shorter than the quiet window of a rotation (tokens.md), always."""
_MANY: Final = 1000


@dataclass(frozen=True, slots=True)
class _Cached:
    snapshot: tuple[str, int, Token]
    until: float


class TokenSource:
    """Port `Snapshots` over the stores. cache_seconds: 0 reads every time, for a store that keeps
    what it knows by itself; on_forget: told to read afresh too."""

    def __init__(
        self,
        sessions: SessionRecords,
        tokens: TokenStore,
        clock: Clock,
        *,
        cache_seconds: float = CACHE_SECONDS,
        on_forget: Callable[[SessionId], None] = lambda session: None,
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._on_forget = on_forget
        self._cache: dict[SessionId, _Cached] = {}

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        """Raises TokenUnavailable, RunnerUnavailable when there is no runner, SessionNotFound."""
        asked = self._clock.monotonic()
        found = self._cache.get(session)
        if found is not None and asked < found.until:
            return found.snapshot
        snapshot = await self._read(session)
        if len(self._cache) >= _MANY:
            self._cache = {key: one for key, one in self._cache.items() if asked < one.until}
        self._cache[session] = _Cached(snapshot, asked + self._cache_seconds)
        return snapshot

    def forget(self, session: SessionId) -> None:
        """Read afresh next time."""
        self._cache.pop(session, None)
        self._on_forget(session)

    async def _read(self, session: SessionId) -> tuple[str, int, Token]:
        row = await self._sessions.get(session)
        record = await self._tokens.get_token(session)
        if record is not None and record.token_generation < (row.token_generation or 0):
            # The row's news came first. A stream opened with the old value would hold it in use.
            self._on_forget(session)
            record = await self._tokens.get_token(session)
        if record is None:
            raise TokenUnavailable(f"There is no token record of session '{session}' yet.")
        if record.generation != row.generation:
            raise TokenUnavailable(
                f"The token on record belongs to runner {record.generation} of the session, "
                f"the present one is {row.generation}."
            )
        if row.endpoint is None:
            raise RunnerUnavailable(f"Session '{session}' has no runner to reach at the moment.")
        return row.endpoint, row.generation, record.current
