"""A project's secrets (api.md 3.5): names and times for readers, values for nobody."""

from typing import Final

from pydantic import Field
from starlette.responses import Response

from ambient.contract.names import MASK
from ambient.contract.resources import Resource
from ambient.core.service.secrets import MOST_NAMES, SecretSet
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName
from ambient.server.services import Services

ONE: Final = "/api/projects/{project}"
LIST: Final = ONE + "/secrets"
LARGEST_BODY: Final = 4 << 20
"""Of 900 KiB of values; each character may be an escape in JSON."""
OBJECTS: Final = {
    SecretSet.RUNNER: "ambient-runner-secrets",
    SecretSet.INTEGRATION: "ambient-non-vertex-integrations",
}
"""What the sets are called as objects of a cluster, and in the list of them."""


class ReplaceSecrets(Resource):
    """The whole set: what is left out is deleted, what is the mask stays."""

    data: dict[str, str] = Field(max_length=4 * MOST_NAMES)


class SecretName(Resource):
    """A name, and when its value was last written."""

    name: str
    updated_at: str


class SecretsReply(Resource):
    """data: a mask under each name."""

    items: tuple[SecretName, ...]
    data: dict[str, str]


class StoredSet(Resource):
    """A set that has something in it."""

    name: str
    created_at: str | None = None
    type: str = "Opaque"


class SetList(Resource):
    """The sets of a project."""

    items: tuple[StoredSet, ...]


class Done(Resource):
    """What was done, in a sentence."""

    message: str


class SecretRoutes:
    """The routes of secrets."""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets
        self._projects = services.projects

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        view, admin, big = Person.VIEW, Person.ADMIN, LARGEST_BODY
        found = [Declared("GET", LIST, self.sets, view, reply=SetList)]
        for which, read, write in (
            (SecretSet.RUNNER, self.runner, self.put_runner),
            (SecretSet.INTEGRATION, self.integration, self.put_integration),
        ):
            path = f"{ONE}/{which}"
            found.append(Declared("GET", path, read, view, reply=SecretsReply))
            found.append(Declared("PUT", path, write, admin, body=big, reply=Done))
        return found

    async def sets(self, project: ProjectName) -> Response:
        """The sets that hold anything."""
        await self._projects.get(project)
        found = []
        for which, name in OBJECTS.items():
            names = await self._secrets.names(project, which)
            if names:
                found.append(StoredSet(name=name, created_at=wire.stamp(min(names.values()))))
        return wire.reply(SetList(items=tuple(found)))

    async def runner(self, project: ProjectName) -> Response:
        """The names of what runners are given to reach their models."""
        return await self._names(project, SecretSet.RUNNER)

    async def integration(self, project: ProjectName) -> Response:
        """The names of what the agents' own tools are given."""
        return await self._names(project, SecretSet.INTEGRATION)

    async def put_runner(self, project: ProjectName, body: ReplaceSecrets) -> Response:
        """Replace the set of the runners."""
        return await self._replace(project, SecretSet.RUNNER, body)

    async def put_integration(self, project: ProjectName, body: ReplaceSecrets) -> Response:
        """Replace the set of the tools."""
        return await self._replace(project, SecretSet.INTEGRATION, body)

    async def _names(self, project: str, which: SecretSet) -> Response:
        await self._projects.get(project)
        names = await self._secrets.names(project, which)
        items = tuple(
            SecretName(name=name, updated_at=wire.stamp(at)) for name, at in names.items()
        )
        return wire.reply(SecretsReply(items=items, data=dict.fromkeys(names, MASK)))

    async def _replace(self, project: str, which: SecretSet, body: ReplaceSecrets) -> Response:
        await self._projects.get(project)
        await self._secrets.replace(project, which, body.data)
        message = f"{len(body.data)} secrets are stored. Runners get them at their next start."
        return wire.reply(Done(message=message))
