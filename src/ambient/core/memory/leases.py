"""Leases in memory."""

from collections.abc import Mapping, Sequence

from ambient.core.leases import Survey
from ambient.core.memory.database import Lease, MemoryDatabase, Record
from ambient.core.model import SessionId
from ambient.core.ports import Clock


class MemoryLeases:
    """The leases of one copy. seconds: how long one lasts."""

    def __init__(self, database: MemoryDatabase, clock: Clock, me: str, *, seconds: float) -> None:
        self._database = database
        self._clock = clock
        self._me = me
        self._seconds = seconds

    async def claim(self, sessions: Sequence[SessionId]) -> Mapping[SessionId, int]:
        found: dict[SessionId, int] = {}
        now = self._clock.monotonic()
        for session in sessions:
            old = self._database.leases.get(session)
            current = old is not None and old.until > now
            if old is not None and current and old.holder != self._me:
                continue
            found[session] = 1 if old is None else old.term + (0 if current else 1)
            lease = Lease(self._me, now + self._seconds, found[session])
            self._database.leases[session] = lease
        return found

    async def release(self, sessions: Sequence[SessionId]) -> None:
        for session in sessions:
            old = self._database.leases.get(session)
            if old is not None and old.holder == self._me:
                self._database.leases[session] = Lease(self._me, 0.0, old.term)

    async def survey(self) -> Survey:
        now = self._clock.monotonic()
        self._database.servers[self._me] = now + self._seconds
        needing = [one for one, record in self._database.records.items() if _needs(record)]
        held = {one for one, lease in self._database.leases.items() if lease.until > now}
        return Survey(
            free=tuple(one for one in needing if one not in held),
            needing=len(needing),
            copies=sum(until > now for until in self._database.servers.values()),
        )

    async def leave(self) -> None:
        await self.release(list(self._database.leases))
        self._database.servers.pop(self._me, None)


def _needs(record: Record) -> bool:
    return not record.session.resting or record.head.active_run is not None
