"""Removing a session: gone at once for everyone, its bulk in small bites afterwards.

A log of a million events takes seconds to remove; nobody else's write waits for more than a bite.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Table, delete, insert, select, update

from ambient.core.model import SessionId
from ambient.storage.key import find_key
from ambient.storage.schema import (
    blobs,
    documents,
    events,
    heads,
    journals,
    projects,
    removals,
    runs,
    search_texts,
    session_labels,
    sessions,
    snapshots,
    token_records,
)

BITE: Final = 5_000
"""Events removed in one transaction, some 10 ms."""

_SMALL: Final[tuple[Table, ...]] = (
    documents,
    session_labels,
    search_texts,
    heads,
    journals,
    runs,
    snapshots,
    token_records,
)


class Write(Protocol):
    """Database.write."""

    def __call__(self, work: Callable[[Connection], bool]) -> Awaitable[Any]: ...


async def finish_removals(write: Write) -> None:
    """Remove the bulk of every session that is gone; also what a crash has interrupted."""
    while await write(_bite):
        pass


def take_out(conn: Connection, session: SessionId) -> bool:
    """Remove all that anybody could find of a session, its secrets included. False: not there."""
    key = find_key(conn, session)
    if key is None:
        return False
    last_seq = conn.execute(select(heads.c.last_seq).where(heads.c.session == key)).scalar_one()
    listed = sessions.c.deleted_at.is_(None)
    found = conn.execute(select(sessions.c.project, listed).where(sessions.c.key == key)).one()
    if found[1]:
        conn.execute(
            update(projects)
            .where(projects.c.name == found[0])
            .values(sessions=projects.c.sessions - 1)
        )
    for table in _SMALL:
        conn.execute(delete(table).where(table.c.session == key))
    conn.execute(delete(sessions).where(sessions.c.key == key))
    conn.execute(insert(removals).values(session=key, last_seq=last_seq))
    return True


def _bite(conn: Connection) -> bool:
    """Remove one bite; False: there was nothing left."""
    found = conn.execute(select(removals).limit(1)).one_or_none()
    if found is None:
        return False
    if found.last_seq > 0:
        rest = found.last_seq - BITE
        conn.execute(delete(events).where(events.c.session == found.session, events.c.seq > rest))
        conn.execute(
            update(removals).where(removals.c.session == found.session).values(last_seq=rest)
        )
        return True
    ref = conn.execute(select(blobs.c.ref).where(blobs.c.session == found.session).limit(1))
    if (blob := ref.scalar_one_or_none()) is not None:
        conn.execute(delete(blobs).where(blobs.c.session == found.session, blobs.c.ref == blob))
        return True
    conn.execute(delete(removals).where(removals.c.session == found.session))
    return True
