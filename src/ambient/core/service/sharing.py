"""Sharing a project: who has which role in it (api.md 3.3)."""

from collections.abc import Sequence
from typing import Final

from ambient.core.errors import AlreadyExists, Conflict, Invalid, NotFound
from ambient.core.model import Member, Role, Subject, SubjectType
from ambient.core.ports import Members, SessionStore

MAX_NAME: Final = 253
SYSTEM: Final = "system:"
ACCOUNT: Final = "system:serviceaccount:"


class MemberNotFound(NotFound):
    """There is no such member in this project."""

    hint = "A role that somebody has for all projects is not a project's: ask its administrator."


class LastAdmin(Conflict):
    """The project would have no admin any more."""

    hint = "Make somebody else admin first."


class Sharing:
    """Use cases about members. Every method raises ProjectNotFound for an unknown project."""

    def __init__(self, *, store: SessionStore, members: Members) -> None:
        self._store = store
        self._members = members

    async def list(self, project: str) -> Sequence[Member]:
        """Each with their highest role, by type and name."""
        await self._store.get_project(project)
        return await self._members.list(project)

    async def add(self, project: str, member: Member) -> None:
        """Give a role, in place of another. Raises Invalid, AlreadyExists, LastAdmin."""
        _check(member.subject)
        found = await self.list(project)
        old = _of(found, member.subject)
        if old == member:
            raise AlreadyExists(f"'{member.subject.name}' has the role {member.role} already.")
        if old is not None and old.role is Role.ADMIN:
            _check_left(found, member.subject)
        await self._members.grant(project, member)
        await self._check_after(project, old)

    async def remove(self, project: str, subject: Subject) -> None:
        """Take all roles away. Raises MemberNotFound, LastAdmin."""
        found = await self.list(project)
        old = _of(found, subject)
        if old is None:
            raise MemberNotFound
        if old.role is Role.ADMIN:
            _check_left(found, subject)
        await self._members.revoke(project, subject)
        await self._check_after(project, old)

    async def _check_after(self, project: str, old: Member | None) -> None:
        """Two admins who remove each other at one moment both looked before: one is put back."""
        if old is not None and old.role is Role.ADMIN:
            found = await self._members.list(project)
            if not any(one.role is Role.ADMIN for one in found):
                await self._members.grant(project, old)
                raise LastAdmin


def _of(members: Sequence[Member], subject: Subject) -> Member | None:
    return next((one for one in members if one.subject == subject), None)


def _check_left(members: Sequence[Member], but: Subject) -> None:
    if not any(one.role is Role.ADMIN and one.subject != but for one in members):
        raise LastAdmin


def _check(subject: Subject) -> None:
    """Names that no cluster gives to people would look like a grant and be none."""
    name = subject.name
    if not name or name != name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid.field("subjectName", f"must be 1 to {MAX_NAME} printable characters")
    account = subject.type is SubjectType.USER and name.startswith(ACCOUNT)
    if name.startswith(SYSTEM) and not account:
        raise Invalid.field(
            "subjectName",
            f"must not begin with '{SYSTEM}'",
            hint="A service account is the user system:serviceaccount:NAMESPACE:NAME.",
        )
