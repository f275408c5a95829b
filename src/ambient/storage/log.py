"""EventLog in the database."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update

from ambient.contract.events import Event, JournalId
from ambient.core.errors import BlobNotFound
from ambient.core.model import Enqueued, Head, Prompt, Run, RunId, SessionId, Stored
from ambient.core.ports import Clock
from ambient.core.projection import encode
from ambient.storage import append, queue, spent
from ambient.storage.append import Appended, Batch
from ambient.storage.database import Database
from ambient.storage.key import key_of
from ambient.storage.prepared import Prepared, at
from ambient.storage.schema import blobs, events, journals, sessions, snapshots

_KEY: Final = (
    select(sessions.c.key)
    .where(sessions.c.project == at("project"), sessions.c.name == at("name"))
    .scalar_subquery()
)
_READ: Final = Prepared(
    select(events.c.seq, events.c.data)
    .where(events.c.session == _KEY, events.c.seq > at("after"))
    .order_by(events.c.seq)
    .limit(at("up_to"))
)


Fence = Callable[[Connection, SessionId], None]
"""Raises LeaseLost unless this copy of the server holds the session until the commit."""


class SqlEventLog:
    """The log and queue of each session. fence: for who speaks and hands over as its holder."""

    def __init__(self, database: Database, clock: Clock, fence: Fence | None = None) -> None:
        self._database = database
        self._clock = clock
        self._fence = fence

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        now = self._clock.now()

        def work(conn: Connection) -> Appended:
            return append.append(conn, session, Batch(journal, first, events), now)

        stored = await self._database.write(work, lambda done: self._tell(session, done))
        return stored.head

    async def say(self, session: SessionId, events: Sequence[Event]) -> Head:
        now, batch = self._clock.now(), [encode(event) for event in events]

        def work(conn: Connection) -> Appended:
            self._guard(conn, session)
            locked = append.lock(conn, session)
            if not batch:
                return Appended(locked.head)
            return append.store(conn, locked, batch, now)

        stored = await self._database.write(work, lambda done: self._tell(session, done))
        return stored.head

    async def last_number(self, session: SessionId, journal: JournalId) -> int:
        def work(conn: Connection) -> int:
            mine = (journals.c.session == key_of(conn, session), journals.c.journal == journal)
            last = conn.execute(select(journals.c.last_number).where(*mine)).scalar_one_or_none()
            return last or 0

        return await self._database.glance(work)

    async def read(self, session: SessionId, after: int, limit: int = 1000) -> Sequence[Stored]:
        found = self._database.tails.read(session, after, limit)
        if found is not None:
            return found
        return await self._database.read(lambda conn: _rows(conn, session, after, limit))

    async def wait(self, session: SessionId, after: int) -> None:
        await self._database.tails.wait(session, after)

    async def head(self, session: SessionId) -> Head:
        return await self._database.glance(lambda conn: append.head_of(conn, session))

    async def snapshot(self, session: SessionId) -> tuple[int, bytes] | None:
        def work(conn: Connection) -> tuple[int, bytes] | None:
            mine = snapshots.c.session == key_of(conn, session)
            found = conn.execute(select(snapshots.c.seq, snapshots.c.data).where(mine))
            row = found.one_or_none()
            return None if row is None else (row.seq, row.data)

        return await self._database.read(work)

    async def put_snapshot(self, session: SessionId, seq: int, data: bytes) -> None:
        def work(conn: Connection) -> None:
            key = key_of(conn, session)
            mine = snapshots.c.session == key
            known = conn.execute(select(snapshots.c.seq).where(mine)).scalar_one_or_none()
            if known is None:
                conn.execute(insert(snapshots).values(session=key, seq=seq, data=data))
            elif known < seq:
                conn.execute(update(snapshots).where(mine).values(seq=seq, data=data))

        await self._database.write(work)

    async def enqueue(self, session: SessionId, prompt: Prompt, *, front: bool = False) -> Enqueued:
        now = self._clock.now()
        queued, _ = await self._database.write(
            lambda conn: queue.enqueue(conn, session, prompt, front=front, now=now),
            lambda done: self._tell(session, done[1], queue=True),
            durable=True,
        )
        return queued

    async def hand_over(self, session: SessionId, run: RunId, generation: int) -> Run | None:
        def work(conn: Connection) -> tuple[Run | None, int]:
            self._guard(conn, session)
            return queue.hand_over(conn, session, run, generation)

        given, _ = await self._database.write(work, lambda done: self._database.listed(done[1]))
        return given

    async def withdraw(
        self, session: SessionId, runs: Sequence[RunId] | None = None
    ) -> Sequence[Run]:
        now = self._clock.now()
        gone, _ = await self._database.write(
            lambda conn: queue.withdraw(conn, session, runs, now),
            lambda done: self._tell(session, done[1], queue=True),
            durable=True,
        )
        return gone

    async def edit(
        self, session: SessionId, run: RunId, *, text: str | None = None, place: int | None = None
    ) -> Enqueued:
        now = self._clock.now()
        found, _ = await self._database.write(
            lambda conn: queue.edit(conn, session, run, (text, place), now),
            lambda done: self._tell(session, done[1]),
        )
        return found

    async def run(self, session: SessionId, run: RunId) -> Run:
        return await self._database.glance(lambda conn: queue.get(conn, session, run))

    async def runs(
        self, session: SessionId, *, limit: int = 20, offset: int = 0, queued: bool = False
    ) -> tuple[Sequence[Run], int]:
        return await self._database.read(
            lambda conn: queue.page(conn, session, limit=limit, offset=offset, queued=queued)
        )

    async def spent(self, project: str, since: datetime) -> float | None:
        return await self._database.read(lambda conn: spent.since(conn, project, since))

    async def put_blob(self, session: SessionId, ref: str, data: bytes) -> None:
        def work(conn: Connection) -> None:
            key = key_of(conn, session)
            known = select(blobs.c.ref).where(blobs.c.session == key, blobs.c.ref == ref)
            # Its name is its content's, so what is there is the same.
            if conn.execute(known).one_or_none() is None:
                conn.execute(insert(blobs).values(session=key, ref=ref, data=data))

        await self._database.write(work)

    async def blob(self, session: SessionId, ref: str) -> bytes:
        def work(conn: Connection) -> bytes | None:
            mine = (blobs.c.session == key_of(conn, session), blobs.c.ref == ref)
            return conn.execute(select(blobs.c.data).where(*mine)).scalar_one_or_none()

        data = await self._database.read(work)
        if data is None:
            raise BlobNotFound(f"There is no blob '{ref}' in this session.")
        return data

    def _guard(self, conn: Connection, session: SessionId) -> None:
        if self._fence is not None:
            self._fence(conn, session)

    def _tell(self, session: SessionId, stored: Appended | None, *, queue: bool = False) -> None:
        if stored is not None:
            self._database.listed(stored.changed)
            self._database.appended(session, stored.first, stored.events)
            if queue:
                self._database.changed(session)


def _rows(conn: Connection, session: SessionId, after: int, limit: int) -> Sequence[Stored]:
    project, _, name = session.partition("/")
    rows = _READ.all(conn, project=project, name=name, after=after, up_to=limit)
    if not rows:
        key_of(conn, session)  # raises for a session that is gone
    return [Stored(seq, data) for seq, data in rows]
