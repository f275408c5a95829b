"""Removing a session: gone at once for everyone, its bulk in small bites afterwards.

A log of a million events takes seconds to remove; nobody else's write waits for more than a bite.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Table, delete, insert, select, update

from ambient.core.model import DRAFTS, SessionId
from ambient.storage.feed import forget
from ambient.storage.key import find_key
from ambient.storage.schema import (
    blobs,
    documents,
    events,
    heads,
    journals,
    leases,
    objects,
    projects,
    removals,
    runs,
    search_texts,
    session_labels,
    session_repos,
    sessions,
    snapshots,
    token_records,
    upload_pieces,
    uploads,
)

BITE: Final = 5_000
"""Events removed in one transaction, some 10 ms."""

_SMALL: Final[tuple[Table, ...]] = (
    documents,
    session_labels,
    session_repos,
    search_texts,
    heads,
    journals,
    runs,
    snapshots,
    token_records,
    uploads,
    upload_pieces,
)


class Write(Protocol):
    """Database.write."""

    def __call__(self, work: Callable[[Connection], bool]) -> Awaitable[Any]: ...


async def finish_removals(write: Write) -> None:
    """Remove the bulk of every session that is gone; also what a crash has interrupted."""
    while await write(_bite):
        pass


def take_out(conn: Connection, session: SessionId) -> int:
    """Remove all that anybody could find of a session, its secrets included. The number of the
    change in the feed; 0: it is not there."""
    key = find_key(conn, session)
    if key is None:
        return 0
    # Its head first, as who appends does: nobody shall store an event that is never removed.
    locked = select(heads.c.last_seq).where(heads.c.session == key).with_for_update()
    last_seq = conn.execute(locked).scalar_one_or_none()
    if last_seq is None:
        return 0
    project, _, name = session.partition("/")
    change = forget(conn, project, name)
    listed = sessions.c.deleted_at.is_(None)
    mine = (
        select(sessions.c.project, listed, sessions.c.uid)
        .where(sessions.c.key == key)
        .with_for_update()
    )
    found = conn.execute(mine).one()
    for table in _SMALL:
        conn.execute(delete(table).where(table.c.session == key))
    conn.execute(delete(objects).where(objects.c.kind == DRAFTS, objects.c.scope == found[2]))
    conn.execute(delete(sessions).where(sessions.c.key == key))
    conn.execute(delete(leases).where(leases.c.name == session))
    if found[1]:
        conn.execute(
            update(projects)
            .where(projects.c.name == found[0])
            .values(sessions=projects.c.sessions - 1)
        )
    conn.execute(insert(removals).values(session=key, last_seq=last_seq))
    return change


def _bite(conn: Connection) -> bool:
    """Remove one bite; False: there was nothing left."""
    found = conn.execute(
        select(removals)
        .limit(1)
        .with_for_update(skip_locked=True)  # another copy's bite is its own
    ).one_or_none()
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
