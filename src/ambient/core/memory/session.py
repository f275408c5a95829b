"""Projects and sessions, in memory."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from ambient.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidParameter,
    ProjectNotFound,
    StaleWrite,
)
from ambient.core.lifecycle import Phase
from ambient.core.lists import (
    COUNT_CAP,
    KIND_CAP,
    Change,
    Changes,
    Counts,
    Group,
    Listed,
    Page,
    Query,
    Tally,
)
from ambient.core.memory.database import MemoryDatabase, Record
from ambient.core.model import DRAFTS, Project, Session, SessionId, Wanted

_SORT: Final[Mapping[str, Callable[[Record], Any]]] = {
    "createdAt": lambda record: record.session.created_at,
    "lastActivityTime": lambda record: record.head.last_activity_at or record.session.created_at,
    "name": lambda record: record.session.name,
    "displayName": lambda record: (record.session.spec.display_name or "").lower(),
    "phase": lambda record: record.session.phase.value,
    "attention": lambda record: (
        _rank(record),
        -(record.head.last_activity_at or record.session.created_at).timestamp(),
    ),
    "cost": lambda record: -1.0 if (cost := record.head.usage.cost_usd) is None else cost,
}
_FEED: Final = "memory"


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
        record = Record(self._database.next_key(), session)
        self._database.records[session.id] = record
        self._database.touch(record)
        return session

    async def get(self, session: SessionId) -> Session:
        return self._database.record(session).session

    async def update(self, session: Session) -> Session:
        found = self._database.record(session.id)
        if found.session.rev != session.rev:
            raise StaleWrite
        found.session = replace(session, rev=session.rev + 1)
        self._database.touch(found)
        return found.session

    async def delete(self, session: SessionId) -> None:
        found = self._database.records.pop(session, None)
        self._database.leases.pop(session, None)
        if found is not None:
            found.gone = True
            found.wake()
            self._database.forget(session)
            mine = (DRAFTS, found.session.uid)
            for key in [key for key in self._database.objects if key[:2] == mine]:
                del self._database.objects[key]

    async def list(self, query: Query) -> Page:
        key, backwards = _order(query.sort)
        found = [
            record
            for record in self._database.records.values()
            if _in_scope(record, query)
            and record.session.deleted_at is None
            and _fits(record, query)
        ]
        found.sort(key=lambda record: (key(record), record.key), reverse=backwards)
        rows = found[query.offset : query.offset + query.limit]
        capped = query.filtered and len(found) > self._count_cap
        return Page(
            items=tuple(Listed(session=row.session, head=row.head, rev=row.rev) for row in rows),
            total=self._count_cap if capped else len(found),
            total_is_lower_bound=capped,
        )

    async def cursor(self) -> str:
        return f"{_FEED}.{self._database.revs}"

    async def changes(self, after: str, limit: int = 200) -> Changes:
        nonce, _, number = after.rpartition(".")
        if nonce != _FEED or not number.isdigit() or int(number) > self._database.revs:
            return Changes(cursor=await self.cursor(), reset=True)
        found = [_change(one) for one in self._database.records.values() if one.rev > int(number)]
        found += [
            Change(session=session, rev=rev, cursor=f"{_FEED}.{rev}")
            for session, rev in self._database.forgotten.items()
            if rev > int(number)
        ]
        some = sorted(found, key=lambda one: one.rev)[:limit]
        reached = some[-1].cursor if len(some) < len(found) else await self.cursor()
        return Changes(cursor=reached, items=tuple(some))

    async def wait_change(self, after: str) -> None:
        while self._database.revs <= int(after.rpartition(".")[2]):
            await self._database.moved.wait()

    async def active(self) -> Sequence[SessionId]:
        return [
            record.session.id
            for record in self._database.records.values()
            if not record.session.resting
        ]

    async def tally(self) -> Tally:
        listed = [one for one in self._database.records.values() if one.session.deleted_at is None]
        groups = Counter(
            (one.session.phase, one.head.concern, one.session.wanted is Wanted.STOPPED)
            for one in listed
        )
        return Tally(
            groups=tuple(
                Group(phase=phase, agent_status=status, stopping=stopping, count=count)
                for (phase, status, stopping), count in groups.items()
            ),
            queued=sum(one.head.queued for one in listed),
        )

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
        for key in list(self._database.objects):
            if key[1] in (name, f"project/{name}") or key[1].startswith(f"{name}/"):
                del self._database.objects[key]
        spent = self._database.spent
        for known in [known for known in spent if known[0] == name]:
            del spent[known]
        staged = self._database.staged
        for file in [file for file, (place, *_) in staged.items() if place.startswith(f"{name}/")]:
            del staged[file]

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        wanted = search.lower()
        return [
            project
            for _, project in sorted(self._database.projects.items())
            if wanted in project.name.lower() or wanted in project.display_name.lower()
        ]

    async def counts(self, projects: Sequence[str]) -> Mapping[str, Counts]:
        found = {one: [0] * len(fields(Counts)) for one in projects}
        for record in self._database.records.values():
            counts = found.get(record.session.project)
            if counts is not None and record.session.deleted_at is None:
                counts[_rank(record)] = min(counts[_rank(record)] + 1, KIND_CAP)
        return {one: Counts(*counts) for one, counts in found.items()}

    async def ping(self) -> None:
        return


def _change(record: Record) -> Change:
    row = Listed(session=record.session, head=record.head, rev=record.rev)
    return Change(
        session=record.session.id,
        rev=record.rev,
        cursor=f"{_FEED}.{record.rev}",
        listed=None if record.session.deleted_at is not None else row,
    )


def _rank(record: Record) -> int:
    phase, status = record.session.phase, record.head.concern
    if status == "waiting_input":
        return 0
    if phase is Phase.FAILED or (phase is Phase.RUNNING and status == "failed"):
        return 1
    if phase is Phase.RUNNING and status == "working":
        return 2
    return 3 if phase in (Phase.PENDING, Phase.CREATING) else 4


def _in_scope(record: Record, query: Query) -> bool:
    if query.project:
        return record.session.project == query.project
    return query.projects is None or record.session.project in query.projects


def _has_repo(record: Record, wanted: str | None) -> bool:
    if wanted is None:
        return True
    looked_for = wanted.lower().rstrip("/").removesuffix(".git")
    known = [one.url.lower().rstrip("/").removesuffix(".git") for one in record.session.spec.repos]
    return any(looked_for in (one, one.rpartition("/")[2]) for one in known)


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
        and query.model in (None, session.spec.llm_settings.model)
        and query.runner in (None, session.spec.runner_type)
        and _has_repo(record, query.repo)
        and (query.created_after is None or session.created_at > query.created_after)
        and (query.min_cost is None or _SORT["cost"](record) >= query.min_cost)
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
