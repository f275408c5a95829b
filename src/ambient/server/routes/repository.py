"""Repositories, git and workflow of a session (api.md 3.13).

Writes change what is wanted and answer 202; what became of it is in the session's status.
"""

from typing import Annotated, Any

import msgspec
from fastapi import Query as Param
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.changes import RepoChanges
from ambient.contract.git import place_of
from ambient.contract.resources import Repo, Resource, Workflow
from ambient.contract.runner_api import GitStatus, RepoPushed
from ambient.contract.workflow import WorkflowMetadata
from ambient.core.model import SessionId, session_id
from ambient.core.service.repositories import Repositories
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName, caller_of
from ambient.server.providers import PullRequest, provider_of
from ambient.server.routes.session import ONE
from ambient.server.routes.workspace import inside
from ambient.server.services import Services


class Remote(Resource):
    """The `origin` of a folder."""

    path: str
    remote_url: str
    branch: str = "main"


class Push(Resource):
    """Which repository."""

    repo: str


class OpenPullRequest(Resource):
    """title: else the session's. base: else the default branch."""

    repo: str
    title: str | None = Field(default=None, max_length=250)
    body: str = Field(default="", max_length=60_000)
    base: str | None = Field(default=None, max_length=250)
    draft: bool = False


class PullRequestReply(Resource):
    """What was opened, and what is in it."""

    url: str
    number: int
    branch: str
    base: str
    commit: str


class RepositoryRoutes:
    """The routes of repositories, git and workflow."""

    def __init__(self, services: Services) -> None:
        self._sessions = services.sessions
        self._workspaces = services.workspaces
        self._repositories = Repositories(services.sessions)
        self._accounts = services.accounts
        self._outbound = services.outbound

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        get, post, view, edit = "GET", "POST", Person.VIEW, Person.EDIT
        metadata = ONE + "/workflow/metadata"
        return [
            Declared(get, ONE + "/repos/status", self.repos_status, view),
            Declared(post, ONE + "/repos", self.add, edit, status=202),
            Declared("DELETE", ONE + "/repos/{name}", self.remove, edit, status=202),
            Declared(get, ONE + "/git/status", self.git_status, view, reply=GitStatus),
            Declared(get, ONE + "/git/list-branches", self.list_branches, view),
            Declared(post, ONE + "/git/configure-remote", self.configure_remote, edit),
            Declared(get, ONE + "/git/diff", self.diff, view, reply=RepoChanges),
            Declared(
                post,
                ONE + "/git/pull-request",
                self.pull_request,
                edit,
                status=201,
                reply=PullRequestReply,
            ),
            Declared(post, ONE + "/git/push", self.push, edit, reply=RepoPushed),
            Declared(get, metadata, self.workflow_metadata, view, reply=WorkflowMetadata),
            Declared(post, ONE + "/workflow", self.set_workflow, edit, status=202),
            Declared("DELETE", ONE + "/workflow", self.leave_workflow, edit, status=202),
        ]

    async def repos_status(self, project: ProjectName, session: SessionName) -> Response:
        """Repositories as they are on disk."""
        found = await self._existing(project, session)
        return wire.plain({"repos": [*await self._workspaces.repos_status(found)]})

    async def add(self, project: ProjectName, session: SessionName, body: Repo) -> Response:
        """Want one more repository."""
        found = await self._existing(project, session)
        name = await self._repositories.add(found, body)
        return await self._accepted(found, f"The repository {name} will be cloned.", name=name)

    async def remove(self, project: ProjectName, session: SessionName, name: str) -> Response:
        """Want a repository no longer; a clone that holds unsaved work stays."""
        found = await self._existing(project, session)
        await self._repositories.remove(found, name)
        return await self._accepted(found, f"The repository {name} will be removed.")

    async def git_status(
        self, project: ProjectName, session: SessionName, path: Annotated[str, Param()]
    ) -> Response:
        """State of a repository in the workspace."""
        found = await self._existing(project, session)
        status = await self._workspaces.git_status(found, inside(path))
        return wire.plain(status.model_dump(by_alias=True))

    async def list_branches(
        self, project: ProjectName, session: SessionName, path: str = "artifacts"
    ) -> Response:
        """Branches of a repository in the workspace."""
        found = await self._existing(project, session)
        branches = await self._workspaces.list_branches(found, inside(path))
        return wire.plain({"branches": [*branches]})

    async def configure_remote(
        self, project: ProjectName, session: SessionName, body: Remote
    ) -> Response:
        """Give a folder of the workspace a remote."""
        found = await self._existing(project, session)
        path = inside(body.path)
        await self._repositories.set_remote(found, path, body.remote_url, body.branch)
        message = f"{path} will have this remote."
        return wire.plain({"message": message, "remote": body.remote_url, "branch": body.branch})

    async def diff(
        self,
        project: ProjectName,
        session: SessionName,
        repo: Annotated[str, Param()],
        file: str = "",
        *,
        patch: bool = False,
    ) -> Response:
        """What the session has changed in a repository; with `file`, or `patch`, the text too."""
        found = await self._existing(project, session)
        changes = await self._workspaces.repo_changes(found, repo, inside(file), patch=patch)
        return wire.plain(changes.model_dump(by_alias=True))

    async def pull_request(
        self, request: Request, project: ProjectName, session: SessionName, body: OpenPullRequest
    ) -> Response:
        """Push what the agent committed, and ask for it to be merged, in the caller's name."""
        listed = await self._sessions.get(session_id(project, session))
        pushed = await self._workspaces.push_repo(listed.session.id, body.repo)
        host, path = place_of(pushed.url)
        account = await self._accounts.at(caller_of(request).user_id, host)
        title = body.title or listed.session.spec.display_name or pushed.branch
        wanted = PullRequest(
            head=pushed.branch,
            base=body.base or pushed.default_branch or "main",
            title=title,
            body=body.body,
            draft=body.draft,
        )
        url, number = await provider_of(account, self._outbound).open_pull_request(path, wanted)
        reply = PullRequestReply(
            url=url, number=number, branch=pushed.branch, base=wanted.base, commit=pushed.commit
        )
        return wire.reply(reply, 201)

    async def push(self, project: ProjectName, session: SessionName, body: Push) -> Response:
        """Push what the agent committed, to the branch it works on; never by force."""
        found = await self._existing(project, session)
        pushed = await self._workspaces.push_repo(found, body.repo)
        return wire.plain(pushed.model_dump(by_alias=True))

    async def workflow_metadata(self, project: ProjectName, session: SessionName) -> Response:
        """What the active workflow brings."""
        found = await self._existing(project, session)
        metadata = await self._workspaces.workflow_metadata(found)
        return wire.plain(metadata.model_dump(by_alias=True))

    async def set_workflow(
        self, project: ProjectName, session: SessionName, body: Workflow
    ) -> Response:
        """Want this workflow; the next prompt waits until it is in place, or said not to be."""
        found = await self._existing(project, session)
        await self._repositories.set_workflow(found, body)
        return await self._accepted(found, "The workflow will be put in place.")

    async def leave_workflow(self, project: ProjectName, session: SessionName) -> Response:
        """Want no workflow."""
        found = await self._existing(project, session)
        await self._repositories.set_workflow(found, None)
        return await self._accepted(found, "The workflow will be left.")

    async def _existing(self, project: str, session: str) -> SessionId:
        return (await self._sessions.get(session_id(project, session))).session.id

    async def _accepted(self, session: SessionId, message: str, **more: Any) -> Response:
        shown = msgspec.Raw(wire.session(await self._sessions.get(session)))
        return wire.plain({"message": message, **more, "session": shown}, 202)
