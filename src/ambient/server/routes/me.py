"""What people keep for themselves: preferences and saved views (docs/api-additions.md)."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

from fastapi import Path, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.model import Role
from ambient.core.service.preferences import View
from ambient.server import wire
from ambient.server.access import Declared, Guard, Person, ProjectName, caller_of
from ambient.server.links import PARAMETER, SECONDS
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

MINE: Final = "/api/me/preferences"
VIEWS: Final = PROJECT + "/views"
ViewName = Annotated[str, Path(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f/]+$")]


class PreferencesReply(Resource):
    """What a person has chosen; what is absent was not. Other fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    theme: Literal["light", "dark", "system"] | None = None
    single_keys: bool | None = None
    """Whether single letters are shortcuts."""
    enter_sends: bool | None = None
    notifications: bool | None = None
    last_visit: str | None = Field(default=None, max_length=40)
    dismissed: dict[str, Any] | None = None
    """Failures that need not be shown any more: a session's uid → when."""
    read: dict[str, Any] | None = None
    """How far sessions were read: a session's uid → `{seq, at}`, the newest event seen and when, in
    milliseconds since 1970."""
    columns: tuple[str, ...] | None = None


class ShownView(Resource):
    """A saved view. query: filters and order, as in the address of the list."""

    name: str
    query: str
    shared: bool


class ViewsReply(Resource):
    """Those of everyone in the project, then one's own."""

    items: tuple[ShownView, ...]


class SaveView(Resource):
    """shared: for everyone in the project, which takes an admin."""

    query: str = Field(max_length=4000)
    shared: bool = False


class MakeLink(Resource):
    """A path of a GET below `/api/projects/`, with its query, as the page would ask for it."""

    path: str = Field(max_length=8000, pattern=r"^/api/projects/[^#\x00-\x20]+$")


class LinkReply(Resource):
    """url: relative to this server."""

    url: str
    expires_in_seconds: int


class MeRoutes:
    """The routes of a person's own things."""

    def __init__(self, services: Services, guard: Guard) -> None:
        self._preferences = services.preferences
        self._projects = services.projects
        self._guard = guard
        self._links = services.links

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        user, view = Person.USER, Person.VIEW
        one = VIEWS + "/{view}"
        return [
            Declared("GET", MINE, self.get, user, reply=PreferencesReply),
            Declared("PATCH", MINE, self.change, user, body=64 << 10, reply=PreferencesReply),
            Declared("POST", "/api/links", self.link, user, body=16 << 10, reply=LinkReply),
            Declared("GET", VIEWS, self.views, view, reply=ViewsReply),
            Declared("PUT", one, self.save_view, view, reply=ShownView),
            Declared("DELETE", one, self.delete_view, view, status=204),
        ]

    async def get(self, request: Request) -> Response:
        """The caller's preferences."""
        return wire.plain(await self._preferences.get(caller_of(request).user_id))

    async def change(self, request: Request, body: PreferencesReply) -> Response:
        """Set some; null deletes one; mappings are merged."""
        given = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return wire.plain(await self._preferences.change(caller_of(request).user_id, given))

    async def link(self, request: Request, body: MakeLink) -> Response:
        """A link to a file or an export that the browser can follow by itself, for a minute."""
        target, _, query = body.path.partition("?")
        value = await self._links.sign(caller_of(request), unquote(target))
        rest = f"{query}&" if query else ""
        url = f"{target}?{rest}{PARAMETER}={value}"
        return wire.reply(LinkReply(url=url, expires_in_seconds=SECONDS))

    async def views(self, request: Request, project: ProjectName) -> Response:
        """Saved views of the project's list."""
        await self._projects.get(project)
        found = await self._preferences.views(caller_of(request).user_id, project)
        shown = tuple(ShownView(name=v.name, query=v.query, shared=v.shared) for v in found)
        return wire.reply(ViewsReply(items=shown))

    async def save_view(
        self, request: Request, project: ProjectName, view: ViewName, body: SaveView
    ) -> Response:
        """Save or replace a view."""
        await self._projects.get(project)
        caller = caller_of(request)
        if body.shared:
            await self._guard.require(caller, project, Role.ADMIN)
        saved = View(name=view, query=body.query, shared=body.shared)
        await self._preferences.save_view(caller.user_id, project, saved)
        return wire.reply(ShownView(name=view, query=body.query, shared=body.shared))

    async def delete_view(
        self, request: Request, project: ProjectName, view: ViewName, shared: bool = False
    ) -> Response:
        """Delete a view of one's own, or a shared one."""
        caller = caller_of(request)
        if shared:
            await self._guard.require(caller, project, Role.ADMIN)
        await self._preferences.delete_view(caller.user_id, project, view, shared=shared)
        return Response(status_code=204)
