"""Projects, their settings, and what may be chosen in them (api.md 3.2, 3.7)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import Query as Param
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.mcp_servers import MOST_BYTES, shown
from ambient.contract.registry import (
    INTERNAL_FIELDS,
    MODELS,
    RUNNER_TYPES,
    Model,
    OfferedRunner,
    from_packages,
)
from ambient.contract.resources import GroupAccess, McpServers, Resource, Strategy
from ambient.core.errors import Invalid
from ambient.core.lists import Counts
from ambient.core.model import Role
from ambient.core.service.checks import LARGEST_NUMBER
from ambient.core.service.flags import model_flag, runner_flag
from ambient.core.service.mcp_trials import McpTrials
from ambient.core.service.runners import Runners
from ambient.core.service.visible import roles
from ambient.server import wire
from ambient.server.access import (
    Bot,
    Declared,
    Guard,
    Person,
    ProjectName,
    caller_of,
)
from ambient.server.services import Services

ALL: Final = "/api/projects"
ONE: Final = ALL + "/{project}"


class CreateProject(Resource):
    """A new project."""

    name: str
    display_name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)


class UpdateProject(Resource):
    """What to change; a name must be the project's."""

    name: str | None = None
    display_name: str | None = Field(default=None, max_length=200)
    description: str | None = Field(default=None, max_length=4000)


class ChangeSettings(Resource):
    """Any subset of the settings."""

    default_runner_type: str | None = None
    inactivity_timeout_seconds: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    multitask_strategy: Strategy | None = None
    group_access: tuple[GroupAccess, ...] | None = None
    repositories: tuple[dict[str, Any], ...] | None = Field(default=None, max_length=100)


class ProjectParameters(Resource):
    """Filter and page. shown: with how the sessions of each stand."""

    search: str = Field(default="", max_length=200)
    shown: bool = False
    limit: int = Field(default=20, ge=1)
    offset: int = Field(default=0, ge=0, le=2**53)


class AccessReply(Resource):
    """What the caller may do in a project."""

    project: str
    allowed: bool
    reason: str
    user_role: str | None


class ModelsReply(Resource):
    """Models that can be chosen."""

    models: tuple[Model, ...]
    default_model: str


class ProjectRoutes:
    """The routes of projects."""

    def __init__(self, services: Services, guard: Guard, trials: McpTrials) -> None:
        self._projects = services.projects
        self._flags = services.flags
        self._runners = services.runners
        self._trials = trials
        self._authorizer = services.authorizer
        self._guard = guard

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        one, view, admin = wire.ProjectReply, Person.VIEW, Person.ADMIN
        user, listed = Person.USER, wire.ProjectList
        chosen, prefs = ONE + "/settings", wire.SettingsReply
        tools, body = ONE + "/mcp-servers", 2 * MOST_BYTES
        return [
            Declared("GET", ALL, self.list, user, reply=listed),
            Declared("POST", ALL, self.create, user, status=201, reply=one),
            Declared("GET", ONE, self.get, view, reply=one),
            Declared("PUT", ONE, self.update, admin, reply=one),
            Declared("DELETE", ONE, self.delete, admin, status=204),
            Declared("GET", ONE + "/access", self.access, user, reply=AccessReply),
            Declared("GET", chosen, self.settings, view, reply=prefs),
            Declared("PUT", chosen, self.change_settings, admin, reply=prefs),
            Declared("GET", tools, self.mcp_servers, view, reply=McpServers),
            Declared("POST", tools + "/{name}/test", self.try_mcp_server, Person.EDIT),
            Declared("PUT", tools, self.set_mcp_servers, admin, body=body, reply=McpServers),
            Declared("GET", ONE + "/models", self.models, view, bot=Bot.PROJECT, reply=ModelsReply),
            Declared(
                "GET",
                ONE + "/runner-types",
                self.runner_types,
                view,
                bot=Bot.PROJECT,
                reply=list[OfferedRunner],
            ),
        ]

    async def list(
        self, request: Request, parameters: Annotated[ProjectParameters, Param()]
    ) -> Response:
        """Projects that the caller can see, by name, each with the caller's role."""
        caller = caller_of(request)
        every = await self._projects.list(parameters.search)
        mine = await roles(self._authorizer, caller, [one.name for one in every])
        found = [one for one in every if one.name in mine]
        limit, offset = min(parameters.limit, 100), parameters.offset
        page = found[offset : offset + limit]
        counts: Mapping[str, Counts] = {}
        if parameters.shown:
            counts = await self._projects.counts([one.name for one in page])
        shown = [wire.project(one, mine[one.name], counts.get(one.name)) for one in page]
        return wire.page(shown, total=len(found), limit=limit, offset=offset)

    async def create(self, request: Request, body: CreateProject) -> Response:
        """Create a project; the caller becomes its admin."""
        found = await self._projects.create(
            caller_of(request), body.name, body.display_name, body.description
        )
        return wire.reply(wire.project(found), 201)

    async def get(self, project: ProjectName) -> Response:
        """One project."""
        return wire.reply(wire.project(await self._projects.get(project)))

    async def update(self, project: ProjectName, body: UpdateProject) -> Response:
        """Change its words."""
        if body.name not in (None, project):
            raise Invalid.field("name", "cannot be changed")
        found = await self._projects.update(project, body.display_name, body.description)
        return wire.reply(wire.project(found))

    async def delete(self, project: ProjectName) -> Response:
        """Delete it with all its sessions."""
        await self._projects.delete(project)
        return Response(status_code=204)

    async def access(self, request: Request, project: ProjectName) -> Response:
        """What the caller may do here."""
        await self._projects.get(project)
        role = await self._authorizer.role(caller_of(request), project)
        reply = AccessReply(
            project=project,
            allowed=role is not None,
            reason=f"You are {Role(role)} here." if role else "You have no role here.",
            user_role=role,
        )
        return wire.plain(reply.model_dump(by_alias=True))

    async def settings(self, project: ProjectName) -> Response:
        """The project's settings."""
        found = wire.settings((await self._projects.get(project)).settings)
        return wire.plain(found.model_dump(by_alias=True))

    async def change_settings(self, project: ProjectName, body: ChangeSettings) -> Response:
        """Change some settings; null takes one back to its default."""
        old = (await self._projects.get(project)).settings
        given = {name: getattr(body, name) for name in body.model_fields_set}
        fields = type(old).model_fields
        changes = {
            name: fields[name].default if value is None else value for name, value in given.items()
        }
        new = await self._projects.settings(project, old.model_copy(update=changes))
        return wire.plain(wire.settings(new.settings).model_dump(by_alias=True))

    async def mcp_servers(self, project: ProjectName) -> Response:
        """The MCP servers of all its sessions, values masked."""
        return wire.reply(shown(await self._projects.mcp_servers(project)))

    async def set_mcp_servers(self, project: ProjectName, body: McpServers) -> Response:
        """Replace them; a mask leaves a value as it is."""
        return wire.reply(shown(await self._projects.set_mcp_servers(project, body)))

    async def try_mcp_server(self, request: Request, project: ProjectName, name: str) -> Response:
        """Try one in a session of its own, and say what came of it."""
        self._guard.slow_creates(caller_of(request))
        tried = await self._trials.run(caller_of(request), project, name)
        failed = next((one.message for one in tried.steps if not one.ok), None)
        return wire.plain(
            {
                "ok": tried.ok,
                "steps": [asdict(one) for one in tried.steps],
                "tools": [{"name": one} for one in tried.tools],
                **({"error": failed, "hint": tried.hint} if failed is not None else {}),
            }
        )

    async def models(self, project: ProjectName, provider: str = "") -> Response:
        """Models that can be chosen, of one provider or all."""
        off = await self._switched_off(project)
        found = tuple(
            one
            for one in MODELS
            if provider in ("", one.provider) and model_flag(one.id) not in off
        )
        default = next((one.id for one in found if one.is_default), "")
        return wire.reply(ModelsReply(models=found, default_model=default))

    async def runner_types(self, project: ProjectName) -> Response:
        """Runner types that a session here may have."""
        await self._projects.get(project)
        return await offered(self._runners, project, await self._switched_off(project))

    async def _switched_off(self, project: str) -> frozenset[str]:
        """The flags that are off there."""
        return frozenset(
            one.flag.name for one in await self._flags.list(project) if not one.enabled
        )


async def offered(
    runners: Runners, project: str | None = None, off: frozenset[str] = frozenset()
) -> Response:
    """Every runner type of this release and of installed packages: what it needs, and whether a
    session of it can work here. off: flags that are."""
    found = []
    for entry in (*RUNNER_TYPES, *from_packages()):
        if runner_flag(entry.id) in off:
            continue
        why = await runners.problem(entry.id, project)
        shown = OfferedRunner(
            **entry.model_dump(),
            usable=why is None,
            problem=str(why or ""),
            hint=(why and why.next_step) or "",
        )
        found.append(shown.model_dump(by_alias=True, exclude=set(INTERNAL_FIELDS), mode="json"))
    return wire.plain(found)
