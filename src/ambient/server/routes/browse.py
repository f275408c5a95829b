"""Repositories as their hosts show them, in the caller's name (api.md 3.14)."""

from typing import Annotated, Final

from fastapi import Query as Param
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.git import is_branch, is_commit, is_path, place_of
from ambient.contract.resources import Resource
from ambient.core.errors import Invalid, InvalidPath
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, caller_of
from ambient.server.providers import Provider, provider_of
from ambient.server.services import Services

P: Final = "/api/projects/{project}"
Repo = Annotated[str, Param(max_length=2000)]
Ref = Annotated[str, Param(max_length=250)]
At = Annotated[str, Param(max_length=2000)]


class Fork(Resource):
    """What is to be forked."""

    upstream_repo: str = Field(max_length=2000)


class BrowseRoutes:
    """The routes of repositories at their hosts."""

    def __init__(self, services: Services) -> None:
        self._accounts = services.accounts
        self._outbound = services.outbound

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        view = Person.VIEW
        return [
            Declared("GET", P + "/repo/tree", self.tree, view),
            Declared("GET", P + "/repo/blob", self.blob, view),
            Declared("GET", P + "/repo/branches", self.branches, view),
            Declared("GET", P + "/users/forks", self.forks, view),
            Declared("POST", P + "/users/forks", self.fork, Person.EDIT, status=202),
        ]

    async def tree(
        self, request: Request, project: ProjectName, repo: Repo, ref: Ref = "", path: At = ""
    ) -> Response:
        """A folder."""
        host, name = await self._at(request, repo)
        entries = await host.tree(name, _ref(ref), _path(path))
        return wire.plain({"path": path, "entries": [*entries]})

    async def blob(
        self, request: Request, project: ProjectName, repo: Repo, ref: Ref = "", path: At = ""
    ) -> Response:
        """A file, or what is in it if it is a folder."""
        host, name = await self._at(request, repo)
        found = await host.blob(name, _ref(ref), _path(path))
        if found is not None:
            return wire.plain(dict(found))
        entries = await host.tree(name, _ref(ref), _path(path))
        return wire.plain({"isDir": True, "path": path, "entries": [*entries]})

    async def branches(self, request: Request, project: ProjectName, repo: Repo) -> Response:
        """Its branches."""
        host, name = await self._at(request, repo)
        return wire.plain({"branches": [*await host.branches(name)]})

    async def forks(
        self,
        request: Request,
        project: ProjectName,
        upstream: Annotated[str, Param(alias="upstreamRepo", max_length=2000)],
    ) -> Response:
        """Its forks."""
        host, name = await self._at(request, upstream)
        return wire.plain({"forks": [*await host.forks(name)]})

    async def fork(self, request: Request, project: ProjectName, body: Fork) -> Response:
        """Ask its host for a fork."""
        host, name = await self._at(request, body.upstream_repo)
        await host.fork(name)
        message = "The fork was asked for."
        return wire.plain({"message": message, "upstreamRepo": body.upstream_repo}, 202)

    async def _at(self, request: Request, repo: str) -> tuple[Provider, str]:
        """The host with the caller's account, and the repository's name there."""
        host, name = place_of(repo)
        if not host:
            raise Invalid.field(
                "repo", "is no repository of a Git host", hint="For example: owner/name"
            )
        account = await self._accounts.at(caller_of(request).user_id, host)
        return provider_of(account, self._outbound), name


def _ref(ref: str) -> str:
    if ref and not is_branch(ref) and not is_commit(ref):
        raise Invalid.field("ref", "is no branch and no commit")
    return ref


def _path(path: str) -> str:
    if not is_path(path):
        raise InvalidPath("That is no path inside a repository.")
    return path.strip("/")
