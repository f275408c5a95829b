"""Files for a session that is not made yet (api-additions.md)."""

from typing import Annotated

from fastapi import Query as Param
from fastapi import Request
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.errors import FileTooLarge
from ambient.core.model import Staged
from ambient.core.service.staging import KEPT
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, caller_of
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.routes.workspace import RAW_BODY, file_inside
from ambient.server.services import Services


class StagedFile(Resource):
    """A file that waits. id: for `attachments` of a create."""

    id: str
    name: str
    size: int
    expires_at: str


class StagedFiles(Resource):
    """The caller's, oldest first."""

    items: tuple[StagedFile, ...]


class StagingRoutes:
    """The routes of staged files. max_upload: bytes."""

    def __init__(self, services: Services, *, max_upload: int) -> None:
        self._staging = services.staging
        self._max_upload = max_upload

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        all_, one = PROJECT + "/uploads", PROJECT + "/uploads/{upload}"
        return [
            Declared("GET", all_, self.list, Person.EDIT, reply=StagedFiles),
            Declared(
                "POST",
                all_,
                self.stage,
                Person.EDIT,
                status=201,
                body=self._max_upload,
                too_large=FileTooLarge,
                reply=StagedFile,
                extra=RAW_BODY,
            ),
            Declared("DELETE", one, self.drop, Person.EDIT, status=204),
        ]

    async def list(self, request: Request, project: ProjectName) -> Response:
        """What the caller has staged here."""
        found = await self._staging.all(caller_of(request), project)
        return wire.reply(StagedFiles(items=tuple(_shown(one) for one in found)))

    async def stage(
        self, request: Request, project: ProjectName, name: Annotated[str, Param(max_length=500)]
    ) -> Response:
        """Keep a file for 24 hours, for a session that is to be made."""
        caller, wanted = caller_of(request), file_inside(name)
        kept = await self._staging.put(caller, project, wanted, request.stream())
        return wire.reply(_shown(kept), status=201)

    async def drop(self, request: Request, project: ProjectName, upload: str) -> Response:
        """Take one away."""
        await self._staging.drop(caller_of(request), project, upload)
        return Response(status_code=204)


def _shown(one: Staged) -> StagedFile:
    expires = wire.stamp(one.created_at + KEPT)
    return StagedFile(id=one.id, name=one.name, size=one.size, expires_at=expires)
