"""Sessions that live elsewhere, mirrored: custom resources as rows, so that lists, search, log and
queue are the same SQL as everywhere. The newer revision wins, whoever brings it and how often.

What follows from a change of phase (the log's event) and from a first sight (the owner) is written
in the same transaction.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from ambient.contract.events import PHASE_CHANGED, Kind
from ambient.core.errors import AlreadyExists, SessionNotFound, StaleWrite
from ambient.core.model import Project, Session, SessionId, UserId, session_id
from ambient.core.ports import Clock, Wake
from ambient.core.projection import encode
from ambient.storage import append
from ambient.storage import project as project_rows
from ambient.storage.append import Appended
from ambient.storage.codec import session_of, to_stamp
from ambient.storage.database import Database
from ambient.storage.prepared import Prepared, at
from ambient.storage.removal import finish_removals, take_out
from ambient.storage.schema import documents, owners, pending_owners, projects, sessions
from ambient.storage.session import create_row, update_row

TRIES: Final = 4
_KNOWN: Final = Prepared(
    select(documents.c.doc)
    .join_from(sessions, documents, documents.c.session == sessions.c.key)
    .where(sessions.c.project == at("project"), sessions.c.name == at("name"))
)


@dataclass(frozen=True, slots=True)
class _Put:
    session: Session
    change: int = 0
    said: Appended | None = None
    replaced: int = 0


def _nobody(_session: SessionId) -> None:
    """Nobody is woken."""


class SqlMirror:
    """The rows of custom resources. wake: told which session has changed, here; other copies hear
    it from the database."""

    def __init__(self, database: Database, clock: Clock, wake: Wake = _nobody) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    async def put(self, session: Session, create_id: str = "") -> Session:
        """Take in how it is now; what is older than what is known changes nothing. Returns the row,
        with its owner. create_id: finds the owner of one that is seen for the first time."""
        now = self._clock.now()

        def tell(done: _Put) -> None:
            if done.replaced:
                self._database.gone(session.id)
            if done.change:
                self._wake(session.id)
                self._database.changed(session.id)
                self._database.listed(done.change)
            if done.said is not None:
                self._database.listed(done.said.changed)
                self._database.appended(session.id, done.said.first, done.said.events)

        done = await self._patiently(
            partial(_put, session=session, create_id=create_id, now=now), tell
        )
        if done.replaced:
            await finish_removals(self._database.write)
        return done.session

    async def _patiently(
        self, work: Callable[[Connection], _Put], tell: Callable[[_Put], None]
    ) -> _Put:
        """Another copy may bring the same object at the same time: look again at what it left."""
        for _ in range(TRIES - 1):
            with suppress(AlreadyExists, StaleWrite, SessionNotFound):
                return await self._database.write(work, tell)
        return await self._database.write(work, tell)

    async def gone(self, session: SessionId, uid: str | None = None) -> None:
        """It is there no more: remove its rows and its log. uid: only if it is this one's."""

        def work(conn: Connection) -> int:
            known = _known(conn, session)
            if known is None or (uid is not None and known.uid != uid):
                return 0
            conn.execute(delete(owners).where(owners.c.uid == known.uid))
            return take_out(conn, session)

        def tell(change: int) -> None:
            if change:
                self._wake(session)
                self._database.gone(session)
                self._database.listed(change)

        if await self._database.write(work, tell):
            await finish_removals(self._database.write)

    async def known(self) -> Mapping[SessionId, int]:
        """All that is mirrored, with its revision."""
        found = select(sessions.c.project, sessions.c.name, sessions.c.rev)

        def work(conn: Connection) -> dict[SessionId, int]:
            return {session_id(row.project, row.name): row.rev for row in conn.execute(found)}

        return await self._database.read(work)

    async def pend(self, create_id: str, session: Session) -> None:
        """Remember the owner of an object that is about to be made with this id."""
        row = {
            "create_id": create_id,
            "project": session.project,
            "name": session.name,
            "owner": session.owner or "",
            "owner_name": session.owner_name,
            "made_at": to_stamp(self._clock.now()),
        }
        await self._database.write(lambda conn: conn.execute(insert(pending_owners), row).rowcount)

    async def forget(self, create_id: str) -> None:
        """The object was not made."""
        gone = delete(pending_owners).where(pending_owners.c.create_id == create_id)
        await self._database.write(lambda conn: conn.execute(gone).rowcount)

    async def put_project(self, project: Project) -> None:
        """Take in how a project is now."""

        def work(conn: Connection) -> None:
            known = select(projects.c.name).where(projects.c.name == project.name)
            if conn.execute(known).scalar_one_or_none() is None:
                project_rows.create(conn, project)
            else:
                project_rows.change(conn, project)

        await self._database.write(work)

    async def projects(self) -> tuple[str, ...]:
        """The names of all that are mirrored."""
        found = select(projects.c.name)
        return tuple(await self._database.read(lambda conn: conn.execute(found).scalars().all()))

    async def drop_project(self, name: str) -> None:
        """Its namespace is gone, with all that was in it."""
        mine = select(sessions.c.name).where(sessions.c.project == name)
        left = await self._database.read(lambda conn: conn.execute(mine).scalars().all())
        for one in left:
            await self.gone(session_id(name, one))
        await self._database.write(lambda conn: project_rows.remove(conn, name))


def _put(conn: Connection, session: Session, create_id: str, now: datetime) -> _Put:
    known = _known(conn, session.id)
    if known is not None and known.uid != session.uid:
        if known.rev > session.rev:
            return _Put(known)
        conn.execute(delete(owners).where(owners.c.uid == known.uid))
        replaced = take_out(conn, session.id)
        return replace(_create(conn, _owned(conn, session, create_id)), replaced=replaced)
    if known is None:
        return _create(conn, _owned(conn, session, create_id))
    if known.rev >= session.rev:
        return _Put(known)
    locked = append.lock(conn, session.id)
    new = _owned(conn, session, create_id)
    said = None
    if new.phase != known.phase:
        value = {"phase": new.phase, "reason": new.reason, "message": new.message}
        event = {"type": Kind.CUSTOM.value, "name": PHASE_CHANGED, "value": value}
        said = append.store(conn, locked, [encode(event)], now)
    return _Put(new, update_row(conn, new, known.rev), said)


def _create(conn: Connection, session: Session) -> _Put:
    found = select(projects.c.name).where(projects.c.name == session.project)
    if conn.execute(found).scalar_one_or_none() is None:
        project_rows.create(
            conn,
            Project(name=session.project, created_at=session.created_at, created_by=UserId("")),
        )
    return _Put(session, create_row(conn, session))


def _owned(conn: Connection, session: Session, create_id: str) -> Session:
    """With its owner, whom the first sight of the object attaches; nobody else can become it."""
    found = conn.execute(select(owners).where(owners.c.uid == session.uid)).one_or_none()
    if found is None and create_id:
        mine = pending_owners.c.create_id == create_id
        named = (pending_owners.c.project == session.project, pending_owners.c.name == session.name)
        found = conn.execute(select(pending_owners).where(mine, *named)).one_or_none()
        if found is None:
            return session
        row = {"uid": session.uid, "owner": found.owner, "owner_name": found.owner_name}
        conn.execute(insert(owners), row)
        conn.execute(delete(pending_owners).where(mine))
    if found is None or not found.owner:
        return session
    return replace(session, owner=UserId(found.owner), owner_name=found.owner_name)


def _known(conn: Connection, session: SessionId) -> Session | None:
    project, _, name = session.partition("/")
    row = _KNOWN.one(conn, project=project, name=name)
    return None if row is None else session_of(row[0])
