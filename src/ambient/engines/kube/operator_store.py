"""Sessions as the operator reads and writes them: custom resources, through a cache.

What rests is not kept; whoever asks for it asks the API. Status is written whole, by server-side
apply with the resourceVersion that was read; spec only where api.md 6.2 says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from ambient.contract.names import FINALIZER, OPERATOR_MANAGER, SETTINGS_NAME
from ambient.contract.resources import SettingsSpec
from ambient.core.errors import SessionNotFound, StaleWrite
from ambient.core.model import Project, Session, SessionId, UserId, session_id
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import SESSION
from ambient.engines.kube.resource import (
    has_old_request,
    operator_status,
    session_of,
    wish_of,
    wishes,
)
from ambient.engines.kube.watch import Cache

OWN: Final = frozenset(
    {
        "observedGeneration",
        "phase",
        "reason",
        "message",
        "startTime",
        "completionTime",
        "stoppedReason",
        "reconciledRepos",
        "reconciledWorkflow",
        "runnerEndpoint",
    }
)
"""Fields that another operator may have left, so that leaving them out does not remove them."""
_UNKNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KubeRecords:
    """Port SessionRecords. objects: AgenticSessions, those at rest left out (`keep_active`).
    settings: ProjectSettings. default_type: the runner of sessions that name none in projects
    that choose none. manages: whether a namespace is the operator's business."""

    def __init__(
        self,
        client: KubeClient,
        objects: Cache,
        settings: Cache,
        *,
        default_type: str,
        manages: Callable[[str], bool] = lambda namespace: True,
    ) -> None:
        self._client = client
        self._objects = objects
        self._settings = settings
        self._default_type = default_type
        self._manages = manages

    async def get(self, session: SessionId) -> Session:
        found = session_of(await self.object(session))
        if found.spec.runner_type is not None:
            return found
        chosen = (await self.get_project(found.project)).settings.default_runner_type
        spec = found.spec.model_copy(update={"runner_type": chosen or self._default_type})
        return replace(found, spec=spec)

    def known(self, session: SessionId) -> Object | None:
        """The custom resource as the cache has it; None: it has not."""
        project, _, name = session.partition("/")
        found: Object | None = self._objects.get(project, name)
        return found

    async def object(self, session: SessionId) -> Object:
        """The custom resource. Raises SessionNotFound."""
        project, _, name = session.partition("/")
        if (found := self.known(session)) is not None:
            return found
        try:
            return await self._client.get(SESSION, project, name)
        except ObjectNotFound as exc:
            raise SessionNotFound(session) from exc

    async def update(self, session: Session) -> Session:
        found = await self.object(session.id)
        before = session_of(found)
        if before.rev != session.rev or before.uid != session.uid:
            raise StaleWrite
        try:
            if wishes(before) != wishes(session) or has_old_request(found):
                found = await self._wish(found, session)
            if session.deleted_at is None and not _has_finalizer(found):
                found = await self._hold(found)
            found = await self._apply(found, operator_status(session))
        except StaleWrite:
            await self._look_again(session.id)
            raise
        except ObjectNotFound as exc:
            raise SessionNotFound(session.id) from exc
        self._objects.put(found)
        return session_of(found)

    async def delete(self, session: SessionId) -> None:
        """All that was the session's is gone: let the object go. The log is the server's."""
        try:
            found = await self.object(session)
        except SessionNotFound:
            return
        left = [one for one in found["metadata"].get("finalizers") or () if one != FINALIZER]
        patch = {"finalizers": left or None}
        try:
            await self._patch(found, {"metadata": patch})
        except ObjectNotFound:
            return

    async def active(self) -> Sequence[SessionId]:
        return [
            session_id(one["metadata"]["namespace"], one["metadata"]["name"])
            for one in self._objects.values()
            if self._manages(one["metadata"]["namespace"])
        ]

    async def get_project(self, name: str) -> Project:
        """Its settings; a namespace without any has the defaults. When and by whom it was made is
        not the operator's to know."""
        found = self._settings.get(name, SETTINGS_NAME)
        spec = SettingsSpec.model_validate((found or {}).get("spec") or {})
        return Project(name=name, created_at=_UNKNOWN, created_by=UserId(""), settings=spec)

    async def _look_again(self, session: SessionId) -> None:
        """Somebody else wrote and the watch has not said so yet: who tries again is to see it."""
        project, _, name = session.partition("/")
        try:
            self._objects.put(await self._client.get(SESSION, project, name))
        except ObjectNotFound as exc:
            raise SessionNotFound(session) from exc

    async def _wish(self, found: Object, session: Session) -> Object:
        return await self._patch(found, wish_of(session))

    async def _hold(self, found: Object) -> Object:
        """The object stays until all that is the session's is gone."""
        held = [*(found["metadata"].get("finalizers") or ()), FINALIZER]
        return await self._patch(found, {"metadata": {"finalizers": held}})

    async def _patch(self, found: Object, patch: Mapping[str, Any]) -> Object:
        meta = found["metadata"]
        version = {"resourceVersion": meta["resourceVersion"]}
        body = {**patch, "metadata": {**(patch.get("metadata") or {}), **version}}
        return await self._client.patch(
            SESSION, meta["namespace"], meta["name"], body, manager=OPERATOR_MANAGER
        )

    async def _apply(self, found: Object, status: Mapping[str, Any]) -> Object:
        meta = found["metadata"]
        body = {
            "metadata": {"name": meta["name"], "resourceVersion": meta["resourceVersion"]},
            "status": status,
        }
        written = await self._client.apply(
            SESSION, meta["namespace"], body, manager=OPERATOR_MANAGER, sub="status"
        )
        strange = [key for key in OWN & set(written.get("status") or ()) if key not in status]
        if not strange:
            return written
        patch = {
            "metadata": {"resourceVersion": written["metadata"]["resourceVersion"]},
            "status": dict.fromkeys(strange),
        }
        return await self._client.patch(
            SESSION,
            meta["namespace"],
            meta["name"],
            patch,
            sub="status",
            manager=OPERATOR_MANAGER,
        )


def keep_active(found: Object) -> Object | None:
    """What the cache keeps of an object: all, unless the session rests. managedFields are half of
    it and nobody reads them."""
    found["metadata"].pop("managedFields", None)
    return None if session_of(found).resting and not has_old_request(found) else found


def _has_finalizer(found: Object) -> bool:
    return FINALIZER in (found["metadata"].get("finalizers") or ())
