"""Workflows to choose from: those of the platform, and those that a team has saved."""

from typing import Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.git import is_commit, place_of
from ambient.contract.resources import Resource
from ambient.contract.workflow import SavedWorkflow
from ambient.core.errors import AmbientError, Invalid
from ambient.server import wire
from ambient.server.access import Bot, Declared, Person, ProjectName, caller_of
from ambient.server.providers import provider_of
from ambient.server.services import Services

P: Final = "/api/projects/{project}/workflows"
STALE_HEADER: Final = "Ambient-Stale"


class SaveWorkflow(Resource):
    """commit: absent: the one that the branch is at now, as its host says."""

    name: str
    git_url: str = Field(max_length=2000)
    branch: str = Field(default="main", max_length=250)
    path: str | None = Field(default=None, max_length=2000)
    description: str = Field(default="", max_length=500)
    commit: str | None = None


class WorkflowRoutes:
    """The routes of workflows outside of sessions."""

    def __init__(self, services: Services) -> None:
        self._catalogue = services.catalogue
        self._saved = services.workflows
        self._accounts = services.accounts
        self._outbound = services.outbound
        self._clock = services.clock

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        edit, project = Person.EDIT, Bot.PROJECT
        return [
            Declared("GET", "/api/workflows/ootb", self.catalogue, Person.ANYONE),
            Declared("GET", P, self.list, Person.VIEW, bot=project),
            Declared("POST", P, self.save, edit, status=201, reply=SavedWorkflow),
            Declared("DELETE", P + "/{name}", self.remove, edit, status=204),
        ]

    async def catalogue(self, project: str | None = None) -> Response:
        """The platform's own, the same for every project."""
        found, is_stale = await self._catalogue.list()
        reply = wire.plain({"workflows": [dict(one) for one in found]})
        if is_stale:
            reply.headers[STALE_HEADER] = "true"
        return reply

    async def list(self, project: ProjectName) -> Response:
        """Those that the team has saved."""
        found = await self._saved.list(project)
        return wire.plain({"items": [one.model_dump(by_alias=True) for one in found]})

    async def save(self, request: Request, project: ProjectName, body: SaveWorkflow) -> Response:
        """Keep one, pinned to a commit."""
        commit = body.commit or await self._commit_of(request, body)
        kept = SavedWorkflow(
            name=body.name,
            git_url=body.git_url,
            branch=body.branch,
            path=body.path,
            description=body.description,
            commit=commit,
            saved_by=caller_of(request).user_id,
            saved_at=wire.stamp(self._clock.now()),
        )
        await self._saved.save(project, kept)
        return wire.reply(kept, 201)

    async def remove(self, project: ProjectName, name: str) -> Response:
        """Forget one."""
        await self._saved.remove(project, name)
        return Response(status_code=204)

    async def _commit_of(self, request: Request, body: SaveWorkflow) -> str:
        """Where the branch is now. Raises Invalid where nobody can be asked."""
        if is_commit(body.branch):
            return body.branch
        host, repo = place_of(body.git_url)
        try:
            account = await self._accounts.at(caller_of(request).user_id, host)
            found = await provider_of(account, self._outbound).branches(repo)
        except AmbientError as exc:
            raise Invalid.field(
                "commit", f"cannot be found out ({exc}); name it", hint="git rev-parse HEAD"
            ) from exc
        commit = next((one["commit"] for one in found if one["name"] == body.branch), None)
        if not commit:
            raise Invalid.field("branch", "is not among the first hundred of the repository")
        return str(commit)
