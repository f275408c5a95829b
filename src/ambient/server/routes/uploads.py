"""Files that people give to a session, in whatever phase it is (api.md 3.12)."""

import mimetypes
from typing import Any

from fastapi import Request
from starlette.responses import Response

from ambient.core.errors import FileTooLarge
from ambient.core.model import SessionId, session_id
from ambient.core.service.uploads import Uploaded
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName
from ambient.server.routes.session import ONE
from ambient.server.routes.workspace import RAW_BODY, file_inside
from ambient.server.services import Services


class UploadRoutes:
    """The routes of uploaded files. max_upload: bytes."""

    def __init__(self, services: Services, *, max_upload: int) -> None:
        self._sessions = services.sessions
        self._uploads = services.uploads
        self._max_upload = max_upload

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        all_, one = ONE + "/file-uploads", ONE + "/file-uploads/{path:path}"
        return [
            Declared("GET", all_, self.list, Person.VIEW),
            Declared(
                "PUT",
                one,
                self.put,
                Person.EDIT,
                body=self._max_upload,
                too_large=FileTooLarge,
                extra=RAW_BODY,
            ),
            Declared("DELETE", one, self.delete, Person.EDIT),
        ]

    async def list(self, project: ProjectName, session: SessionName) -> Response:
        """All of them, also those that wait for the session to start."""
        found = await self._uploads.all(await self._existing(project, session))
        return wire.plain({"files": [_described(one) for one in found]})

    async def put(
        self, request: Request, project: ProjectName, session: SessionName, path: str
    ) -> Response:
        """Take a file, or replace one."""
        found, wanted = await self._existing(project, session), file_inside(path)
        size = await self._uploads.put(found, wanted, request.stream())
        return wire.plain({"success": True, "filename": wanted, "size": size})

    async def delete(self, project: ProjectName, session: SessionName, path: str) -> Response:
        """Remove one."""
        found, wanted = await self._existing(project, session), file_inside(path)
        await self._uploads.delete(found, wanted)
        return wire.plain({"success": True})

    async def _existing(self, project: str, session: str) -> SessionId:
        return (await self._sessions.get(session_id(project, session))).session.id


def _described(one: Uploaded) -> dict[str, Any]:
    kind = mimetypes.guess_type(one.key)[0]
    return {
        "key": one.key,
        "size": one.size,
        "lastModified": one.changed_at,
        **({"contentType": kind} if kind else {}),
        **({"waits": True} if one.waits else {}),
    }
