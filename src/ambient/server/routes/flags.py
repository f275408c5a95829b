"""Feature flags of a project (api.md 3.8)."""

from typing import Final

from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.service.flags import FlagState
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

FLAGS: Final = PROJECT + "/feature-flags"
FLAG: Final = FLAGS + "/{flag}"


class FlagReply(Resource):
    """A flag in a project. source: workspace-override or default."""

    name: str
    description: str
    enabled: bool
    type: str = "release"
    stale: bool = False
    tags: tuple[dict[str, str], ...]
    environments: tuple[str, ...] = ()
    source: str
    override_enabled: bool | None


class FlagsReply(Resource):
    """Every flag, by name."""

    features: tuple[FlagReply, ...]


class EvaluationReply(Resource):
    """Whether a flag is on, and who says so."""

    flag: str
    enabled: bool
    source: str


class ChangedReply(EvaluationReply):
    """What counts now."""

    message: str


class Override(Resource):
    """What the project says."""

    enabled: bool


class FlagRoutes:
    """The routes of flags."""

    def __init__(self, services: Services) -> None:
        self._flags = services.flags

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        view, admin, at = Person.VIEW, Person.ADMIN, FLAG + "/override"
        changed = ChangedReply
        return [
            Declared("GET", FLAGS, self.list, view, reply=FlagsReply),
            Declared("GET", FLAGS + "/evaluate/{flag}", self.evaluate, view, reply=EvaluationReply),
            Declared("GET", FLAG, self.get, view, reply=FlagReply),
            Declared("PUT", at, self.override, admin, reply=changed),
            Declared("DELETE", at, self.forget, admin, reply=changed),
            Declared("POST", FLAG + "/enable", self.enable, admin, reply=changed),
            Declared("POST", FLAG + "/disable", self.disable, admin, reply=changed),
        ]

    async def list(self, project: ProjectName) -> Response:
        """Every flag and what counts here."""
        found = tuple(map(_shown, await self._flags.list(project)))
        return wire.reply(FlagsReply(features=found))

    async def get(self, project: ProjectName, flag: str) -> Response:
        """One flag."""
        return wire.reply(_shown(await self._flags.get(project, flag)))

    async def evaluate(self, project: ProjectName, flag: str) -> Response:
        """Whether it is on here; an unknown one is off."""
        known = {one.flag.name: one for one in await self._flags.list(project)}
        found = known.get(flag)
        enabled, source = (found.enabled, found.source) if found else (False, "default")
        return wire.reply(EvaluationReply(flag=flag, enabled=enabled, source=source))

    async def override(self, project: ProjectName, flag: str, body: Override) -> Response:
        """Switch it for this project."""
        return await self._change(project, flag, enabled=body.enabled)

    async def forget(self, project: ProjectName, flag: str) -> Response:
        """Let the platform's default count again."""
        return await self._change(project, flag, enabled=None)

    async def enable(self, project: ProjectName, flag: str) -> Response:
        """Switch it on for this project."""
        return await self._change(project, flag, enabled=True)

    async def disable(self, project: ProjectName, flag: str) -> Response:
        """Switch it off for this project."""
        return await self._change(project, flag, enabled=False)

    async def _change(self, project: str, flag: str, *, enabled: bool | None) -> Response:
        found = await self._flags.override(project, flag, enabled=enabled)
        word = "on" if found.enabled else "off"
        return wire.reply(
            ChangedReply(
                message=f"{flag} is {word} in {project}.",
                flag=flag,
                enabled=found.enabled,
                source=found.source,
            )
        )


def _shown(one: FlagState) -> FlagReply:
    return FlagReply(
        name=one.flag.name,
        description=one.flag.description,
        enabled=one.enabled,
        tags=tuple({"type": "simple", "value": tag} for tag in one.flag.tags),
        source=one.source,
        override_enabled=one.override,
    )
