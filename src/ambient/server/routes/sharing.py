"""Members of a project (api.md 3.3)."""

from typing import Final

from pydantic import Field
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.model import Member, Role, Subject, SubjectType
from ambient.core.service.sharing import MAX_NAME
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

MEMBERS: Final = PROJECT + "/permissions"


class MemberReply(Resource):
    """Somebody and their role."""

    subject_type: SubjectType
    subject_name: str
    role: Role


class GrantRole(Resource):
    """A role for somebody, in place of another that they have."""

    subject_type: SubjectType
    subject_name: str = Field(min_length=1, max_length=MAX_NAME)
    role: Role


class GrantedReply(MemberReply):
    """What was granted."""

    message: str


class MemberList(wire.ListReply):
    """Every member of the project."""

    items: tuple[MemberReply, ...]  # type: ignore[assignment]  # narrower, for the description


class SharingRoutes:
    """The routes of members."""

    def __init__(self, services: Services) -> None:
        self._sharing = services.sharing

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        admin, one = Person.ADMIN, MEMBERS + "/{kind}/{name:path}"
        return [
            Declared("GET", MEMBERS, self.list, Person.VIEW, reply=MemberList),
            Declared("POST", MEMBERS, self.add, admin, status=201, reply=GrantedReply),
            Declared("DELETE", one, self.remove, admin, status=204),
        ]

    async def list(self, project: ProjectName) -> Response:
        """Each with their highest role."""
        found = [_shown(one) for one in await self._sharing.list(project)]
        return wire.page(found, total=len(found), limit=max(len(found), 1), offset=0)

    async def add(self, project: ProjectName, body: GrantRole) -> Response:
        """Give somebody a role."""
        subject = Subject(type=body.subject_type, name=body.subject_name)
        await self._sharing.add(project, Member(subject=subject, role=body.role))
        said = GrantedReply(message="Granted.", **dict(body))
        return wire.reply(said, 201)

    async def remove(self, project: ProjectName, kind: SubjectType, name: str) -> Response:
        """Take all roles away from somebody."""
        await self._sharing.remove(project, Subject(type=kind, name=name))
        return Response(status_code=204)


def _shown(member: Member) -> MemberReply:
    subject = member.subject
    return MemberReply(subject_type=subject.type, subject_name=subject.name, role=member.role)
