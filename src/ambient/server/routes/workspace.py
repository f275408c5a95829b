"""Files, repositories and MCP servers of a session (api.md 3.6, 3.12, 3.13)."""

from typing import Annotated, Final

from fastapi import Query as Param
from fastapi import Request
from starlette.responses import Response

from ambient.contract.names import SOURCE_HEADER
from ambient.contract.runner_api import FileList, GitStatus
from ambient.core.errors import FileTooLarge, InvalidPath
from ambient.core.model import SessionId, session_id
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName
from ambient.server.content import OCTETS, partial
from ambient.server.routes.session import ONE
from ambient.server.services import Services

FILE: Final = ONE + "/workspace/{path:path}"
_MAX_PATH: Final = 4096


class WorkspaceRoutes:
    """The routes of what is in a session's place. max_upload: bytes."""

    def __init__(self, services: Services, *, max_upload: int) -> None:
        self._sessions = services.sessions
        self._workspaces = services.workspaces
        self._max_upload = max_upload

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        view, edit = Person.VIEW, Person.EDIT
        return [
            Declared("GET", ONE + "/workspace", self.list, view, reply=FileList),
            Declared("GET", FILE, self.read, view, media=(OCTETS,)),
            Declared(
                "PUT",
                FILE,
                self.write,
                edit,
                body=self._max_upload,
                too_large=FileTooLarge,
                extra=_RAW_BODY,
            ),
            Declared("DELETE", FILE, self.delete, edit),
            Declared("GET", ONE + "/git/status", self.git_status, view, reply=GitStatus),
            Declared("GET", ONE + "/git/list-branches", self.list_branches, view),
            Declared("GET", ONE + "/repos/status", self.repos_status, view),
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
        self, request: Request, project: ProjectName, session: SessionName, path: str
    ) -> Response:
        """A file, whole or a range."""
        found = await self._existing(project, session)
        data, live = await self._workspaces.read(found, file_inside(path))
        return _marked(partial(data, request.headers.get("range")), live=live)

    async def write(
        self, request: Request, project: ProjectName, session: SessionName, path: str
    ) -> Response:
        """Write or replace a file."""
        found, wanted = await self._existing(project, session), file_inside(path)
        await self._workspaces.write(found, wanted, await request.body())
        return wire.plain({"message": f"{wanted} was written."})

    async def delete(self, project: ProjectName, session: SessionName, path: str) -> Response:
        """Delete a file."""
        found, wanted = await self._existing(project, session), file_inside(path)
        await self._workspaces.delete(found, wanted)
        return wire.plain({"message": f"{wanted} was deleted."})

    async def git_status(
        self, project: ProjectName, session: SessionName, path: Annotated[str, Param()]
    ) -> Response:
        """State of a repository in the workspace."""
        found = await self._existing(project, session)
        status = await self._workspaces.git_status(found, inside(path))
        return wire.plain(status.model_dump(by_alias=True))

    async def list_branches(
        self, project: ProjectName, session: SessionName, path: str = "artifacts"
    ) -> Response:
        """Branches of a repository in the workspace."""
        found = await self._existing(project, session)
        branches = await self._workspaces.list_branches(found, inside(path))
        return wire.plain({"branches": [*branches]})

    async def repos_status(self, project: ProjectName, session: SessionName) -> Response:
        """Repositories as they are on disk."""
        found = await self._existing(project, session)
        return wire.plain({"repos": [*await self._workspaces.repos_status(found)]})

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


_RAW_BODY: Final = {
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
    if path.startswith("/") or len(path) > _MAX_PATH or "\0" in path or ".." in path.split("/"):
        raise InvalidPath(
            "The path must be relative, without '..', inside the workspace.",
            hint="For example: artifacts/report.md",
            fields=[{"field": "path", "message": "is not a path inside the workspace"}],
        )
    return path.rstrip("/")


def file_inside(path: str) -> str:
    """The same for a file: the workspace itself is none. Raises InvalidPath."""
    found = inside(path)
    if not found or path.endswith("/"):
        raise InvalidPath("The path names a folder; name a file in it.")
    return found
