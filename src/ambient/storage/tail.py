"""Who waits for which log: readers are woken after a commit and served its rows from here.

Not a second broadcast path: what is kept are committed rows, as many as a reader a moment behind
will ask for, and a reader whose cursor they do not cover reads the table. A thousand readers of one
session so cost one read of the table, not a thousand. That a log ends somewhere is never said from
here: another copy of the server may have gone on, and died before it told.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, select

from ambient.core.errors import AmbientError, SessionNotFound
from ambient.core.model import SessionId, Stored
from ambient.storage.key import key_of
from ambient.storage.schema import heads

log = logging.getLogger(__name__)

FALLBACK_SECONDS: Final = 0.8
"""Between two looks at the table for what another process appended; one query for all tails."""
MAX_ROWS: Final = 1024
MAX_BYTES: Final = 1 << 20
MAX_IDLE: Final = 64
"""Tails kept for a moment though nobody waits, so that a lone reader need not begin anew after each
event."""

Ends = list[tuple[int, int]]
Reading = Callable[[Callable[[Connection], Ends]], "asyncio.Future[Ends]"]


class Tail:
    """The end of one log. known: the last seq that is there for certain; -1: not looked yet."""

    __slots__ = ("_bytes", "_rows", "changed", "gone", "key", "known", "waiters")

    def __init__(self) -> None:
        self.key = 0
        self.known = -1
        self.waiters = 0
        self.gone = False
        self.changed = asyncio.Event()
        self._rows: list[Stored] = []
        self._bytes = 0

    def read(self, after: int, limit: int) -> Sequence[Stored] | None:
        """Rows that `EventLog.read` may answer with, at least one; None: ask the table."""
        rows = self._rows
        if not rows or not rows[0].seq <= after + 1 <= rows[-1].seq:
            return None
        start = after + 1 - rows[0].seq
        return rows[start : start + limit]

    def learn(self, key: int, last_seq: int) -> None:
        """Take in what the table says."""
        self.key = key
        if last_seq > self.known:
            self.known = last_seq
            self.wake()

    def push(self, first: int, events: Sequence[bytes]) -> None:
        """Take in what was committed here; rows that do not go on from the last begin anew."""
        if self._rows and self._rows[-1].seq + 1 != first:
            self._rows, self._bytes = [], 0
        self._rows.extend(map(Stored, range(first, first + len(events)), events))
        self._bytes += sum(map(len, events))
        while self._rows and (len(self._rows) > MAX_ROWS or self._bytes > MAX_BYTES):
            half = max(len(self._rows) // 2, 1)
            self._bytes -= sum(len(row.data) for row in self._rows[:half])
            del self._rows[:half]
        self.known = max(self.known, first + len(events) - 1)
        self.wake()

    def wake(self) -> None:
        """Wake all who wait now."""
        self.changed.set()
        self.changed = asyncio.Event()


class Tails:
    """All tails of this process. Touched on the event loop only."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._tails: OrderedDict[SessionId, Tail] = OrderedDict()
        self._idle: OrderedDict[SessionId, Tail] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def read(self, session: SessionId, after: int, limit: int) -> Sequence[Stored] | None:
        """Committed rows, at least one, if they are at hand; None: ask the table."""
        tail = self._tails.get(session)
        return None if tail is None else tail.read(after, limit)

    def pushed(self, session: SessionId, first: int, events: Sequence[bytes]) -> None:
        """These were committed."""
        tail = self._tails.get(session)
        if tail is not None and events:
            tail.push(first, events)

    def learned(self, session: SessionId, last_seq: int) -> None:
        """Another process says that so much is there."""
        tail = self._tails.get(session)
        if tail is not None and tail.known >= 0:
            tail.learn(tail.key, last_seq)

    def removed(self, session: SessionId) -> None:
        """The session is gone: those who wait hear it."""
        tail = self._tails.pop(session, None)
        self._idle.pop(session, None)
        if tail is not None:
            tail.gone = True
            tail.wake()

    async def wait(self, session: SessionId, after: int) -> None:
        """EventLog.wait."""
        tail = self._enter(session)
        try:
            if not tail.key:
                ends = await self._reading(lambda conn: _end(conn, session))
                if not ends:  # removed between the two reads
                    raise SessionNotFound(session)
                tail.learn(*ends[0])
            while tail.known <= after:
                if tail.gone:
                    raise SessionNotFound(session)
                await tail.changed.wait()
        finally:
            self._leave(session, tail)

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _enter(self, session: SessionId) -> Tail:
        tail = self._tails.setdefault(session, Tail())
        tail.waiters += 1
        self._idle.pop(session, None)
        if self._timer is None:
            self._rearm()
        return tail

    def _leave(self, session: SessionId, tail: Tail) -> None:
        tail.waiters -= 1
        if tail.waiters or self._tails.get(session) is not tail:
            return
        if tail.known < 0:
            del self._tails[session]
            return
        self._idle[session] = tail
        if len(self._idle) > MAX_IDLE:
            oldest, _ = self._idle.popitem(last=False)
            del self._tails[oldest]

    def _rearm(self) -> None:
        """Look again in a moment; where nobody waits nobody looks, and then nothing is kept: a
        notice that was lost would never be made up for."""
        self._timer = None
        if self._closed:
            return
        if any(tail.waiters for tail in self._tails.values()):
            self._timer = asyncio.get_running_loop().call_later(FALLBACK_SECONDS, self._look)
            return
        for session in self._idle:
            del self._tails[session]
        self._idle.clear()

    def _look(self) -> None:
        tails = {tail.key: one for one, tail in self._tails.items() if tail.key}
        if self._closed or not any(self._tails[one].waiters for one in tails.values()):
            self._rearm()
            return
        ends = self._reading(lambda conn: _ends(conn, list(tails)))
        ends.add_done_callback(lambda found: self._compare(tails, found))

    def _compare(self, tails: dict[int, SessionId], found: "asyncio.Future[Ends]") -> None:
        self._rearm()
        if found.cancelled() or isinstance(found.exception(), AmbientError):
            log.warning("storage: could not look for new events: %s", found)
            return
        last = dict(found.result())
        for key, session in tails.items():
            tail = self._tails.get(session)
            if tail is None or tail.key != key:
                continue
            if key in last:
                tail.learn(key, last[key])
            else:
                self.removed(session)


def _end(conn: Connection, session: SessionId) -> Ends:
    return _ends(conn, [key_of(conn, session)])


def _ends(conn: Connection, keys: Sequence[int]) -> Ends:
    found: Ends = []
    for start in range(0, len(keys), 500):
        some = heads.c.session.in_(keys[start : start + 500])
        rows = conn.execute(select(heads.c.session, heads.c.last_seq).where(some))
        found += [(row.session, row.last_seq) for row in rows]
    return found
