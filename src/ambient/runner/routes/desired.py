"""Desired state, and the git side of the workspace."""

from collections.abc import Mapping

from ambient.contract.git import is_path
from ambient.contract.runner_api import DesiredState, PushRepo
from ambient.runner.app import Handler
from ambient.runner.changes import Changes
from ambient.runner.errors import InvalidPath
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
            "push_repo": self.push_repo,
            "repo_changes": self.repo_changes,
            "git_status": self.git_status,
            "list_branches": self.list_branches,
            "workflow_metadata": self.workflow_metadata,
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

    async def push_repo(self, request: Request) -> Reply:
        """Push the branch that a clone is on."""
        desired = self._place.session().desired
        wanted = await request.model(PushRepo)
        return json_reply(await desired.push(wanted.name))

    async def repo_changes(self, request: Request) -> Reply:
        """What the agent has changed in a repository, or in a file of it."""
        session = self._place.session()
        found = session.desired.ready(request.query.get("name", ""))
        file = request.query.get("file", "")
        if file and not is_path(file):
            raise InvalidPath("That is no path inside the repository.")
        has_patch = bool(file) or request.query.get("patch") == "true"
        folder = session.clones.folder_of(found.name)
        changes = Changes(session.git)
        return json_reply(await changes.of(found.name, folder, found.branch, file, patch=has_patch))

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

    async def workflow_metadata(self, request: Request) -> Reply:
        """What the active workflow brings."""
        return json_reply(await self._place.session().workflows.metadata())
