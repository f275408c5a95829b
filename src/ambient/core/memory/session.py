"""Projects and sessions, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ambient.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidParameter,
    ProjectNotFound,
    StaleWrite,
)
from ambient.core.lifecycle import Phase
from ambient.core.memory.database import MemoryDatabase, Record
from ambient.core.model import Project, Session, SessionId
from ambient.core.ports import COUNT_CAP, Listed, Page, Query

_SORT: Final[Mapping[str, Callable[[Record], Any]]] = {
    "createdAt": lambda record: record.session.created_at,
    "lastActivityTime": lambda record: record.head.last_activity_at or record.session.created_at,
    "name": lambda record: record.session.name,
    "displayName": lambda record: (record.session.spec.display_name or "").lower(),
    "phase": lambda record: record.session.phase.value,
}


class MemorySessionStore:
    """SessionStore in memory."""

    def __init__(self, database: MemoryDatabase, *, count_cap: int = COUNT_CAP) -> None:
        self._database = database
        self._count_cap = count_cap

    async def create(self, session: Session) -> Session:
        if session.project not in self._database.projects:
            raise ProjectNotFound(session.project)
        if session.id in self._database.records:
            raise AlreadyExists(f"There is a session '{session.id}' already.")
        session = replace(session, rev=1)
        self._database.records[session.id] = Record(self._database.next_key(), session)
        return session

    async def get(self, session: SessionId) -> Session:
        return self._database.record(session).session

    async def update(self, session: Session) -> Session:
        found = self._database.record(session.id)
        if found.session.rev != session.rev:
            raise StaleWrite
        found.session = replace(session, rev=session.rev + 1)
        return found.session

    async def delete(self, session: SessionId) -> None:
        found = self._database.records.pop(session, None)
        if found is not None:
            found.gone = True
            found.wake()

    async def list(self, query: Query) -> Page:
        key, backwards = _order(query.sort)
        found = [
            record
            for record in self._database.records.values()
            if record.session.project == query.project
            and record.session.deleted_at is None
            and _fits(record, query)
        ]
        found.sort(key=lambda record: (key(record), record.key), reverse=backwards)
        rows = found[query.offset : query.offset + query.limit]
        capped = query.filtered and len(found) > self._count_cap
        return Page(
            items=tuple(Listed(session=row.session, head=row.head) for row in rows),
            total=self._count_cap if capped else len(found),
            total_is_lower_bound=capped,
        )

    async def active(self) -> Sequence[SessionId]:
        return [
            record.session.id
            for record in self._database.records.values()
            if not record.session.resting
        ]

    async def create_project(self, project: Project) -> Project:
        if project.name in self._database.projects:
            raise AlreadyExists(f"There is a project '{project.name}' already.")
        self._database.projects[project.name] = project
        return project

    async def get_project(self, name: str) -> Project:
        try:
            return self._database.projects[name]
        except KeyError:
            raise ProjectNotFound(name) from None

    async def update_project(self, project: Project) -> Project:
        old = await self.get_project(project.name)
        new = replace(project, created_at=old.created_at, created_by=old.created_by)
        self._database.projects[project.name] = new
        return new

    async def delete_project(self, name: str) -> None:
        if any(record.session.project == name for record in self._database.records.values()):
            raise Conflict(
                f"The project '{name}' still has sessions.", hint="Delete its sessions first."
            )
        self._database.projects.pop(name, None)

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        wanted = search.lower()
        return [
            project
            for _, project in sorted(self._database.projects.items())
            if wanted in project.name.lower() or wanted in project.display_name.lower()
        ]

    async def ping(self) -> None:
        return


def _order(sort: str) -> tuple[Callable[[Record], Any], bool]:
    try:
        return _SORT[sort.removeprefix("-")], sort.startswith("-")
    except KeyError:
        raise InvalidParameter(
            f"sort: '{sort}' is no field to sort by.", hint=f"One of {', '.join(_SORT)}."
        ) from None


def _fits(record: Record, query: Query) -> bool:
    session = record.session
    working = session.phase is Phase.RUNNING and record.head.agent_status in query.agent_statuses
    return (
        query.search.lower() in session.search_text
        and (not query.phases or session.phase in query.phases)
        and (not query.agent_statuses or working)
        and query.creator in (None, session.owner)
        and query.owner_only in (None, session.owner)
        and all(_labelled(session.labels.get(key), how, of) for key, how, of in query.labels)
    )


def _labelled(value: str | None, operator: str, wanted: tuple[str, ...]) -> bool:
    match operator:
        case "=" | "in":
            return value in wanted
        case "!=" | "notin":
            return value not in wanted
        case "exists":
            return value is not None
        case "!exists":
            return value is None
        case _:
            raise InvalidParameter(f"labelSelector: '{operator}' is no operator.")
