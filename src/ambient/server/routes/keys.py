"""Access keys of a project (api.md 3.4)."""

from typing import Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.model import Role
from ambient.core.service.access_keys import MAX_NAME, MAX_SECONDS, AccessKey, WantedKey
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, caller_of
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

KEYS: Final = PROJECT + "/keys"


class CreateKey(Resource):
    """A new key."""

    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f]+$")
    description: str = Field(default="", max_length=500)
    role: Role = Role.EDIT
    expiration_seconds: int = Field(ge=1, le=MAX_SECONDS)


class KeyReply(Resource):
    """A key without its text. lastUsedAt: empty, it never was."""

    id: str
    name: str
    description: str
    role: Role
    created_at: str
    created_by: str
    last_used_at: str
    expires_at: str


class NewKeyReply(KeyReply):
    """key: shown this once."""

    key: str


class KeyList(wire.ListReply):
    """Every key of the project."""

    items: tuple[KeyReply, ...]  # type: ignore[assignment]  # narrower, for the description


class KeyRoutes:
    """The routes of access keys."""

    def __init__(self, services: Services) -> None:
        self._keys = services.access_keys

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        admin = Person.ADMIN
        return [
            Declared("GET", KEYS, self.list, admin, reply=KeyList),
            Declared("POST", KEYS, self.create, admin, status=201, reply=NewKeyReply),
            Declared("DELETE", KEYS + "/{key}", self.delete, admin, status=204),
        ]

    async def list(self, project: ProjectName) -> Response:
        """All of them, oldest first; without their texts, which nobody can read again."""
        found = [KeyReply(**_shown(one)) for one in await self._keys.list(project)]
        return wire.page(found, total=len(found), limit=max(len(found), 1), offset=0)

    async def create(self, request: Request, project: ProjectName, body: CreateKey) -> Response:
        """Make one."""
        wanted = WantedKey(
            name=body.name,
            description=body.description,
            role=body.role,
            seconds=body.expiration_seconds,
        )
        made, text = await self._keys.create(caller_of(request), project, wanted)
        return wire.reply(NewKeyReply(**_shown(made), key=text), 201)

    async def delete(self, project: ProjectName, key: str) -> Response:
        """Revoke it, at once."""
        await self._keys.delete(project, key)
        return Response(status_code=204)


def _shown(key: AccessKey) -> dict[str, str]:
    used = key.last_used_at
    return {
        "id": key.id,
        "name": key.name,
        "description": key.description,
        "role": key.role.value,
        "created_at": wire.stamp(key.created_at),
        "created_by": key.created_by,
        "last_used_at": "" if used is None else wire.stamp(used),
        "expires_at": wire.stamp(key.expires_at),
    }
