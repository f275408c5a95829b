"""Which rows of lists have changed: one count for all projects, and who waits for it.

Every transaction after which a session looks different in a list takes the next number and writes
it to the session's row. A reader with a cursor so finds what it missed by an index, each session
once and as it is now. Removed sessions leave a line in `forgotten`, of which the newest are kept.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from ambient.core.errors import AmbientError
from ambient.core.lists import Change, Changes, Listed
from ambient.core.model import session_id
from ambient.storage.codec import session_of
from ambient.storage.head import read_head
from ambient.storage.prepared import Prepared
from ambient.storage.schema import documents, feed, forgotten, heads, sessions

log = logging.getLogger(__name__)

FALLBACK_SECONDS: Final = 0.8
"""Between two looks for what another process changed, while anybody waits."""
KEPT: Final = 1_000
"""Removals that a reader who comes back is told of; beyond them it begins anew."""

_NEXT: Final = Prepared(update(feed).values(last=feed.c.last + 1).returning(feed.c.last))
_LAST: Final = Prepared(select(feed.c.nonce, feed.c.last, feed.c.floor))

Reading = Callable[[Callable[[Connection], int]], "asyncio.Future[int]"]


def next_change(conn: Connection) -> int:
    """The number of the change that this transaction makes."""
    return int(_NEXT.one(conn)[0])


def forget(conn: Connection, project: str, name: str) -> int:
    """Remember that a session is gone; the number of that change."""
    number = next_change(conn)
    conn.execute(insert(forgotten).values(changed=number, project=project, name=name))
    newest = select(forgotten.c.changed).order_by(forgotten.c.changed.desc())
    old = conn.execute(newest.offset(KEPT).limit(1)).scalar_one_or_none()
    if old is not None:
        conn.execute(delete(forgotten).where(forgotten.c.changed <= old))
        conn.execute(update(feed).values(floor=old))
    return number


def cursor(conn: Connection) -> str:
    """The cursor of a reader who has seen everything so far."""
    nonce, last, _ = _LAST.one(conn)
    return f"{nonce}.{last}"


def changes(conn: Connection, after: str, limit: int) -> Changes:
    """SessionStore.changes."""
    nonce, last, floor = _LAST.one(conn)
    number = _number(after, nonce)
    if number is None or not floor <= number <= last:
        return Changes(cursor=f"{nonce}.{last}", reset=True)
    found = [*_changed(conn, nonce, number, limit), *_gone(conn, nonce, number, limit)]
    # What came since `last` was read is for the next time: of that, one of the two may know less.
    some = sorted((one for one in found if one.rev <= last), key=lambda one: one.rev)[:limit]
    reached = some[-1].rev if len(some) == limit else last
    return Changes(cursor=f"{nonce}.{reached}", items=tuple(some))


def last_change(conn: Connection) -> int:
    """The number of the newest change."""
    return int(conn.execute(select(func.max(feed.c.last))).scalar_one())


def number_of(after: str) -> int:
    """The number in a cursor; -1: none."""
    digits = after.rpartition(".")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1


def _number(after: str, nonce: str) -> int | None:
    number = number_of(after)
    return number if number >= 0 and after.rpartition(".")[0] == nonce else None


def _changed(conn: Connection, nonce: str, number: int, limit: int) -> Iterator[Change]:
    found = (
        select(
            sessions.c.changed,
            sessions.c.deleted_at,
            documents.c.doc,
            heads.c.last_seq,
            heads.c.last_activity_at,
            heads.c.doc,
        )
        .join_from(sessions, documents, documents.c.session == sessions.c.key)
        .join(heads, heads.c.session == sessions.c.key)
        .where(sessions.c.changed > number)
        .order_by(sessions.c.changed)
        .limit(limit)
    )
    for rev, deleted_at, doc, *head in conn.execute(found):
        session = session_of(doc)
        row = Listed(session=session, head=read_head(*head), rev=rev)
        yield Change(
            session=session.id,
            rev=rev,
            cursor=f"{nonce}.{rev}",
            listed=row if deleted_at is None else None,
        )


def _gone(conn: Connection, nonce: str, number: int, limit: int) -> Iterator[Change]:
    found = select(forgotten).where(forgotten.c.changed > number).order_by(forgotten.c.changed)
    for row in conn.execute(found.limit(limit)):
        gone = session_id(row.project, row.name)
        yield Change(session=gone, rev=row.changed, cursor=f"{nonce}.{row.changed}")


class Feed:
    """Who waits for a change, in this process. Touched on the event loop only."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._known = -1
        self._changed = asyncio.Event()
        self._waiters = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def learn(self, number: int) -> None:
        """This change was committed."""
        if number > self._known:
            self._known = number
            self._changed.set()
            self._changed = asyncio.Event()

    async def wait(self, after: str) -> None:
        """SessionStore.wait_change."""
        number = number_of(after)
        if self._known < 0:
            self.learn(await self._reading(last_change))
        self._waiters += 1
        if self._timer is None:
            self._rearm()
        try:
            while self._known <= number:
                await self._changed.wait()
        finally:
            self._waiters -= 1

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _rearm(self) -> None:
        self._timer = None
        if self._waiters and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(FALLBACK_SECONDS, self._look)

    def _look(self) -> None:
        if self._closed or not self._waiters:
            self._timer = None
            return
        self._reading(last_change).add_done_callback(self._compare)

    def _compare(self, found: "asyncio.Future[int]") -> None:
        self._rearm()
        if found.cancelled() or isinstance(found.exception(), AmbientError):
            log.warning("storage: could not look for changes of sessions: %s", found)
            return
        self.learn(found.result())
