"""Sessions as the server reads and writes them: what is wanted goes into custom resources, what is
read comes from their mirror. The port SessionStore.

Every write's answer is mirrored at once, so that a server reads what it wrote, and so does every
other copy over the same database.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from ambient.contract.names import (
    BACKEND_MANAGER,
    CREATE_ID,
    DRAIN_MANAGER,
    FILES_MANAGER,
    SETTINGS_NAME,
    TOKEN_REFUSED_AT,
)
from ambient.contract.resources import Condition
from ambient.core.errors import (
    AlreadyExists,
    Conflict,
    ProjectNotFound,
    SessionNotFound,
    StaleWrite,
)
from ambient.core.lists import Changes, Counts, Page, Query, Tally
from ambient.core.model import Head, Project, Session, SessionId, timestamp, with_condition
from ambient.core.ports import Clock, NewId, SessionStore
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import NAMESPACE, SESSION, SETTINGS, Kind
from ambient.engines.kube.project import namespace_of, project_of, settings_patch, words_of
from ambient.engines.kube.resource import (
    body_of,
    condition_json,
    is_said,
    server_conditions,
    server_status,
    session_of,
    wanted_of,
)


class Mirror(Protocol):
    """Where custom resources are kept as rows."""

    async def put(self, session: Session, create_id: str = "") -> Session:
        """Take in how it is now; the older revision loses. Returns the row, with its owner."""
        ...

    async def gone(self, session: SessionId, uid: str | None = None) -> None:
        """It is there no more."""
        ...

    async def pend(self, create_id: str, session: Session) -> None:
        """Remember the owner of an object that is about to be made with this id."""
        ...

    async def forget(self, create_id: str) -> None:
        """The object was not made."""
        ...

    async def put_project(self, project: Project) -> None:
        """Take in how a project is now."""
        ...


class KubeSessionStore:
    """index: the mirror's rows, read by SQL. managed: labels of namespaces that are projects."""

    def __init__(
        self,
        client: KubeClient,
        index: SessionStore,
        mirror: Mirror,
        clock: Clock,
        new_id: NewId,
        *,
        managed: Mapping[str, str],
    ) -> None:
        self._managed = managed
        self._clock = clock
        self._client = client
        self._index = index
        self._mirror = mirror
        self._new_id = new_id

    async def create(self, session: Session) -> Session:
        """The owner is remembered first: a crash after the object was made loses nobody."""
        await self._index.get_project(session.project)
        create_id, body = self._new_id(), _typed(SESSION, body_of(session))
        body["metadata"].setdefault("annotations", {})[CREATE_ID] = create_id
        await self._mirror.pend(create_id, session)
        try:
            found = await self._client.create(
                SESSION, session.project, body, manager=BACKEND_MANAGER
            )
        except AlreadyExists:
            await self._mirror.forget(create_id)
            raise AlreadyExists(f"There is a session '{session.id}' already.") from None
        except ObjectNotFound:
            await self._mirror.forget(create_id)
            raise ProjectNotFound(session.project) from None
        return await self.take(found)

    async def get(self, session: SessionId) -> Session:
        return await self._index.get(session)

    async def update(self, session: Session) -> Session:
        before = await self._index.get(session.id)
        if (before.rev, before.uid) != (session.rev, session.uid):
            raise StaleWrite
        try:
            if session.deleted_at is not None and before.deleted_at is None:
                await self._client.delete(SESSION, session.project, session.name, uid=session.uid)
                return await self._read(session.id)
            patch = wanted_of(before, session)
            if not patch:
                return session
            return await self._patch(session, patch)
        except StaleWrite:
            await self._read(session.id)  # so that who tries again sees what there is
            raise
        except ObjectNotFound:
            await self._mirror.gone(session.id, session.uid)
            raise SessionNotFound(session.id) from None

    async def publish(self, session: Session, head: Head) -> None:
        """Say in the status what the log says, for the operator and for who looks with kubectl."""
        await self._apply(session, server_status(head, session), BACKEND_MANAGER)

    async def say_condition(self, session: Session, condition: Condition) -> Session:
        """Set one of the server's own conditions; writes nothing when it stands so already."""
        mine = server_conditions(session)
        if any(is_said(one, condition) for one in mine):
            return session
        new = with_condition(session, condition, self._clock.now(), onto=mine)
        said = {"conditions": [condition_json(one) for one in new]}
        return await self._apply(session, said, FILES_MANAGER)

    async def drained(self, session: Session, through: int) -> None:
        """Answer that the journal of this incarnation is stored to its end."""
        said = {"generation": session.generation, "drainedThrough": through}
        await self._apply(session, {"journalDrained": said}, DRAIN_MANAGER)

    async def token_refused(self, session: Session, at: datetime) -> None:
        """Say that its runner refuses the token on record; the operator heals that."""
        marks = {TOKEN_REFUSED_AT: timestamp(at)}
        patch = {"metadata": {"annotations": marks, "uid": session.uid}}
        try:
            found = await self._client.patch(
                SESSION, session.project, session.name, patch, manager=BACKEND_MANAGER
            )
        except (ObjectNotFound, StaleWrite):
            return  # it is gone, and another may have its name
        await self.take(found)

    async def take(self, found: Object) -> Session:
        """Mirror an object as it was answered."""
        marks = found["metadata"].get("annotations") or {}
        return await self._mirror.put(session_of(found), marks.get(CREATE_ID, ""))

    async def delete(self, session: SessionId) -> None:
        project, _, name = session.partition("/")
        try:
            await self._client.delete(SESSION, project, name)
        except ObjectNotFound:
            await self._mirror.gone(session)

    async def list(self, query: Query) -> Page:
        return await self._index.list(query)

    async def tally(self) -> Tally:
        return await self._index.tally()

    async def cursor(self) -> str:
        return await self._index.cursor()

    async def changes(self, after: str, limit: int = 200) -> Changes:
        return await self._index.changes(after, limit)

    async def wait_change(self, after: str) -> None:
        await self._index.wait_change(after)

    async def active(self) -> Sequence[SessionId]:
        return await self._index.active()

    async def create_project(self, project: Project) -> Project:
        body = _typed(NAMESPACE, namespace_of(project, self._managed))
        found = await self._client.create(NAMESPACE, None, body, manager=BACKEND_MANAGER)
        settings = await self._write_settings(project)
        made = project_of(found, settings)
        await self._mirror.put_project(made)
        return made

    async def get_project(self, name: str) -> Project:
        return await self._index.get_project(name)

    async def update_project(self, project: Project) -> Project:
        await self._index.get_project(project.name)
        patch = {"metadata": {"annotations": words_of(project)}}
        try:
            await self._client.patch(NAMESPACE, None, project.name, patch, manager=BACKEND_MANAGER)
        except ObjectNotFound:
            raise ProjectNotFound(project.name) from None
        await self._write_settings(project)
        return await self._index.update_project(project)

    async def delete_project(self, name: str) -> None:
        if (await self._index.list(Query(project=name, limit=1))).total:
            raise Conflict(
                f"The project '{name}' still has sessions.", hint="Delete its sessions first."
            )
        with suppress(ObjectNotFound, StaleWrite):  # it is gone, or going
            await self._client.delete(NAMESPACE, None, name)
        await self._index.delete_project(name)

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        return await self._index.list_projects(search)

    async def counts(self, projects: Sequence[str]) -> Mapping[str, Counts]:
        return await self._index.counts(projects)

    async def ping(self) -> None:
        await self._index.ping()

    async def _patch(self, session: Session, patch: dict[str, Any]) -> Session:
        patch.setdefault("metadata", {})["resourceVersion"] = str(session.rev)
        found = await self._client.patch(
            SESSION, session.project, session.name, patch, manager=BACKEND_MANAGER
        )
        return await self.take(found)

    async def _apply(self, session: Session, status: Mapping[str, Any], manager: str) -> Session:
        body = {"metadata": {"name": session.name, "uid": session.uid}, "status": status}
        try:
            found = await self._client.apply(
                SESSION, session.project, body, manager=manager, sub="status"
            )
        except ObjectNotFound:
            raise SessionNotFound(session.id) from None
        return await self.take(found)

    async def _read(self, session: SessionId) -> Session:
        project, _, name = session.partition("/")
        try:
            return await self.take(await self._client.get(SESSION, project, name))
        except ObjectNotFound:
            await self._mirror.gone(session)
            raise SessionNotFound(session) from None

    async def _write_settings(self, project: Project) -> Object:
        body = {"metadata": {"name": SETTINGS_NAME}, "spec": settings_patch(project)}
        return await self._client.apply(SETTINGS, project.name, body, manager=BACKEND_MANAGER)


def _typed(kind: Kind, body: Object) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.name, **body}
