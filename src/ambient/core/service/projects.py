"""Projects: create, change, settings, delete."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ambient.contract.registry import runner_type
from ambient.contract.resources import SettingsSpec
from ambient.core.errors import EngineBusy, RunnerDisabled
from ambient.core.model import Principal, Project, SessionId
from ambient.core.ports import Clock, Query, SessionStore
from ambient.core.service import checks
from ambient.core.service.sessions import Sessions

LOOK_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 30.0


class Projects:
    """Use cases about projects. Every method raises ProjectNotFound for an unknown one."""

    def __init__(self, *, store: SessionStore, sessions: Sessions, clock: Clock) -> None:
        self._store = store
        self._sessions = sessions
        self._clock = clock

    async def create(
        self, caller: Principal, name: str, display_name: str = "", description: str = ""
    ) -> Project:
        """Store a new one. Raises Invalid, AlreadyExists."""
        checks.name("name", name, checks.MAX_PROJECT_NAME)
        return await self._store.create_project(
            Project(
                name=name,
                display_name=display_name or name,
                description=description,
                created_at=self._clock.now(),
                created_by=caller.user_id,
            )
        )

    async def get(self, name: str) -> Project:
        """Read one."""
        return await self._store.get_project(name)

    async def list(self, search: str = "") -> Sequence[Project]:
        """All of them, by name."""
        return await self._store.list_projects(search)

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
        await self._store.delete_project(name)

    async def _left(self, name: str) -> Sequence[SessionId]:
        """What is not removed yet, having asked for all of it to be."""
        while page := (await self._store.list(Query(project=name, limit=100))).items:
            for row in page:
                await self._sessions.delete(row.session.id)
        return [one for one in await self._store.active() if one.startswith(f"{name}/")]
