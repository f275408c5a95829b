"""SessionStore in the database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, not_, select, update

from ambient.core.errors import AlreadyExists, ProjectNotFound, SessionNotFound, StaleWrite
from ambient.core.model import Head, Project, Session, SessionId, session_id
from ambient.core.ports import COUNT_CAP, Page, Query
from ambient.storage import project as project_rows
from ambient.storage.codec import HEAD, SESSION, encode, session_of, to_stamp
from ambient.storage.database import Database
from ambient.storage.key import find_key
from ambient.storage.listing import list_page
from ambient.storage.prepared import Prepared, at, into, to
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

_CHANGING: Final = ("owner", "phase", "wanted", "display_name", "deleted_at", "resting", "rev")
_FIXED: Final = ("project", "name", "uid", "created_at", "active_at", "agent_status")
_NAMED: Final = (sessions.c.project == at("project"), sessions.c.name == at("name"))
_DOC: Final = Prepared(
    select(documents.c.doc)
    .join_from(sessions, documents, documents.c.session == sessions.c.key)
    .where(*_NAMED)
)
_KNOWN: Final = Prepared(select(sessions.c.key, sessions.c.deleted_at).where(*_NAMED))
_INSERT: Final = Prepared(
    insert(sessions).values(into(*_FIXED, *_CHANGING)).returning(sessions.c.key)
)
_UPDATE: Final = Prepared(
    update(sessions)
    .where(sessions.c.key == at("key"), sessions.c.rev == at("known_rev"))
    .values(into(*_CHANGING))
)
_INSERT_DOC: Final = Prepared(insert(documents).values(into("session", "doc")))
_UPDATE_DOC: Final = Prepared(
    update(documents).where(documents.c.session == at("key")).values(into("doc"))
)
_INSERT_HEAD: Final = Prepared(insert(heads).values(into("session", "last_seq", "doc")))
_INSERT_TEXT: Final = Prepared(insert(search_texts).values(into("session", "text")))
_UPDATE_TEXT: Final = Prepared(
    update(search_texts)
    .where(search_texts.c.session == at("key"), search_texts.c.text != at("text"))
    .values(into("text"))
)
_COUNT: Final = Prepared(
    update(projects)
    .where(projects.c.name == at("project"))
    .values(sessions=projects.c.sessions + at("by"))
)
_LABELS: Final = Prepared(
    select(session_labels.c.name, session_labels.c.value).where(
        session_labels.c.session == at("key")
    )
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
        project, _, name = session.partition("/")
        row = await self._database.read(lambda conn: _DOC.one(conn, project=project, name=name))
        if row is None:
            raise SessionNotFound(session)
        return session_of(row[0])

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
    if not _COUNT.run(conn, project=session.project, by=1 if session.deleted_at is None else 0):
        raise ProjectNotFound(session.project)
    made = to_stamp(session.created_at)
    fixed = to(
        project=session.project,
        name=session.name,
        uid=session.uid,
        created_at=made,
        active_at=made,
        agent_status=Head().agent_status,
    )
    key = _INSERT.one(conn, **fixed, **_columns(session))[0]
    _INSERT_DOC.run(conn, **to(session=key, doc=encode(SESSION, session)))
    _INSERT_HEAD.run(conn, **to(session=key, last_seq=0, doc=encode(HEAD, Head())))
    _INSERT_TEXT.run(conn, **to(session=key, text=session.search_text))
    _write_labels(conn, key, session)


def _update(conn: Connection, new: Session) -> None:
    """Write `new`, whose rev is one more than the one that has to be there."""
    known = _KNOWN.one(conn, project=new.project, name=new.name)
    if known is None:
        raise SessionNotFound(new.id)
    key, gone = known
    if not _UPDATE.run(conn, key=key, known_rev=new.rev - 1, **_columns(new)):
        raise StaleWrite
    _UPDATE_DOC.run(conn, key=key, to_doc=encode(SESSION, new))
    text = new.search_text
    _UPDATE_TEXT.run(conn, key=key, text=text, to_text=text)
    if (new.deleted_at is None) != (gone is None):
        _COUNT.run(conn, project=new.project, by=1 if new.deleted_at is None else -1)
    rows = _LABELS.all(conn, key=key)
    if dict(rows) != dict(new.labels):
        if rows:
            conn.execute(delete(session_labels).where(session_labels.c.session == key))
        _write_labels(conn, key, new)


def _columns(session: Session) -> dict[str, Any]:
    """The values of `_CHANGING`."""
    gone = session.deleted_at
    return to(
        owner=session.owner,
        phase=session.phase,
        wanted=session.wanted,
        display_name=(session.spec.display_name or "").lower(),
        deleted_at=None if gone is None else to_stamp(gone),
        resting=session.resting,
        rev=session.rev,
    )


def _write_labels(conn: Connection, key: int, session: Session) -> None:
    if session.labels:
        conn.execute(
            insert(session_labels),
            [
                {"session": key, "name": name, "value": value, "project": session.project}
                for name, value in session.labels.items()
            ],
        )
