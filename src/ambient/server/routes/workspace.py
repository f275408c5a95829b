"""Files and MCP servers of a session (api.md 3.6, 3.12)."""

from typing import Annotated, Final, Literal

from fastapi import Query as Param
from fastapi import Request
from starlette.responses import Response

from ambient.contract.names import SOURCE_HEADER
from ambient.contract.runner_api import FileList
from ambient.contract.span import Span
from ambient.core.errors import FileTooLarge, InvalidPath
from ambient.core.filing import Content
from ambient.core.model import SessionId, session_id
from ambient.server import wire
from ambient.server.access import Bot, Declared, Person, ProjectName, SessionName
from ambient.server.archive import MEDIA, ArchiveReply, entries, zipped
from ambient.server.content import OCTETS, FileReply
from ambient.server.routes.session import ONE
from ambient.server.services import Services

FILE: Final = ONE + "/workspace/{path:path}"
_MAX_PATH: Final = 4000
_MAX_NAME: Final = 255
"""Bytes of one name, as file systems have it."""


class WorkspaceRoutes:
    """The routes of what is in a session's place. max_upload: bytes."""

    def __init__(self, services: Services, *, max_upload: int) -> None:
        self._sessions = services.sessions
        self._workspaces = services.workspaces
        self._max_upload = max_upload

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        view, edit, same = Person.VIEW, Person.EDIT, Bot.SAME_OWNER
        return [
            Declared("GET", ONE + "/workspace", self.list, view, bot=same, reply=FileList),
            Declared("GET", FILE, self.read, view, bot=same, media=(OCTETS,)),
            Declared(
                "PUT",
                FILE,
                self.write,
                edit,
                body=self._max_upload,
                too_large=FileTooLarge,
                extra=RAW_BODY,
            ),
            Declared("DELETE", FILE, self.delete, edit),
            Declared("GET", ONE + "/archive", self.archive, view, bot=same, media=(MEDIA,)),
            Declared("GET", ONE + "/mcp/status", self.mcp_status, view),
        ]

    async def list(
        self, project: ProjectName, session: SessionName, path: Annotated[str, Param()] = ""
    ) -> Response:
        """A folder."""
        found = await self._existing(project, session)
        listed, live = await self._workspaces.list(found, inside(path))
        reply = wire.plain(
            {
                "items": [one.model_dump(by_alias=True) for one in listed.items],
                **({"truncated": True} if listed.truncated else {}),
            }
        )
        return _marked(reply, live=live)

    async def read(
        self,
        request: Request,
        project: ProjectName,
        session: SessionName,
        path: str,
        view: Literal["html"] | None = None,
    ) -> Response:
        """A file, whole or a range. view=html: as a page in which nothing runs, for a frame."""
        found = await self._existing(project, session)
        span = Span.of(request.headers.get("range"))
        content, live = await self._workspaces.open(found, file_inside(path), span)
        reply = FileReply(content, part=span is not None)
        if view is not None:
            reply.headers["Content-Type"] = "text/html; charset=utf-8"
            reply.headers["Content-Security-Policy"] = SANDBOX
        return _marked(reply, live=live)

    async def archive(
        self, project: ProjectName, session: SessionName, path: Annotated[str, Param()] = ""
    ) -> Response:
        """A folder with all that is in it, as a zip file."""
        found, base = await self._existing(project, session), inside(path)
        _, live = await self._workspaces.list(found, base)

        async def folder(at: str) -> FileList:
            return (await self._workspaces.list(found, at))[0]

        async def file(at: str) -> Content:
            return (await self._workspaces.open(found, at))[0]

        chunks = zipped(await entries(folder, base), base, file)
        name = f"{session}-{base}" if base else session
        return _marked(ArchiveReply(chunks, name), live=live)

    async def write(
        self, request: Request, project: ProjectName, session: SessionName, path: str
    ) -> Response:
        """Write or replace a file."""
        found, wanted = await self._existing(project, session), file_inside(path)
        await self._workspaces.write(found, wanted, request.stream())
        return wire.plain({"message": f"{wanted} was written."})

    async def delete(self, project: ProjectName, session: SessionName, path: str) -> Response:
        """Delete a file."""
        found, wanted = await self._existing(project, session), file_inside(path)
        await self._workspaces.delete(found, wanted)
        return wire.plain({"message": f"{wanted} was deleted."})

    async def mcp_status(self, project: ProjectName, session: SessionName) -> Response:
        """MCP servers as the live client sees them."""
        found = await self._existing(project, session)
        return wire.plain(dict(await self._workspaces.mcp_status(found)))

    async def _existing(self, project: str, session: str) -> SessionId:
        return (await self._sessions.get(session_id(project, session))).session.id


def _marked(reply: Response, *, live: bool) -> Response:
    """The reply, which says so where no runner gave it (api.md 3.12)."""
    if not live:
        reply.headers[SOURCE_HEADER] = "snapshot"
    return reply


SANDBOX: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""What an agent wrote is shown, and never runs, loads or sends anything."""
RAW_BODY: Final = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    }
}


def inside(path: str) -> str:
    """The path, which must be relative and stay inside the workspace. Raises InvalidPath."""
    parts = path.split("/")
    if path.startswith("/") or "\0" in path or ".." in parts or _too_long(path):
        raise InvalidPath(
            "The path must be relative, without '..', inside the workspace.",
            hint="For example: artifacts/report.md",
            fields=[{"field": "path", "message": "is not a path inside the workspace"}],
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _too_long(path: str) -> bool:
    return len(path) > _MAX_PATH or any(
        len(one.encode(errors="surrogatepass")) > _MAX_NAME for one in path.split("/")
    )


def file_inside(path: str) -> str:
    """The same for a file: the workspace itself is none. Raises InvalidPath."""
    found = inside(path)
    if not found or path.endswith("/"):
        raise InvalidPath("The path names a folder; name a file in it.")
    return found
