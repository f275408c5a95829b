"""The way in: `async with AsyncAmbient() as ambient`."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from ambient.client.backoff import Pause, pause
from ambient.client.credential import Fixed
from ambient.client.model import Created, Me, ProjectInfo, VersionInfo
from ambient.client.page import pages
from ambient.client.platform import Platform, find_platform
from ambient.client.session import Session
from ambient.client.settings import ClientSettings
from ambient.client.transport import Request, Transport
from ambient.contract.resources import AgenticSession


class AsyncAmbient:
    """A platform. url and token: None takes them from the environment, else from the context in
    use, else from the local platform's data folder. project: for everything that names none."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        project: str | None = None,
        *,
        settings: ClientSettings | None = None,
        platform: Platform | None = None,
        pause: Pause = pause,
    ) -> None:
        settings = settings or ClientSettings.from_env()
        if url is not None and token is not None:
            base = url.rstrip("/").removesuffix("/api")
            platform = Platform(url=base, credential=Fixed(token))
        platform = platform or find_platform(settings)
        self.project = project or settings.project or platform.project
        self.transport = Transport(platform, pause=pause)
        self.sessions = Sessions(self.transport, self.project)
        self.projects = Projects(self.transport)

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.transport.__aexit__(kind, exc, trace)

    async def version(self) -> VersionInfo:
        """The platform's version, contract range and features."""
        return VersionInfo.model_validate(await self.transport.json("GET", "/api/version"))

    async def me(self) -> Me:
        """Who you are there."""
        return Me.model_validate(await self.transport.json("GET", "/api/me"))

    async def api(
        self, method: str, path: str, content: bytes | None = None, media: str | None = None
    ) -> bytes:
        """Any route, with the login. path: with or without `/api` in front."""
        path = path if path.startswith("/") else f"/{path}"
        if not path.startswith(("/api", "/auth", "/health", "/readyz")):
            path = f"/api{path}"
        headers = {"Content-Type": media} if media else None
        request = Request(method=method.upper(), path=path, content=content, headers=headers)
        return (await self.transport.call(request)).body


class Sessions:
    """The sessions of a project."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self.project = project

    def __getitem__(self, name: str) -> Session:
        return Session(self._transport, self.project, name)

    async def create(
        self,
        prompt: str | None = None,
        *,
        repos: Sequence[str | Mapping[str, Any]] = (),
        model: str | None = None,
        name: str | None = None,
        **more: Any,
    ) -> Session:
        """Make a session. repos: `URL` or `URL@BRANCH`, or objects as api.md 3.9 has them. more:
        the other fields of the create body, in the wire's spelling (`displayName=…`)."""
        body: dict[str, Any] = {**more}
        if prompt:
            body["initialPrompt"] = prompt
        if name:
            body["name"] = name
        if model:
            body["llmSettings"] = {**body.get("llmSettings", {}), "model": model}
        if repos:
            body["repos"] = [repo_of(one) if isinstance(one, str) else one for one in repos]
        created = await self.create_raw(body)
        return self[created.name]

    async def create_raw(self, body: Mapping[str, Any]) -> Created:
        """The same from a body of your own; the reply's warnings are in the answer."""
        found = await self._transport.json(
            "POST",
            self._path,
            body=body,
            headers={"Idempotency-Key": secrets.token_hex(16)},
            safe=True,
        )
        return Created.model_validate(found)

    def list(self, **filters: str) -> AsyncIterator[AgenticSession]:
        """Sessions, newest first, paging by itself. filters: api.md 2.3, in the wire's spelling
        (`phase`, `agentStatus`, `labelSelector`, `search`, `creator`, `sort`)."""
        return pages(self._transport, self._path, AgenticSession, filters)

    def everywhere(self, **filters: str) -> AsyncIterator[AgenticSession]:
        """The same of every project that you see."""
        return pages(self._transport, "/api/agentic-sessions", AgenticSession, filters)

    @property
    def _path(self) -> str:
        return f"/api/projects/{quote(self.project, safe='')}/agentic-sessions"


class Projects:
    """Projects that you can see."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, search: str | None = None) -> AsyncIterator[ProjectInfo]:
        """All of them."""
        params = {"search": search} if search else None
        return pages(self._transport, "/api/projects", ProjectInfo, params)

    async def create(
        self, name: str, *, display_name: str | None = None, description: str | None = None
    ) -> ProjectInfo:
        """Make one; you become its admin."""
        given = {"name": name, "displayName": display_name, "description": description}
        body = {key: value for key, value in given.items() if value is not None}
        return ProjectInfo.model_validate(
            await self._transport.json("POST", "/api/projects", body=body)
        )

    async def get(self, name: str) -> ProjectInfo:
        """One of them."""
        return ProjectInfo.model_validate(await self._transport.json("GET", _project(name)))

    async def settings(self, name: str) -> dict[str, Any]:
        """Its settings."""
        found: dict[str, Any] = await self._transport.json("GET", f"{_project(name)}/settings")
        return found

    async def delete(self, name: str) -> None:
        """Delete it with all sessions, histories and files."""
        await self._transport.call(Request(method="DELETE", path=_project(name)))


def repo_of(text: str) -> dict[str, str]:
    """`URL` or `URL@BRANCH` as an object. An @ before the path is a user name, not a branch."""
    url, at, branch = text.rpartition("@")
    if at and branch and url and ":" not in branch and _has_path(url):
        return {"url": url, "branch": branch}
    return {"url": text}


def _has_path(url: str) -> bool:
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    return "/" in rest


def _project(name: str) -> str:
    return f"/api/projects/{quote(name, safe='')}"
