"""SessionStore in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, delete, insert, not_, select, update

from ambient.core.errors import AlreadyExists, ProjectNotFound, SessionNotFound, StaleWrite
from ambient.core.lists import COUNT_CAP, Changes, Counts, Page, Query, Tally
from ambient.core.model import Head, Project, Session, SessionId, session_id
from ambient.storage import feed
from ambient.storage import project as project_rows
from ambient.storage.attention import attention, rank_of
from ambient.storage.codec import HEAD, SESSION, encode, plain, session_of, to_stamp
from ambient.storage.counts import counts
from ambient.storage.database import Database
from ambient.storage.key import find_key
from ambient.storage.listing import list_page, repo_words
from ambient.storage.prepared import Prepared, at, into, to
from ambient.storage.removal import finish_removals, take_out
from ambient.storage.schema import (
    documents,
    heads,
    projects,
    pulse,
    search_texts,
    session_labels,
    session_repos,
    sessions,
)
from ambient.storage.tally import tally

_CHANGING: Final = (
    *("owner", "phase", "wanted", "display_name", "deleted_at", "resting", "rev"),
    *("model", "runner", "changed"),
)
_FIXED: Final = ("project", "name", "uid", "created_at", "active_at", "agent_status")
_NAMED: Final = (sessions.c.project == at("project"), sessions.c.name == at("name"))
_DOC: Final = Prepared(
    select(documents.c.doc)
    .join_from(sessions, documents, documents.c.session == sessions.c.key)
    .where(*_NAMED)
)
_KNOWN: Final = Prepared(select(sessions.c.key, sessions.c.deleted_at).where(*_NAMED))
_INSERT: Final = Prepared(
    insert(sessions).values(into(*_FIXED, *_CHANGING, "attention")).returning(sessions.c.key)
)
_UPDATE: Final = Prepared(
    update(sessions)
    .where(sessions.c.key == at("key"), sessions.c.rev == at("known_rev"))
    .values(
        **into(*_CHANGING),
        attention=attention(
            bindparam("to_phase", type_=Text), sessions.c.agent_status, sessions.c.active_at
        ),
    )
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
_REPOS: Final = Prepared(select(session_repos.c.repo).where(session_repos.c.session == at("key")))
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
        await self._database.write(
            lambda conn: create_row(conn, session),
            lambda change: self._seen(session.id, change),
            durable=True,
        )
        return session

    async def get(self, session: SessionId) -> Session:
        project, _, name = session.partition("/")
        row = await self._database.glance(lambda conn: _DOC.one(conn, project=project, name=name))
        if row is None:
            raise SessionNotFound(session)
        return session_of(row[0])

    async def update(self, session: Session) -> Session:
        new = replace(session, rev=session.rev + 1)
        await self._database.write(
            lambda conn: update_row(conn, new, new.rev - 1),
            lambda change: self._seen(new.id, change),
        )
        return new

    async def delete(self, session: SessionId) -> None:
        def gone(change: int) -> None:
            if change:
                self._database.gone(session)
                self._database.listed(change)

        if await self._database.write(lambda conn: take_out(conn, session), gone):
            await finish_removals(self._database.write)

    async def list(self, query: Query) -> Page:
        return await self._database.read(lambda conn: list_page(conn, query, self._count_cap))

    async def tally(self) -> Tally:
        return await self._database.read(tally)

    async def cursor(self) -> str:
        return await self._database.read(feed.cursor)

    async def changes(self, after: str, limit: int = 200) -> Changes:
        return await self._database.read(lambda conn: feed.changes(conn, after, limit))

    async def wait_change(self, after: str) -> None:
        await self._database.feed.wait(after)

    async def active(self) -> Sequence[SessionId]:
        live = select(sessions.c.project, sessions.c.name).where(not_(sessions.c.resting))

        def work(conn: Connection) -> list[SessionId]:
            return [session_id(row.project, row.name) for row in conn.execute(live)]

        return await self._database.read(work)

    async def create_project(self, project: Project) -> Project:
        await self._database.write(lambda conn: project_rows.create(conn, project), durable=True)
        return project

    async def get_project(self, name: str) -> Project:
        return await self._database.glance(lambda conn: project_rows.get(conn, name))

    async def update_project(self, project: Project) -> Project:
        return await self._database.write(lambda conn: project_rows.change(conn, project))

    async def delete_project(self, name: str) -> None:
        await self._database.write(lambda conn: project_rows.remove(conn, name))

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        return await self._database.read(lambda conn: project_rows.find(conn, search))

    async def counts(self, projects: Sequence[str]) -> Mapping[str, Counts]:
        return await self._database.read(lambda conn: counts(conn, projects))

    async def ping(self) -> None:
        beat = update(pulse).values(beats=pulse.c.beats + 1)
        await self._database.write(lambda conn: conn.execute(beat).rowcount)
        await self._database.read(lambda conn: conn.execute(select(pulse.c.beats)).scalar_one())

    def _seen(self, session: SessionId, change: int) -> None:
        self._database.changed(session)
        self._database.listed(change)


def create_row(conn: Connection, session: Session) -> int:
    """The number of the change in the feed."""
    if find_key(conn, session.id) is not None:
        raise AlreadyExists(f"There is a session '{session.id}' already.")
    # Feed, session, project: who takes more than one lock takes them in this order.
    changed = feed.next_change(conn)
    if not _COUNT.run(conn, project=session.project, by=1 if session.deleted_at is None else 0):
        raise ProjectNotFound(session.project)
    made = to_stamp(session.created_at)
    fixed = to(
        project=session.project,
        name=session.name,
        uid=plain(session.uid),
        created_at=made,
        active_at=made,
        agent_status=Head().agent_status,
    )
    first = to(attention=rank_of(session.phase, Head().agent_status, made))
    key = _INSERT.one(conn, **fixed, **first, **_columns(session, changed))[0]
    _INSERT_DOC.run(conn, **to(session=key, doc=encode(SESSION, session)))
    _INSERT_HEAD.run(conn, **to(session=key, last_seq=0, doc=encode(HEAD, Head())))
    _INSERT_TEXT.run(conn, **to(session=key, text=plain(session.search_text)))
    _write_labels(conn, key, session)
    _write_repos(conn, key, session)
    return changed


def update_row(conn: Connection, new: Session, known_rev: int) -> int:
    """Write `new` if `known_rev` is still there. The number of the change in the feed. Raises
    SessionNotFound, StaleWrite."""
    known = _KNOWN.one(conn, project=new.project, name=new.name)
    if known is None:
        raise SessionNotFound(new.id)
    key, gone = known
    changed = feed.next_change(conn)
    if not _UPDATE.run(conn, key=key, known_rev=known_rev, **_columns(new, changed)):
        raise StaleWrite
    _UPDATE_DOC.run(conn, key=key, to_doc=encode(SESSION, new))
    text = plain(new.search_text)
    _UPDATE_TEXT.run(conn, key=key, text=text, to_text=text)
    if (new.deleted_at is None) != (gone is None):
        _COUNT.run(conn, project=new.project, by=1 if new.deleted_at is None else -1)
    rows = _LABELS.all(conn, key=key)
    if dict(rows) != _plain_labels(new):
        if rows:
            conn.execute(delete(session_labels).where(session_labels.c.session == key))
        _write_labels(conn, key, new)
    known_repos = {row[0] for row in _REPOS.all(conn, key=key)}
    if known_repos != _repos_of(new):
        conn.execute(delete(session_repos).where(session_repos.c.session == key))
        _write_repos(conn, key, new)
    return changed


def _columns(session: Session, changed: int) -> dict[str, Any]:
    """The values of `_CHANGING`."""
    gone = session.deleted_at
    return to(
        owner=None if session.owner is None else plain(session.owner),
        phase=session.phase,
        wanted=session.wanted,
        display_name=plain((session.spec.display_name or "").lower()),
        deleted_at=None if gone is None else to_stamp(gone),
        resting=session.resting,
        rev=session.rev,
        model=plain(session.spec.llm_settings.model or ""),
        runner=plain(session.spec.runner_type or ""),
        changed=changed,
    )


def _repos_of(session: Session) -> set[str]:
    return {plain(word) for repo in session.spec.repos for word in repo_words(repo.url)}


def _write_repos(conn: Connection, key: int, session: Session) -> None:
    if repos := sorted(_repos_of(session)):
        rows = [{"session": key, "repo": repo, "project": session.project} for repo in repos]
        conn.execute(insert(session_repos), rows)


def _write_labels(conn: Connection, key: int, session: Session) -> None:
    if session.labels:
        conn.execute(
            insert(session_labels),
            [
                {"session": key, "name": name, "value": value, "project": session.project}
                for name, value in _plain_labels(session).items()
            ],
        )


def _plain_labels(session: Session) -> dict[str, str]:
    return {plain(name): plain(value) for name, value in session.labels.items()}
