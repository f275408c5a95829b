"""The clones in a workspace: each repository brought to what is wanted, or the reason why not.

A repository that fails harms no other. A clone that is there is kept as it is, whatever branch
the agent is on and whatever it has not committed.
"""

import asyncio
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from ambient.contract import git as names
from ambient.contract.runner_api import DesiredRemote, DesiredRepo, RepoReport
from ambient.runner.clock import rfc3339
from ambient.runner.errors import RunnerError
from ambient.runner.git import Git, GitFailed
from ambient.runner.mirrors import Mirrors

READY: Final = "Ready"
FAILED: Final = "Failed"
CLONING: Final = "Cloning"
ACTIVE: Final = "Active"
SHARED: Final = frozenset({"main", "master", "trunk", "develop", "release", "production"})
"""Branches that people share, whatever a host calls its default."""
AUTHOR: Final = ("Ambient", "agent@ambient.invalid")
SOURCE_KEY: Final = "ambient.source"
SIGNED_KEY: Final = "ambient.signed"
"""The mail address that we set; another one in its place is the agent's or a person's choice."""


class Pushed(NamedTuple):
    """What came of a push. news: False: the host had it all."""

    name: str
    branch: str
    commit: str
    news: bool = True


class Clones:
    """The folders `repos/` and `workflows/` of a workspace."""

    def __init__(self, root: Path, git: Git, mirrors: Mirrors, now: Callable[[], datetime]) -> None:
        self._root = root
        self._repos = root / "repos"
        self._git = git
        self._mirrors = mirrors
        self._now = now

    def folder_of(self, name: str) -> Path:
        """Where a repository of that name is, or would be."""
        return self._repos / name

    async def bring(self, repo: DesiredRepo, work_branch: str | None) -> RepoReport:
        """Have the repository there; the report says whether it is."""
        folder = self._repos / repo.name
        cloned_at = None
        try:
            if not await self._is_there(folder, repo.url):
                await self._fetch(repo.url, folder, repo.branch, work_branch)
                cloned_at = rfc3339(self._now())
            return await self.describe(repo.name, repo.url, cloned_at)
        except (RunnerError, OSError) as exc:
            return _failed(repo, f"{repo.name} cannot be cloned: {str(exc).rstrip('.')}.")

    async def describe(self, name: str, url: str, cloned_at: str | None = None) -> RepoReport:
        """What is known of a clone without asking anyone. Raises GitFailed."""
        folder = self._repos / name
        return RepoReport(
            name=name,
            url=names.without_credentials(url),
            status=READY,
            current_active_branch=await self._git.current_branch(folder),
            default_branch=await self._git.default_branch(folder),
            branches=tuple(await self._git.branches(folder)),
            cloned_at=cloned_at,
        )

    async def all(self) -> list[RepoReport]:
        """Every clone that is there, wanted or not."""
        names = await asyncio.to_thread(_clones_in, self._repos)
        return [
            await self.describe(name, await self._git.origin(self._repos / name)) for name in names
        ]

    async def remove(self, name: str) -> str | None:
        """Remove a clone that is no longer wanted; if it holds unsaved work, say so and keep it."""
        folder = self._repos / name
        if not await asyncio.to_thread(folder.exists):
            return None
        try:
            if not await self._git.is_saved(folder):
                return f"{name} is no longer wanted, but stays: it holds work that is not pushed."
        except GitFailed as exc:
            return f"{name} is no longer wanted, but stays: {exc}."
        await asyncio.to_thread(shutil.rmtree, folder)
        return None

    async def sign(self, name: str, url: str) -> None:
        """Have commits carry the name of whoever this is for, from now on. Raises RunnerError."""
        await self._mirrors.log_in(url)
        await self._sign(self._repos / name, url)

    async def _sign(self, folder: Path, url: str) -> None:
        """Have commits carry a name where nothing else says one: the account's, else ours."""
        said = await self._git.setting(folder, "user.email", everywhere=True)
        if said and said != await self._git.setting(folder, SIGNED_KEY):
            return
        name, email = self._mirrors.person_at(url) or AUTHOR
        if email == said:
            return
        for key, value in (("user.name", name), ("user.email", email), (SIGNED_KEY, email)):
            await self._git.run("config", key, value, folder=folder)

    async def push(self, name: str, base: str) -> Pushed:
        """Push the branch that a clone is on, never by force; what was pushed.

        base: the branch that the session began on; it, the default branch and others that people
        share are refused. Raises GitFailed.
        """
        folder = self._repos / name
        branch = await self._git.current_branch(folder)
        if not branch:
            raise GitFailed(f"{name} is on no branch")
        shared = {*SHARED, base, await self._git.default_branch(folder)}
        if branch in shared or not names.is_branch(branch):
            raise GitFailed(f"{branch} is protected: the agent's work goes to a branch of its own")
        url = await self._git.origin(folder)
        if names.url_problem(url) is not None or url.startswith("file:"):
            raise GitFailed(f"{name} has no origin that can be pushed to")
        commit = (await self._git.run("rev-parse", "HEAD", folder=folder)).strip()
        if not names.is_commit(commit):
            raise GitFailed(f"{name} has no commit to push")
        remote = await self._git.run("for-each-ref", f"refs/remotes/origin/{branch}", folder=folder)
        if remote.startswith(commit):
            return Pushed(name, branch, commit, news=False)
        with self._mirrors.scratch() as bundle:
            has_news = await self._bundle(folder, branch, bundle)
            await self._mirrors.push(url, bundle if has_news else None, branch, commit)
        await self._git.run("update-ref", f"refs/remotes/origin/{branch}", commit, folder=folder)
        await self._git.run("branch", "-q", f"--set-upstream-to=origin/{branch}", folder=folder)
        return Pushed(name, branch, commit)

    async def _bundle(self, folder: Path, branch: str, to: Path) -> bool:
        """Write what no branch of origin has yet; False: there is nothing."""
        ref = f"refs/heads/{branch}"
        news = await self._git.run("rev-list", "-n1", ref, "--not", "--remotes", folder=folder)
        if not news.strip():
            return False
        with to.open("wb") as file:
            given = ("bundle", "create", "-q", "-", ref, "--not", "--remotes")
            await self._git.run(*given, folder=folder, to=file.fileno())
        return True

    async def source_of(self, folder: Path) -> tuple[str, str] | None:
        """URL and branch that `bring_source` put there; None: the folder is free."""
        if not await asyncio.to_thread(_is_taken, folder):
            return None
        url = await self._git.origin(folder) if (folder / ".git").exists() else ""
        return url, await self._git.setting(folder, SOURCE_KEY)

    async def bring_source(self, folder: Path, url: str, branch: str) -> None:
        """Have a branch, or a commit, of a repository in a folder. Raises GitFailed."""
        if await self.source_of(folder) != (url, branch):
            await self._fetch(url, folder, branch, None)
            await self._git.run("config", SOURCE_KEY, branch, folder=folder)

    async def set_remote(self, remote: DesiredRemote) -> str | None:
        """Give a folder of the workspace its `origin`, made a repository if it is none; what was
        in the way."""
        folder = self._root / remote.path
        try:
            real = folder.resolve()
            if not real.is_relative_to(self._root.resolve()) or not real.is_dir():
                raise GitFailed("there is no such folder in the workspace")
            if not (real / ".git").exists():
                await self._git.run("init", "-q", "-b", remote.branch, folder=real)
            known = await self._git.origin(real)
            if known != remote.url:
                act = "set-url" if known else "add"
                await self._git.run("remote", act, "origin", remote.url, folder=real)
        except (RunnerError, OSError) as exc:
            return f"{remote.path} cannot be given its remote: {str(exc).rstrip('.')}."
        return None

    async def _is_there(self, folder: Path, url: str) -> bool:
        """Whether the clone is there. Raises GitFailed: something else is."""
        if not await asyncio.to_thread(_is_taken, folder):
            return False
        found = await self._git.origin(folder) if (folder / ".git").exists() else ""
        if names.without_credentials(found) != names.without_credentials(url):
            there = names.without_credentials(found) or "something that is no clone"
            raise GitFailed(f"its folder holds {there}")
        return True

    async def _fetch(self, url: str, folder: Path, branch: str, work_branch: str | None) -> None:
        """Clone beside, then rename: a folder that is there is whole."""
        fresh = folder.with_name(f".{folder.name}.cloning")
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        try:
            if url.startswith("file:"):
                # What lies on this machine is read with the agent's rights, not with ours.
                await self._git.clone_here(url, fresh)
            else:
                await self._mirrors.clone(url, fresh, branch)
            await self._git.check_out(fresh, branch, work_branch)
            await self._sign(fresh, url)
            await asyncio.to_thread(fresh.rename, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)


def _failed(repo: DesiredRepo, message: str) -> RepoReport:
    url = names.without_credentials(repo.url)
    return RepoReport(name=repo.name, url=url, status=FAILED, message=message)


def _clones_in(folder: Path) -> list[str]:
    found = [one.name for one in folder.iterdir() if (one / ".git").exists()]
    return sorted(name for name in found if names.is_repo_name(name))


def _is_taken(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
