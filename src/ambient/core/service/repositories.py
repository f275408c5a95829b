"""Repositories, remotes and workflow of a session: what is wanted of them (api.md 3.13).

Writes the spec and wakes the reconciler. What became of it is in the session's status.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ambient.contract import git
from ambient.contract.names import REMOTE_ANNOTATION
from ambient.contract.resources import Repo, SessionSpec, Workflow
from ambient.core.errors import Invalid, NotFound, RepoNameTaken
from ambient.core.model import Session, SessionId
from ambient.core.service import checks
from ambient.core.service.sessions import Sessions

URL_SUFFIX: Final = "-url"
BRANCH_SUFFIX: Final = "-branch"
Change = Callable[[SessionSpec], SessionSpec]


class Repositories:
    """Use cases; every one works in every phase. Raise SessionNotFound for an unknown session."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, session: SessionId, repo: Repo) -> str:
        """Want one more; its name. Raises Invalid, RepoNameTaken."""
        name = checks.repo_name(repo)
        named = repo.model_copy(update={"name": name})

        def change(old: SessionSpec) -> SessionSpec:
            if any(checks.repo_name(one) == name for one in old.repos):
                raise RepoNameTaken(
                    f"The session has a repository '{name}' already.",
                    hint="Give this one another name, or remove that one first.",
                )
            return old.model_copy(update={"repos": (*old.repos, named)})

        await self._respec(session, change)
        return name

    async def remove(self, session: SessionId, name: str) -> None:
        """Want it no longer. Raises NotFound."""

        def change(old: SessionSpec) -> SessionSpec:
            kept = tuple(one for one in old.repos if checks.repo_name(one) != name)
            if len(kept) == len(old.repos):
                raise NotFound(
                    f"The session has no repository '{name}'.",
                    hint=f"It has: {', '.join(checks.repo_name(one) for one in kept) or 'none'}.",
                )
            return old.model_copy(update={"repos": kept})

        await self._respec(session, change)

    async def set_workflow(self, session: SessionId, workflow: Workflow | None) -> None:
        """Want this workflow, or none. Raises Invalid."""
        await self._respec(
            session, lambda old: old.model_copy(update={"active_workflow": workflow})
        )

    async def set_remote(self, session: SessionId, path: str, url: str, branch: str) -> None:
        """Want a folder of the workspace to have this `origin`. Raises Invalid."""
        if not path or not git.is_path(path):
            raise Invalid.field("path", "is not a folder inside the workspace")
        if (problem := git.url_problem(url)) is not None:
            raise Invalid.field("remoteUrl", problem)
        if not git.is_branch(branch):
            raise Invalid.field("branch", "is not a branch name")
        key = REMOTE_ANNOTATION + path.strip("/").replace("/", "::")
        await self._sessions.change(
            session,
            lambda old: replace(
                old,
                annotations={
                    **old.annotations,
                    f"{key}{URL_SUFFIX}": url,
                    f"{key}{BRANCH_SUFFIX}": branch,
                },
                spec_generation=old.spec_generation + 1,
            ),
        )

    async def _respec(self, session: SessionId, change: Change) -> None:
        def changed(old: Session) -> Session:
            spec = change(old.spec)
            checks.spec(spec)
            return replace(old, spec=spec, spec_generation=old.spec_generation + 1)

        await self._sessions.change(session, changed)


def remotes_of(annotations: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The remotes that were asked for: folder → (URL, branch). What is not safe is left out."""
    found = {}
    for key, url in annotations.items():
        if not (key.startswith(REMOTE_ANNOTATION) and key.endswith(URL_SUFFIX)):
            continue
        name = key.removesuffix(URL_SUFFIX)
        branch = annotations.get(f"{name}{BRANCH_SUFFIX}", "main")
        path = name.removeprefix(REMOTE_ANNOTATION).replace("::", "/")
        if path and git.is_path(path) and git.url_problem(url) is None and git.is_branch(branch):
            found[path] = (url, branch)
    return found
