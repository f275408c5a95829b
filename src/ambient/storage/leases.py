"""Leases in the database, and the fence of those who write because they hold one.

Time is the database's own where copies share one, so that no copy's wall clock counts.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    func,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ambient.core.errors import LeaseLost
from ambient.core.leases import Survey
from ambient.core.model import SessionId
from ambient.core.ports import Clock
from ambient.storage.codec import to_stamp
from ambient.storage.database import Database
from ambient.storage.schema import leases, servers, sessions

MANY: Final = 500
"""Leases asked for in one statement."""
FREE: Final = 500
"""Free sessions that one look finds; the next look finds the rest."""


class SqlLeases:
    """The leases of one copy, named `me`. life: how long one lasts."""

    def __init__(self, database: Database, clock: Clock, me: str, life: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._me = me
        self._life = life // timedelta(microseconds=1)
        self._terms: dict[SessionId, int] = {}

    async def claim(self, asked: Sequence[SessionId]) -> Mapping[SessionId, int]:
        found: dict[SessionId, int] = {}
        # In one order everywhere, so that no two copies wait for each other.
        names = sorted(set(asked))
        for start in range(0, len(names), MANY):
            some = partial(self._claim, names=names[start : start + MANY])
            found.update(await self._database.write(some))
        for session in asked:
            self._terms.pop(session, None)
        self._terms.update(found)
        return found

    async def release(self, sessions: Sequence[SessionId]) -> None:
        given = [one for one in sessions if self._terms.pop(one, None) is not None]
        if not given:
            return
        mine = leases.c.holder == self._me

        def work(conn: Connection) -> None:
            for name in sorted(given):
                conn.execute(update(leases).where(leases.c.name == name, mine).values(until=0))

        def tell(_done: None) -> None:
            for session in given:
                self._database.changed(session)

        await self._database.write(work, tell)

    async def survey(self) -> Survey:
        return await self._database.write(self._survey)

    async def leave(self) -> None:
        await self.release(list(self._terms))
        gone = delete(servers).where(servers.c.id == self._me)
        await self._database.write(lambda conn: conn.execute(gone).rowcount)

    def fence(self, conn: Connection, session: SessionId) -> None:
        """In the transaction that writes as the session's holder: nobody else becomes it before
        the commit. Raises LeaseLost."""
        found = select(leases.c.holder, leases.c.term, leases.c.until)
        row = conn.execute(
            found.where(leases.c.name == session).with_for_update(read=True)
        ).one_or_none()
        mine = (self._me, self._terms.get(session))
        if row is None or (row.holder, row.term) != mine or row.until <= self._now(conn):
            raise LeaseLost

    def _claim(self, conn: Connection, names: Sequence[SessionId]) -> dict[SessionId, int]:
        now = self._now(conn)
        insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        current = and_(leases.c.holder == self._me, leases.c.until > now)
        until = now + self._life
        rows = [{"name": one, "holder": self._me, "until": until, "term": 1} for one in names]
        taken = (
            insert(leases)
            .values(rows)
            .on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={
                    "holder": self._me,
                    "until": until,
                    "term": leases.c.term + case((current, 0), else_=1),
                },
                where=or_(leases.c.holder == self._me, leases.c.until <= now),
            )
            .returning(leases.c.name, leases.c.term)
        )
        return {SessionId(row.name): row.term for row in conn.execute(taken)}

    def _survey(self, conn: Connection) -> Survey:
        now = self._now(conn)
        self._beat(conn, now)
        held = and_(leases.c.name == name_of(), leases.c.until > now)
        free = (
            select(sessions.c.project, sessions.c.name)
            .outerjoin(leases, held)
            .where(_needs(), leases.c.name.is_(None))
            .limit(FREE)
        )
        counted = select(func.count()).select_from(sessions).where(_needs())
        alive = select(func.count()).select_from(servers).where(servers.c.until > now)
        return Survey(
            free=tuple(SessionId(f"{row.project}/{row.name}") for row in conn.execute(free)),
            needing=conn.execute(counted).scalar_one(),
            copies=conn.execute(alive).scalar_one(),
        )

    def _beat(self, conn: Connection, now: int) -> None:
        insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        until = now + self._life
        beat = insert(servers).values(id=self._me, until=until)
        conn.execute(
            beat.on_conflict_do_update(index_elements=[servers.c.id], set_={"until": until})
        )
        conn.execute(delete(servers).where(servers.c.until < now - 100 * self._life))

    def _now(self, conn: Connection) -> int:
        if conn.dialect.name == "sqlite":  # one process has it: its clock is the only one
            return to_stamp(self._clock.now())
        asked = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(conn.execute(asked).scalar_one())


def name_of() -> ColumnElement[str]:
    """A session's id, in SQL."""
    return sessions.c.project + "/" + sessions.c.name


def _needs() -> ColumnElement[bool]:
    """Whether a session needs a holder: it is not at rest, or a run of it has no end yet."""
    return or_(not_(sessions.c.resting), sessions.c.agent_status == text("'working'"))
