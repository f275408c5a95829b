"""What follows from a project's settings, for the operator: groups' RoleBindings, default limits of
containers, and what became of it in the settings' status (api.md 6.3).

Level-triggered like everything: what is there is compared with what the settings say, after each
change of them and now and then besides, as somebody may have removed a binding by hand.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from ambient.contract.names import OPERATOR_MANAGER, SETTINGS_NAME
from ambient.contract.resources import Condition, GroupAccess, SettingsSpec, SettingsStatus
from ambient.core.errors import AlreadyExists, AmbientError, ClusterRefused
from ambient.core.model import Member, Role, Subject, SubjectType, timestamp
from ambient.core.ports import Clock
from ambient.engines.kube.client import Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import LIMIT_RANGE, ROLE_BINDING, SETTINGS, Kind
from ambient.engines.kube.members import GROUP_APP, binding_of, plain
from ambient.engines.kube.waiting import woken

log = structlog.get_logger()

LIMITS: Final = "ambient-default-limits"
READY: Final = "Reconciled"
AGAIN_SECONDS: Final = 5.0
RESYNC_SECONDS: Final = 600.0
_RANKS: Final = tuple(Role)
_SYSTEM: Final = "system:"


class Api(Protocol):
    """What is needed of client.KubeClient."""

    async def list(self, kind: Kind, namespace: str, **query: str) -> Object:
        """A collection."""
        ...

    async def create(
        self, kind: Kind, namespace: str, body: Mapping[str, Any], *, manager: str
    ) -> Object:
        """Raises AlreadyExists."""
        ...

    async def apply(
        self, kind: Kind, namespace: str, body: Mapping[str, Any], *, manager: str, sub: str = ""
    ) -> Object:
        """Raises ObjectNotFound where a subresource's object is not there."""
        ...

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Raises ObjectNotFound, StaleWrite."""
        ...


class ProjectCare:
    """settings: the object of a managed namespace as it is known, None: there is none, or the
    namespace is nobody's here. projects: those that have one. requests, limits: of containers that
    name none themselves."""

    def __init__(
        self,
        client: Api,
        clock: Clock,
        *,
        settings: Callable[[str], Object | None],
        projects: Callable[[], Sequence[str]],
        requests: Mapping[str, str],
        limits: Mapping[str, str],
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings
        self._projects = projects
        self._limits = {"defaultRequest": dict(requests), "default": dict(limits)}
        self._dirty: set[str] = set()
        self._changed = asyncio.Event()

    def changed(self, project: str) -> None:
        """Its settings, or whether it is managed, are other ones now."""
        self._dirty.add(project)
        self._changed.set()

    async def run(self) -> None:
        """Without end. What fails is tried again in a moment; the others do not wait for it."""
        resync_at = self._clock.monotonic() + RESYNC_SECONDS
        while True:
            self._changed.clear()
            todo, self._dirty = self._dirty, set()
            failed = {one for one in sorted(todo) if not await self._try(one)}
            self._dirty |= failed
            if self._clock.monotonic() >= resync_at:
                resync_at = self._clock.monotonic() + RESYNC_SECONDS
                self._dirty |= set(self._projects())
                continue
            seconds = AGAIN_SECONDS if failed else RESYNC_SECONDS
            await woken(self._changed, self._clock, seconds)

    async def look(self, project: str) -> None:
        """Bring what is to what the settings say, and say so. Raises what the cluster raises."""
        found = self._settings(project)
        if found is None:
            return
        wanted, refused = _wanted(SettingsSpec.model_validate(found.get("spec") or {}))
        ready = await self._limit_range(project)
        trouble = [f"{name}: {why}" for name, why in refused.items()]
        try:
            await self._bind(project, found, wanted)
        except ClusterRefused as exc:
            trouble.append(str(exc))
            await self._say(project, found, bindings=None, ready=ready, trouble=trouble)
            raise
        await self._say(project, found, bindings=len(wanted), ready=ready, trouble=trouble)

    async def _try(self, project: str) -> bool:
        try:
            await self.look(project)
        except AmbientError as exc:
            log.warning("settings not in force", project=project, error=str(exc))
            return False
        return True

    async def _bind(self, project: str, found: Object, wanted: Sequence[Member]) -> None:
        bodies = {body["metadata"]["name"]: body for body in (_body(one, found) for one in wanted)}
        listed = await self._client.list(ROLE_BINDING, project, labelSelector=f"app={GROUP_APP}")
        there = {one["metadata"]["name"]: one for one in listed.get("items") or ()}
        for name, body in bodies.items():
            if not _says(there.get(name), body):
                await self._client.apply(ROLE_BINDING, project, body, manager=OPERATOR_MANAGER)
        for name in there.keys() - bodies.keys():
            try:
                uid = there[name]["metadata"]["uid"]
                await self._client.delete(ROLE_BINDING, project, name, uid=uid)
            except ObjectNotFound:
                continue

    async def _limit_range(self, project: str) -> bool:
        """Made when it is not there, never changed: an administrator's limits are theirs."""
        body = {
            "apiVersion": LIMIT_RANGE.api_version,
            "kind": LIMIT_RANGE.name,
            "metadata": {"name": LIMITS},
            "spec": {"limits": [{"type": "Container", **self._limits}]},
        }
        try:
            await self._client.create(LIMIT_RANGE, project, body, manager=OPERATOR_MANAGER)
        except AlreadyExists:
            return True
        return True

    async def _say(
        self,
        project: str,
        found: Object,
        *,
        bindings: int | None,
        ready: bool,
        trouble: Sequence[str],
    ) -> None:
        """In the status; nothing is written when it says so already."""
        meta = found["metadata"]
        old = SettingsStatus.model_validate(found.get("status") or {})
        new = SettingsStatus(
            group_bindings_created=old.group_bindings_created if bindings is None else bindings,
            limit_range_ready=ready,
            observed_generation=meta.get("generation"),
            conditions=(self._condition(old, meta.get("generation"), trouble),),
        )
        if _json(new) == _json(old):
            return
        body = {"metadata": {"name": SETTINGS_NAME, "uid": meta["uid"]}, "status": _json(new)}
        try:
            await self._client.apply(
                SETTINGS, project, body, manager=OPERATOR_MANAGER, sub="status"
            )
        except ObjectNotFound:
            return

    def _condition(
        self, old: SettingsStatus, generation: int | None, trouble: Sequence[str]
    ) -> Condition:
        """Its time moves only when its status does."""
        status = "False" if trouble else "True"
        before = next((one for one in old.conditions if one.type == READY), None)
        same = before is not None and before.status == status
        since = before.last_transition_time if before is not None and same else None
        return Condition(
            type=READY,
            status=status,
            reason="UpdateFailed" if trouble else "Reconciled",
            # Never empty: an API server of 1.20 makes null of that, and refuses the null.
            message="; ".join(trouble) or "All of the settings is in force.",
            observed_generation=generation,
            last_transition_time=since or timestamp(self._clock.now()),
        )


def _wanted(spec: SettingsSpec) -> tuple[Sequence[Member], Mapping[str, str]]:
    """Each group once, with its highest role; and the names that cannot be granted, with why."""
    roles: dict[str, Role] = {}
    refused: dict[str, str] = {}
    for one in spec.group_access:
        if why := _unfit(one):
            refused[one.group_name] = why
            continue
        role = Role(one.role)
        roles[one.group_name] = max(role, roles.get(one.group_name, role), key=_RANKS.index)
    members = [
        Member(subject=Subject(type=SubjectType.GROUP, name=name), role=role)
        for name, role in sorted(roles.items())
    ]
    return members, refused


def _unfit(one: GroupAccess) -> str:
    if not one.group_name.strip():
        return "a group needs a name"
    if one.group_name.startswith(_SYSTEM):
        return "the cluster's own groups are nobody's here"
    return ""


def _body(member: Member, settings: Object) -> Object:
    """Its binding, which goes with the settings."""
    mark = hashlib.sha256(member.subject.name.encode()).hexdigest()[:6]
    body = binding_of(f"ambient-group-{member.role}-{plain(member.subject.name)}-{mark}", member)
    meta = settings["metadata"]
    owner = {
        "apiVersion": SETTINGS.api_version,
        "kind": SETTINGS.name,
        "name": meta["name"],
        "uid": meta["uid"],
    }
    body["metadata"] |= {"labels": {"app": GROUP_APP}, "ownerReferences": [owner]}
    return body


def _says(there: Object | None, body: Object) -> bool:
    """Whether a binding grants that already; who else was put into it by hand is put out."""
    if there is None:
        return False
    return bool(
        there.get("roleRef", {}).get("name") == body["roleRef"]["name"]
        and there.get("subjects") == body["subjects"]
    )


def _json(status: SettingsStatus) -> dict[str, Any]:
    found: dict[str, Any] = status.model_dump(by_alias=True, mode="json", exclude_none=True)
    return found
