"""SessionStore in the database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, insert, not_, select, update

from ambient.core.errors import AlreadyExists, ProjectNotFound, SessionNotFound, StaleWrite
from ambient.core.model import Head, Project, Session, SessionId, session_id
from ambient.core.ports import COUNT_CAP, Page, Query
from ambient.storage import project as project_rows
from ambient.storage.codec import HEAD, SESSION, encode, to_stamp
from ambient.storage.database import Database
from ambient.storage.key import find_key
from ambient.storage.listing import list_page
from ambient.storage.removal import finish_removals, take_out
from ambient.storage.schema import (
    documents,
    heads,
    projects,
    pulse,
    search_texts,
    session_labels,
    sessions,
)


class SqlSessionStore:
    """Projects and sessions. count_cap: where counting stops under a filter."""

    def __init__(self, database: Database, *, count_cap: int = COUNT_CAP) -> None:
        self._database = database
        self._count_cap = count_cap

    async def create(self, session: Session) -> Session:
        session = replace(session, rev=1)
        await self._database.write(lambda conn: _create(conn, session))
        return session

    async def get(self, session: SessionId) -> Session:
        def work(conn: Connection) -> bytes | None:
            project, _, name = session.partition("/")
            joined = documents.join(sessions, sessions.c.key == documents.c.session)
            named = (sessions.c.project == project, sessions.c.name == name)
            found = select(documents.c.doc).select_from(joined).where(*named)
            return conn.execute(found).scalar_one_or_none()

        doc = await self._database.read(work)
        if doc is None:
            raise SessionNotFound(session)
        return SESSION.validate_json(doc)

    async def update(self, session: Session) -> Session:
        new = replace(session, rev=session.rev + 1)
        await self._database.write(lambda conn: _update(conn, new))
        return new

    async def delete(self, session: SessionId) -> None:
        def gone(found: bool) -> None:
            if found:
                self._database.tails.removed(session)

        if await self._database.write(lambda conn: take_out(conn, session), gone):
            await finish_removals(self._database.write)

    async def list(self, query: Query) -> Page:
        return await self._database.read(lambda conn: list_page(conn, query, self._count_cap))

    async def active(self) -> Sequence[SessionId]:
        live = select(sessions.c.project, sessions.c.name).where(not_(sessions.c.resting))

        def work(conn: Connection) -> list[SessionId]:
            return [session_id(row.project, row.name) for row in conn.execute(live)]

        return await self._database.read(work)

    async def create_project(self, project: Project) -> Project:
        await self._database.write(lambda conn: project_rows.create(conn, project))
        return project

    async def get_project(self, name: str) -> Project:
        return await self._database.read(lambda conn: project_rows.get(conn, name))

    async def update_project(self, project: Project) -> Project:
        return await self._database.write(lambda conn: project_rows.change(conn, project))

    async def delete_project(self, name: str) -> None:
        await self._database.write(lambda conn: project_rows.remove(conn, name))

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        return await self._database.read(lambda conn: project_rows.find(conn, search))

    async def ping(self) -> None:
        beat = update(pulse).values(beats=pulse.c.beats + 1)
        await self._database.write(lambda conn: conn.execute(beat).rowcount)
        await self._database.read(lambda conn: conn.execute(select(pulse.c.beats)).scalar_one())


def _create(conn: Connection, session: Session) -> None:
    if find_key(conn, session.id) is not None:
        raise AlreadyExists(f"There is a session '{session.id}' already.")
    if not _count(conn, session, 1 if session.deleted_at is None else 0):
        raise ProjectNotFound(session.project)
    values = _columns(session)
    made = insert(sessions).values(
        project=session.project,
        name=session.name,
        uid=session.uid,
        created_at=to_stamp(session.created_at),
        active_at=to_stamp(session.created_at),
        agent_status=Head().agent_status,
        **values,
    )
    key = conn.execute(made.returning(sessions.c.key)).scalar_one()
    conn.execute(insert(documents).values(session=key, doc=encode(SESSION, session)))
    conn.execute(insert(heads).values(session=key, last_seq=0, doc=encode(HEAD, Head())))
    conn.execute(insert(search_texts).values(session=key, text=session.search_text))
    _write_labels(conn, key, session)


def _update(conn: Connection, new: Session) -> None:
    """Write `new`, whose rev is one more than the one that has to be there."""
    named = (sessions.c.project == new.project, sessions.c.name == new.name)
    known = select(sessions.c.key, sessions.c.rev, sessions.c.deleted_at).where(*named)
    found = conn.execute(known).one_or_none()
    if found is None:
        raise SessionNotFound(new.id)
    same = (sessions.c.key == found.key, sessions.c.rev == new.rev - 1)
    if conn.execute(update(sessions).where(*same).values(**_columns(new))).rowcount == 0:
        raise StaleWrite
    mine = documents.c.session == found.key
    conn.execute(update(documents).where(mine).values(doc=encode(SESSION, new)))
    text = search_texts.c.text != new.search_text
    conn.execute(
        update(search_texts)
        .where(search_texts.c.session == found.key, text)
        .values(text=new.search_text)
    )
    listed = (new.deleted_at is None) - (found.deleted_at is None)
    if listed:
        _count(conn, new, listed)
    _write_labels(conn, found.key, new)


def _columns(session: Session) -> dict[str, Any]:
    """The columns that an update may change."""
    gone = session.deleted_at
    return {
        "owner": session.owner,
        "phase": session.phase,
        "wanted": session.wanted,
        "display_name": (session.spec.display_name or "").lower(),
        "deleted_at": None if gone is None else to_stamp(gone),
        "resting": session.resting,
        "rev": session.rev,
    }


def _count(conn: Connection, session: Session, by: int) -> bool:
    """Change the project's total. False: there is no such project."""
    mine = projects.c.name == session.project
    done = conn.execute(update(projects).where(mine).values(sessions=projects.c.sessions + by))
    return done.rowcount == 1


def _write_labels(conn: Connection, key: int, session: Session) -> None:
    mine = session_labels.c.session == key
    rows = conn.execute(select(session_labels.c.name, session_labels.c.value).where(mine))
    if {row.name: row.value for row in rows} == dict(session.labels):
        return
    conn.execute(delete(session_labels).where(mine))
    if session.labels:
        conn.execute(
            insert(session_labels),
            [
                {"session": key, "name": name, "value": value, "project": session.project}
                for name, value in session.labels.items()
            ],
        )
