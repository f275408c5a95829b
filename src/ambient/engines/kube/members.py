"""Members of a project: subjects of RoleBindings in its namespace (api.md 2.5). The port Members.

Whoever made a binding, and whatever it is called: what counts is the ClusterRole that it names. The
server gets its rights on bindings from the operator, per managed namespace, and may bind the three
roles of people alone.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from ambient.contract.names import BACKEND_MANAGER
from ambient.core.errors import AlreadyExists, AmbientError, ClusterRefused, Conflict, StaleWrite
from ambient.core.model import Member, Role, Subject, SubjectType
from ambient.core.ports import Clock
from ambient.core.service.sharing import ACCOUNT
from ambient.engines.kube.client import Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.grants import RBAC
from ambient.engines.kube.kind import CLUSTER_ROLE, ROLE_BINDING, Kind

ROLE_PREFIX: Final = "ambient-project-"
APP: Final = "ambient-permission"
GROUP_APP: Final = "ambient-group-access"
"""Label of the bindings that follow from the project's settings."""
FIRST_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.25
TRIES: Final = 5
_RANKS: Final = (Role.VIEW, Role.EDIT, Role.ADMIN)
_KINDS: Final = {SubjectType.USER: "User", SubjectType.GROUP: "Group"}
_NAME: Final = re.compile("[^a-z0-9]+")
_LONGEST: Final = 100

Undo = list[Callable[[], Awaitable[Any]]]
"""Steps that take back what was done, the last one first."""


class FromSettings(Conflict):
    """This group has its role by the project's settings."""

    hint = "Change groupAccess in the settings."


class NotLetYet(ClusterRefused):
    """The cluster does not let the server change members here."""

    hint = "The operator gives it that right in every project: does the operator run?"


class Bindings(Protocol):
    """What is needed of client.KubeClient."""

    async def list(self, kind: Kind, namespace: str) -> Object:
        """A collection."""
        ...

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises ObjectNotFound."""
        ...

    async def create(
        self, kind: Kind, namespace: str, body: Mapping[str, Any], *, manager: str
    ) -> Object:
        """Raises AlreadyExists."""
        ...

    async def replace(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]
    ) -> Object:
        """Raises StaleWrite, ObjectNotFound."""
        ...

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Raises StaleWrite, ObjectNotFound."""
        ...


class KubeMembers:
    """changed: told of a project whose members are other ones now."""

    def __init__(
        self, client: Bindings, clock: Clock, changed: Callable[[str], None] = lambda _: None
    ) -> None:
        self._client = client
        self._clock = clock
        self._changed = changed

    async def list(self, project: str) -> Sequence[Member]:
        """Each subject once, with its highest role."""
        found: dict[Subject, Role] = {}
        for one in await self._bindings(project):
            role = role_of(one)
            for subject in subjects_of(one) if role else ():
                found[subject] = max(role or Role.VIEW, found.get(subject, Role.VIEW), key=_rank)
        return [Member(subject=one, role=found[one]) for one in sorted(found)]

    async def first(self, project: str, member: Member) -> None:
        """Tried until the operator has let the server do so; half a minute, then NotLetYet."""
        name = f"ambient-admin-{plain(member.subject.name)}"
        end = self._clock.monotonic() + FIRST_SECONDS
        while True:
            try:
                await self._create(project, name, member)
            except ClusterRefused as exc:
                if self._clock.monotonic() >= end:
                    raise NotLetYet from exc
                await self._clock.sleep(LOOK_SECONDS)
            else:
                return self._changed(project)

    async def grant(self, project: str, member: Member) -> None:
        """The new one first, so that nobody is without a role in between."""
        before = [
            one for one in await self._bindings(project) if member.subject in subjects_of(one)
        ]
        others = [one for one in before if role_of(one) not in (None, member.role)]
        _check_ours(others)
        undo: Undo = []
        try:
            if not any(role_of(one) is member.role for one in before):
                made = await self._create(project, binding_name(member), member)
                if made is not None:
                    undo.append(partial(self._delete, project, made))
            for one in others:
                await self._strip(project, one, member.subject, undo)
        except AmbientError as exc:
            await _undone(undo)
            raise _said(exc) from exc
        finally:
            self._changed(project)

    async def revoke(self, project: str, subject: Subject) -> None:
        """Of a binding that others share, only this subject goes."""
        mine = [
            one
            for one in await self._bindings(project)
            if role_of(one) and subject in subjects_of(one)
        ]
        _check_ours(mine)
        undo: Undo = []
        try:
            for one in mine:
                await self._strip(project, one, subject, undo)
        except AmbientError as exc:
            await _undone(undo)
            raise _said(exc) from exc
        finally:
            self._changed(project)

    async def _bindings(self, project: str) -> Sequence[Object]:
        try:
            found = await self._client.list(ROLE_BINDING, project)
        except ClusterRefused as exc:
            raise NotLetYet from exc
        return [one for one in found.get("items") or () if role_of(one)]

    async def _create(self, project: str, name: str, member: Member) -> Object | None:
        """The binding; None: there is one that says the same. A name that is taken by something
        else says nothing about this grant: then another name is used."""
        for called in (name, f"{name}-{_mark(member.subject.name)}"):
            body = binding_of(called, member)
            try:
                return await self._client.create(
                    ROLE_BINDING, project, body, manager=BACKEND_MANAGER
                )
            except AlreadyExists:
                there = await self._client.get(ROLE_BINDING, project, called)
                if role_of(there) is member.role and member.subject in subjects_of(there):
                    return None
        raise Conflict(
            f"A RoleBinding named '{name}' stands in the way.",
            hint=f"kubectl -n {project} get rolebinding {name} -o yaml",
        )

    async def _strip(
        self,
        project: str,
        binding: Object,
        subject: Subject,
        undo: Undo,
    ) -> None:
        """Take a subject out of a binding; one that is left without any goes."""
        for left in reversed(range(TRIES)):
            role = role_of(binding)
            if role is None or subject not in subjects_of(binding):
                return
            rest = [one for one in binding["subjects"] if subject_of(one) != subject]
            name = binding["metadata"]["name"]
            try:
                if rest:
                    body = {**binding, "subjects": rest}
                    await self._client.replace(ROLE_BINDING, project, name, body)
                else:
                    await self._delete(project, binding)
            except StaleWrite:
                if not left:
                    raise
                binding = await self._client.get(ROLE_BINDING, project, name)
            except ObjectNotFound:
                return
            else:
                lost = Member(subject=subject, role=role)
                undo.append(partial(self._create, project, binding_name(lost), lost))
                return

    async def _delete(self, project: str, binding: Object) -> None:
        meta = binding["metadata"]
        await self._client.delete(ROLE_BINDING, project, meta["name"], uid=meta["uid"])


def role_of(binding: Mapping[str, Any]) -> Role | None:
    """The role that a binding gives in a project; None: it is about something else."""
    reference = binding.get("roleRef") or {}
    kind, name = reference.get("kind"), str(reference.get("name", ""))
    role = name.removeprefix(ROLE_PREFIX)
    if kind != CLUSTER_ROLE.name or role == name or role not in set(_RANKS):
        return None
    return Role(role)


def subjects_of(binding: Mapping[str, Any]) -> Sequence[Subject]:
    """Those that a person's or a program's name stands for."""
    found = [subject_of(one) for one in binding.get("subjects") or ()]
    return [one for one in found if one is not None]


def subject_of(entry: Mapping[str, Any]) -> Subject | None:
    """A service account is the user that the cluster knows it as."""
    kind, name = entry.get("kind"), str(entry.get("name", ""))
    if kind == "ServiceAccount":
        name = f"{ACCOUNT}{entry.get('namespace', '')}:{name}"
        return Subject(type=SubjectType.USER, name=name)
    found = next((one for one, called in _KINDS.items() if called == kind), None)
    return None if found is None else Subject(type=found, name=name)


def binding_name(member: Member) -> str:
    """As the existing platform names them."""
    subject = member.subject
    return f"{APP}-{member.role}-{plain(subject.name)}-{subject.type}"


def binding_of(name: str, member: Member) -> Object:
    """A RoleBinding with one subject."""
    subject = member.subject
    return {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.name,
        "metadata": {
            "name": name,
            "labels": {"app": APP},
            "annotations": {
                "ambient-code.io/subject-kind": subject.type.value,
                "ambient-code.io/subject-name": subject.name,
                "ambient-code.io/role": member.role.value,
            },
        },
        "roleRef": {
            "apiGroup": RBAC,
            "kind": CLUSTER_ROLE.name,
            "name": f"{ROLE_PREFIX}{member.role.value}",
        },
        "subjects": [{"apiGroup": RBAC, "kind": _KINDS[subject.type], "name": subject.name}],
    }


def _rank(role: Role) -> int:
    return _RANKS.index(role)


def plain(name: str) -> str:
    """Fit for an object's name; names that become alike are told apart by a mark."""
    plain = _NAME.sub("-", name.lower()).strip("-")[:_LONGEST].strip("-")
    return plain if plain == name else f"{plain}-{_mark(name)}".strip("-")


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def _check_ours(bindings: Sequence[Object]) -> None:
    """What the settings say would be made anew. Raises FromSettings."""
    if any((one["metadata"].get("labels") or {}).get("app") == GROUP_APP for one in bindings):
        raise FromSettings


def _said(exc: AmbientError) -> AmbientError:
    return NotLetYet() if type(exc) is ClusterRefused else exc


async def _undone(undo: Undo) -> None:
    for step in reversed(undo):
        with suppress(AmbientError):
            await step()
