"""Desired state, and the git side of the workspace."""

from collections.abc import Mapping

from ambient.contract.runner_api import DesiredState
from ambient.runner.app import Handler
from ambient.runner.http import Reply, Request, json_reply
from ambient.runner.place import Place


class DesiredRoutes:
    """Handlers of /desired, /repos/status and /content/git-*."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "desired": self.desired,
            "put_desired": self.put_desired,
            "repos_status": self.repos_status,
            "git_status": self.git_status,
            "list_branches": self.list_branches,
        }

    async def desired(self, request: Request) -> Reply:
        """What is there of what is wanted."""
        return json_reply(self._place.session().desired.report())

    async def put_desired(self, request: Request) -> Reply:
        """Want this; it is worked on after the reply."""
        desired = self._place.session().desired
        wanted = await request.model(DesiredState)
        return json_reply({"generation": desired.put(wanted)}, 202)

    async def repos_status(self, request: Request) -> Reply:
        """The clones as they are; asks nobody outside."""
        clones = await self._place.session().clones.all()
        found = [one.model_dump(by_alias=True, exclude={"cloned_at"}) for one in clones]
        return json_reply({"repos": found})

    async def git_status(self, request: Request) -> Reply:
        """What is uncommitted in a folder."""
        session = self._place.session()
        folder = await session.workspace.folder(request.query.get("path", ""))
        return json_reply(await session.git.status(folder))

    async def list_branches(self, request: Request) -> Reply:
        """The branches of the repository in a folder; none if it is none."""
        session = self._place.session()
        folder = await session.workspace.folder(request.query.get("path", ""))
        status = await session.git.status(folder)
        branches = await session.git.branches(folder) if status.initialized else []
        return json_reply({"branches": branches})
