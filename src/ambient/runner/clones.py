"""The clones in a workspace: each repository brought to what is wanted, or the reason why not.

A repository that fails harms no other. A clone that is there is kept as it is, whatever branch
the agent is on and whatever it has not committed.
"""

import asyncio
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from ambient.contract.runner_api import (
    DesiredRepo,
    DesiredWorkflow,
    RepoReport,
    WorkflowReport,
)
from ambient.runner.clock import rfc3339
from ambient.runner.errors import RunnerError
from ambient.runner.git import Git, GitFailed, without_credentials

READY: Final = "Ready"
FAILED: Final = "Failed"
CLONING: Final = "Cloning"
ACTIVE: Final = "Active"
NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


class Clones:
    """The folders `repos/` and `workflows/` of a workspace."""

    def __init__(self, root: Path, git: Git, now: Callable[[], datetime]) -> None:
        self._repos = root / "repos"
        self._workflows = root / "workflows"
        self._git = git
        self._now = now

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
            url=without_credentials(url),
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

    async def bring_workflow(self, wanted: DesiredWorkflow) -> WorkflowReport:
        """Have the workflow there; the report says whether it is."""
        said = {"git_url": without_credentials(wanted.git_url), "branch": wanted.branch}
        name = wanted.git_url.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
        try:
            if not NAME.fullmatch(name):
                raise GitFailed(f"{name!r} is no name for a folder")
            folder = self._workflows / name
            if not await self._is_there(folder, wanted.git_url):
                await self._fetch(wanted.git_url, folder, wanted.branch, None)
            part = (folder / wanted.path).resolve()
            if not part.is_relative_to(folder.resolve()) or not part.is_dir():
                raise GitFailed(f"it has no folder {wanted.path!r}")
        except (RunnerError, OSError) as exc:
            message = f"The workflow {name} cannot be used: {exc}."
            return WorkflowReport(path=wanted.path, status=FAILED, message=message, **said)
        return WorkflowReport(path=wanted.path, status=ACTIVE, **said)

    async def _is_there(self, folder: Path, url: str) -> bool:
        """Whether the clone is there. Raises GitFailed: something else is."""
        if not await asyncio.to_thread(_is_taken, folder):
            return False
        found = await self._git.origin(folder) if (folder / ".git").exists() else ""
        if without_credentials(found) != without_credentials(url):
            there = without_credentials(found) or "something that is no clone"
            raise GitFailed(f"its folder holds {there}")
        return True

    async def _fetch(self, url: str, folder: Path, branch: str, work_branch: str | None) -> None:
        """Clone beside, then rename: a folder that is there is whole."""
        fresh = folder.with_name(f".{folder.name}.cloning")
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        try:
            await self._git.clone(url, fresh)
            await self._git.check_out(fresh, branch, work_branch)
            await asyncio.to_thread(fresh.rename, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)


def _failed(repo: DesiredRepo, message: str) -> RepoReport:
    url = without_credentials(repo.url)
    return RepoReport(name=repo.name, url=url, status=FAILED, message=message)


def _clones_in(folder: Path) -> list[str]:
    found = [one.name for one in folder.iterdir() if (one / ".git").exists()]
    return sorted(name for name in found if NAME.fullmatch(name) and not name.startswith("."))


def _is_taken(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
