"""Several copies of the server over one database: which sessions are this copy's.

`Holding` takes leases, renews them together and gives up what is more than its share; `Held` lets
a concern look only at sessions that are held here; `Tailing` reads their journals, and `Parting`
gives up those that need nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from ambient.core.errors import AmbientError, SessionNotFound
from ambient.core.leases import Leases, Survey
from ambient.core.lifecycle import Phase
from ambient.core.model import SessionId
from ambient.core.ports import Clock, EventLog, Relay, SessionStore, Wake
from ambient.core.reconcile.loop import Concern, first_of

log = structlog.get_logger()

LIFE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 3.0
MARGIN_SECONDS: Final = 2.0
"""Before its end, by the holder's own monotonic clock, a lease counts as lost: what was begun under
it is over by then, or is refused by the fence."""
SLACK: Final = 1
"""Sessions beyond its share that a copy keeps, so that none is handed to and fro."""


class Holding:
    """The leases of this copy. lost: has whatever was done under a lease end."""

    def __init__(
        self,
        leases: Leases,
        clock: Clock,
        *,
        wake: Wake,
        lost: Callable[[SessionId], Awaitable[None]],
        life_seconds: float = LIFE_SECONDS,
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._wake = wake
        self._lost = lost
        self._life = life_seconds
        self._until: dict[SessionId, float] = {}
        self._wanted: set[SessionId] = set()
        self._room = 1
        self._soon = asyncio.Event()
        self.renewed_at: float | None = None
        """When the store last answered, monotonic; None: not yet."""

    def holds(self, session: SessionId) -> bool:
        """Whether this copy may act for the session now."""
        return self._clock.monotonic() < self._until.get(session, 0.0)

    def want(self, session: SessionId) -> None:
        """Something is to be done for a session that is not held here: take it if it is free."""
        if session not in self._wanted and len(self._until) < self._room:
            self._wanted.add(session)
            self._soon.set()

    def heard(self, session: SessionId | None) -> None:
        """Another copy has changed a session; None: nobody knows which."""
        for one in [session] if session is not None else list(self._until):
            self._wake(one)

    def drop(self, session: SessionId) -> None:
        """It needs no holder any more: its lease is not renewed."""
        self._until.pop(session, None)

    async def run(self) -> None:
        """Until cancelled; then everything is given up, so that others go on at once."""
        try:
            while True:
                try:
                    await self._renew()
                except AmbientError as exc:
                    log.warning("leases could not be renewed, will retry", error=str(exc))
                    await self._let_go()
                await first_of(self._soon.wait(), self._clock.sleep(self._pause()))
        finally:
            await self._leave()

    def _pause(self) -> float:
        return self._life * RENEW_SECONDS / LIFE_SECONDS

    async def _renew(self) -> None:
        """Survey, then claim what is held, wanted and free up to the share, in one round."""
        self._soon.clear()
        seen = await self._leases.survey()
        self._room = seen.share + SLACK
        await self._give_up(len(self._until) - self._room)
        asked = self._asked(seen)
        began = self._clock.monotonic()
        got = await self._leases.claim(asked)
        self.renewed_at = self._clock.monotonic()
        until = began + self._life * (1 - MARGIN_SECONDS / LIFE_SECONDS)
        fresh = [one for one in got if not self.holds(one)]
        self._until.update(dict.fromkeys(got, until))
        for session in set(asked) - set(got):
            await self._end(session)
        for session in fresh:
            self._wake(session)

    def _asked(self, seen: Survey) -> list[SessionId]:
        free = [one for one in seen.free if one not in self._until]
        wanted = [one for one in self._wanted if one not in self._until and one not in seen.free]
        self._wanted.clear()
        room = max(self._room - len(self._until), 0)
        return [*self._until, *(wanted + free)[:room]]

    async def _give_up(self, surplus: int) -> None:
        """The newest first: they have the least to carry on with."""
        going = list(self._until)[::-1][: max(surplus, 0)]
        for session in going:
            await self._end(session)
        if going:
            await self._leases.release(going)

    async def _let_go(self) -> None:
        """What is no longer held for certain is not acted for."""
        for session in [one for one in self._until if not self.holds(one)]:
            await self._end(session)

    async def _end(self, session: SessionId) -> None:
        if self._until.pop(session, None) is not None:
            await self._lost(session)

    async def _leave(self) -> None:
        held, self._until = list(self._until), {}
        for session in held:
            await self._lost(session)
        try:
            await self._leases.leave()
        except AmbientError as exc:
            log.warning("leases are left to lapse", error=str(exc))


class Held:
    """A concern that looks at sessions of this copy only."""

    def __init__(self, concern: Concern, holding: Holding) -> None:
        self._concern = concern
        self._holding = holding

    async def look(self, session: SessionId) -> float | None:
        """Look, if the session is held here; else see whether it can be."""
        if not self._holding.holds(session):
            self._holding.want(session)
            return None
        return await self._concern.look(session)


class Tailing:
    """The concern that follows the journal of each session held here. Added first, so that a log
    whose runner is over gets no more of it when the others speak."""

    def __init__(self, store: SessionStore, relay: Relay) -> None:
        self._store = store
        self._relay = relay
        self._opened: dict[SessionId, tuple[int, int | None]] = {}

    async def look(self, session: SessionId) -> float | None:
        """Follow while a runner is reachable; with the present token, once another one counts."""
        try:
            found = await self._store.get(session)
        except SessionNotFound:
            await self._stop(session)
            raise
        if not found.live:
            await self._stop(session)
        elif found.endpoint and found.phase in (Phase.RUNNING, Phase.STOPPING):
            opened = (found.generation, found.token_generation)
            before = self._opened.setdefault(session, opened)
            self._opened[session] = opened
            self._relay.follow(session)
            if before != opened:
                self._relay.reopen(session)
        return None

    async def _stop(self, session: SessionId) -> None:
        self._opened.pop(session, None)
        await self._relay.unfollow(session)


class Parting:
    """The concern that gives up sessions that need nobody. Added last."""

    def __init__(self, store: SessionStore, log: EventLog, holding: Holding) -> None:
        self._store = store
        self._log = log
        self._holding = holding

    async def look(self, session: SessionId) -> float | None:
        """Look whether anything is left to do."""
        try:
            found = await self._store.get(session)
            head = await self._log.head(session)
        except SessionNotFound:
            self._holding.drop(session)
            raise
        if found.resting and head.active_run is None:
            self._holding.drop(session)
        return None
