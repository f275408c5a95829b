"""Storing events: the hot path of the whole product.

Events go in many rows a statement: `executemany` gives the interpreter lock away once a row, and
under a busy event loop 1,000 rows then took 185 ms instead of 2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Dialect, Text, bindparam, insert, select, update

from ambient.contract.events import JournalId
from ambient.core.errors import JournalGap, SessionNotFound
from ambient.core.model import Head, SessionId
from ambient.core.projection import RunChange, changed, project
from ambient.storage import spent
from ambient.storage.attention import attention
from ambient.storage.codec import RUN, encode, to_cost
from ambient.storage.feed import next_change
from ambient.storage.head import read_head, stamp_of, write_doc
from ambient.storage.prepared import Prepared, at, cursor_of, into, to
from ambient.storage.schema import events, heads, journals, runs, sessions

CHUNKS: Final = (512, 128, 32, 8, 2, 1)
"""Rows of one INSERT; a batch is cut into the largest that fit."""
_FROM_ARRAY: Final = (
    "INSERT INTO events (session, seq, data) SELECT %(session)s::bigint, "
    "%(before)s::bigint + number, data "
    "FROM unnest(%(events)s::bytea[]) WITH ORDINALITY AS batch(data, number)"
)
"""The same on PostgreSQL, which takes a batch of any size as one value."""
ACTIVITY_STEP: Final = 1_000_000
"""Microseconds. The list's order by activity is kept to the second, not to the batch."""


_COLUMNS: Final = (
    select(
        sessions.c.key,
        sessions.c.active_at,
        heads.c.last_seq,
        heads.c.last_activity_at,
        heads.c.doc,
    )
    .join_from(sessions, heads, heads.c.session == sessions.c.key)
    .where(sessions.c.project == at("project"), sessions.c.name == at("name"))
)
_FIND: Final = Prepared(_COLUMNS)
# SQLite has no such clause and needs none: BEGIN IMMEDIATE locks everything.
_LOCK: Final = Prepared(_COLUMNS.with_for_update(of=heads))

_OF_JOURNAL: Final = (journals.c.session == at("session"), journals.c.journal == at("journal"))
_NUMBER: Final = Prepared(select(journals.c.last_number).where(*_OF_JOURNAL))
_JOURNAL: Final = Prepared(update(journals).where(*_OF_JOURNAL).values(into("last_number")))
_NEW_JOURNAL: Final = Prepared(insert(journals).values(into("session", "journal", "last_number")))

_OF_HEAD: Final = update(heads).where(heads.c.session == at("session"))
_HEAD: Final = Prepared(_OF_HEAD.values(into("last_seq", "last_activity_at")))
_HEAD_DOC: Final = Prepared(_OF_HEAD.values(into("last_seq", "last_activity_at", "doc")))
_ACTIVITY: Final = Prepared(
    update(sessions)
    .where(sessions.c.key == at("session"))
    .values(
        **into("active_at", "agent_status", "cost", "changed"),
        attention=attention(
            sessions.c.phase,
            bindparam("to_agent_status", type_=Text),
            bindparam("to_active_at", type_=BigInteger),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a journal says, its events numbered from `first`."""

    journal: JournalId
    first: int
    events: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Locked:
    """A session's row as it stands in this transaction, which nobody else can change."""

    key: int
    project: str
    head: Head
    active_at: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What was stored: the head after it, and the events from seq `first` on. changed: the number
    of this change in the feed; 0: lists look the same."""

    head: Head
    first: int = 0
    events: Sequence[bytes] = ()
    changed: int = 0


def lock(conn: Connection, session: SessionId) -> Locked:
    """Read the head and keep everyone else from changing it. Raises SessionNotFound."""
    return _load(conn, _LOCK, session)


def head_of(conn: Connection, session: SessionId) -> Head:
    """Read the head. Raises SessionNotFound."""
    return _load(conn, _FIND, session).head


def append(
    conn: Connection,
    session: SessionId,
    batch: Batch,
    now: datetime,
) -> Appended:
    """EventLog.append."""
    locked = lock(conn, session)
    row = _NUMBER.one(conn, session=locked.key, journal=batch.journal)
    last = row[0] if row else 0
    if batch.first > last + 1:
        raise JournalGap(last=last)
    fresh = batch.events[last + 1 - batch.first :] if batch.first <= last else batch.events
    if not fresh:
        return Appended(locked.head)
    values = to(session=locked.key, journal=batch.journal, last_number=last + len(fresh))
    if row:
        _JOURNAL.run(conn, session=locked.key, journal=batch.journal, **values)
    else:
        _NEW_JOURNAL.run(conn, **values)
    return store(conn, locked, fresh, now)


def store(
    conn: Connection,
    locked: Locked,
    batch: Sequence[bytes],
    now: datetime,
    head: Head | None = None,
) -> Appended:
    """Write events and all that follows from them. head: with what the caller changed."""
    new, changes = project(head or locked.head, batch, now)
    for change in changes:
        new = _change_run(conn, locked.key, new, change)
    first = locked.head.last_seq + 1
    _insert(conn, locked.key, first, batch)
    number = write_head(conn, locked, new)
    more = to_cost(new.usage.cost_usd) - max(0, to_cost(locked.head.usage.cost_usd))
    if more > 0:
        spent.add(conn, locked.project, now, more)
    return Appended(new, first, batch, number)


def write_head(conn: Connection, locked: Locked, new: Head) -> int:
    """Write what has changed of the head; the number of the change in the feed, 0: none."""
    stamp = stamp_of(new)
    values = {"session": locked.key, **to(last_seq=new.last_seq, last_activity_at=stamp)}
    doc = write_doc(locked.head, new)
    if doc is None:
        _HEAD.run(conn, **values)
    else:
        _HEAD_DOC.run(conn, to_doc=doc, **values)
    active_at = stamp or locked.active_at
    if doc is None and active_at - locked.active_at < ACTIVITY_STEP:
        return 0
    number = next_change(conn)
    row = to(
        active_at=active_at,
        agent_status=new.concern,
        cost=to_cost(new.usage.cost_usd),
        changed=number,
    )
    _ACTIVITY.run(conn, session=locked.key, **row)
    return number


def _load(conn: Connection, prepared: Prepared, session: SessionId) -> Locked:
    project_name, _, name = session.partition("/")
    row = prepared.one(conn, project=project_name, name=name)
    if row is None:
        raise SessionNotFound(session)
    key, active_at, *head = row
    return Locked(key, project_name, read_head(*head), active_at)


def _insert(conn: Connection, key: int, first: int, batch: Sequence[bytes]) -> None:
    cursor = cursor_of(conn)
    if conn.dialect.name == "postgresql":
        cursor.execute(_FROM_ARRAY, {"session": key, "before": first - 1, "events": list(batch)})
        cursor.close()
        return
    for start, size in _cut(len(batch)):
        values: list[Any] = []
        for seq, data in enumerate(batch[start : start + size], first + start):
            values += (key, seq, data)
        cursor.execute(_insert_of(size, conn.dialect), values)
    cursor.close()


@cache
def _insert_of(size: int, dialect: Dialect) -> str:
    """The statement that takes so many rows, (session, seq, data) each."""
    rows: list[dict[str, Any]] = [
        {name: bindparam(f"{name}{row}") for name in ("session", "seq", "data")}
        for row in range(size)
    ]
    return str(insert(events).values(rows).compile(dialect=dialect))


def _change_run(conn: Connection, key: int, head: Head, change: RunChange) -> Head:
    """A run that nobody queued has no row, and needs none."""
    mine = (runs.c.session == key, runs.c.run_id == change.run_id)
    doc = conn.execute(select(runs.c.doc).where(*mine)).scalar_one_or_none()
    if doc is None:
        return head
    head, run = changed(head, RUN.validate_json(doc), change)
    conn.execute(update(runs).where(*mine).values(status=run.status, doc=encode(RUN, run)))
    return head


def _cut(length: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in CHUNKS:
        while length - start >= size:
            yield start, size
            start += size
