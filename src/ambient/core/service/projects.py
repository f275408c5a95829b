"""Projects: create, change, settings, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ambient.contract.registry import runner_type
from ambient.contract.resources import McpServers, SettingsSpec
from ambient.core.errors import AmbientError, EngineBusy, Forbidden, RunnerDisabled
from ambient.core.lists import Counts, Query
from ambient.core.model import (
    Member,
    Principal,
    Project,
    Role,
    SessionId,
    Subject,
    SubjectType,
)
from ambient.core.ports import Clock, Members, SessionStore
from ambient.core.service import checks
from ambient.core.service.secrets import Secrets
from ambient.core.service.sessions import Sessions

LOOK_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 30.0


class Projects:
    """Use cases about projects. Every method raises ProjectNotFound for an unknown one."""

    def __init__(
        self,
        *,
        store: SessionStore,
        sessions: Sessions,
        secrets: Secrets,
        members: Members,
        clock: Clock,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._members = members
        self._sessions = sessions
        self._clock = clock

    async def create(
        self, caller: Principal, name: str, display_name: str = "", description: str = ""
    ) -> Project:
        """Store a new one, with its creator as admin, or none at all. Raises Invalid,
        AlreadyExists, Forbidden."""
        if caller.grant is not None:
            raise Forbidden(
                "An access key belongs to one project and makes no others.",
                hint="Sign in as yourself to create a project.",
            )
        checks.name("name", name, checks.MAX_PROJECT_NAME)
        made = await self._store.create_project(
            Project(
                name=name,
                display_name=display_name or name,
                description=description,
                created_at=self._clock.now(),
                created_by=caller.user_id,
            )
        )
        creator = Subject(type=SubjectType.USER, name=caller.subject or caller.user_id)
        try:
            await self._members.first(name, Member(subject=creator, role=Role.ADMIN))
        except AmbientError:
            await self._store.delete_project(name)
            raise
        return made

    async def get(self, name: str) -> Project:
        """Read one."""
        return await self._store.get_project(name)

    async def list(self, search: str = "") -> Sequence[Project]:
        """All of them, by name."""
        return await self._store.list_projects(search)

    async def counts(self, names: Sequence[str]) -> Mapping[str, Counts]:
        """How the sessions of each of these stand."""
        return await self._store.counts(names)

    async def update(
        self, name: str, display_name: str | None = None, description: str | None = None
    ) -> Project:
        """Change what is given."""
        old = await self._store.get_project(name)
        return await self._store.update_project(
            replace(
                old,
                display_name=old.display_name if display_name is None else display_name,
                description=old.description if description is None else description,
            )
        )

    async def settings(self, name: str, settings: SettingsSpec) -> Project:
        """Replace the settings. Raises RunnerDisabled."""
        if settings.default_runner_type and runner_type(settings.default_runner_type) is None:
            raise RunnerDisabled(
                f"There is no runner type '{settings.default_runner_type}' here.",
                hint="List them: ambient get runners",
            )
        old = await self._store.get_project(name)
        return await self._store.update_project(replace(old, settings=settings))

    async def mcp_servers(self, name: str) -> McpServers:
        """Those that every session of the project has; values are not for a reply."""
        return (await self._store.get_project(name)).settings.mcp_servers or McpServers()

    async def set_mcp_servers(self, name: str, given: McpServers) -> McpServers:
        """Replace them; a mask leaves a value as it is. Sessions that run take them at their next
        start, or change. Raises Invalid, MaskedValueUnknown."""
        old = await self._store.get_project(name)
        wanted = checks.unmasked(given, old.settings.mcp_servers)
        settings = old.settings.model_copy(update={"mcp_servers": wanted})
        await self._store.update_project(replace(old, settings=settings))
        return wanted

    async def delete(self, name: str) -> None:
        """Remove it with all its sessions, and return when nothing is left.

        Raises EngineBusy when they take longer; they go on being removed, so call again.
        """
        await self._store.get_project(name)
        waited = 0.0
        while left := await self._left(name):
            if waited >= LONGEST_SECONDS:
                raise EngineBusy(
                    f"{len(left)} sessions of '{name}' are still being removed.",
                    hint="Nothing is lost by waiting: delete the project again in a minute.",
                    retryAfter=10,
                )
            await self._clock.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        await self._secrets.forget(name)
        await self._store.delete_project(name)

    async def _left(self, name: str) -> Sequence[SessionId]:
        """What is not removed yet, having asked for all of it to be."""
        while page := (await self._store.list(Query(project=name, limit=100))).items:
            for row in page:
                await self._sessions.delete(row.session.id)
        return [one for one in await self._store.active() if one.startswith(f"{name}/")]
