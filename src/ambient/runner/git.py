"""git in the agent's clones: branches, status, check-outs. Nothing here uses a network or a login.

Never asks anybody anything, ends by its deadline, and says what went wrong in a sentence without
credentials in it.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ambient.contract.git import is_commit, without_credentials
from ambient.contract.runner_api import FileStatus, GitStatus
from ambient.runner.errors import RunnerError
from ambient.runner.process import Processes

LOCAL_SECONDS: Final = 30.0
MOST_FILES: Final = 2_000
CLONE_SECONDS: Final = 600.0
ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    "LC_ALL": "C.UTF-8",
}


class GitFailed(RunnerError):
    """A git command failed; the sentence says which and what git said."""

    status, code = 502, "provider_error"


class Git:
    """Runs git where the agent works, confined like the agent. clean: takes known secrets out of
    what git says."""

    def __init__(self, processes: Processes, clean: Callable[[str], str]) -> None:
        self._processes = processes
        self._clean = clean

    async def run(self, *args: str, folder: Path, to: int | None = None) -> str:
        """What git says of a clone. to: where its stdout goes instead, a descriptor. Raises
        GitFailed, also past the deadline."""
        return await self._run(args, folder, LOCAL_SECONDS, to)

    async def _run(
        self, args: Sequence[str], folder: Path, limit_seconds: float, to: int | None = None
    ) -> str:
        more = {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
        try:
            async with asyncio.timeout(limit_seconds):
                ended = await self._processes.run(["git", *args], cwd=folder, more=more, to=to)
        except TimeoutError as exc:
            raise GitFailed(f"git {args[0]} took longer than {limit_seconds:g} seconds") from exc
        except OSError as exc:
            raise GitFailed(f"git cannot be started: {exc.strerror}") from exc
        output = ended.output.decode(errors="replace")
        if ended.exit_code:
            raise GitFailed(self._clean(reason(output)) or f"git {args[0]} failed")
        return output

    async def clone_here(self, url: str, folder: Path) -> None:
        """Clone from this machine into `folder`, which must not exist; nothing is checked out."""
        await self._processes.confine_anew()
        args = ("clone", "-q", "--no-checkout", "--no-hardlinks", "--", url, str(folder))
        await self._run(args, folder.parent, CLONE_SECONDS)

    async def check_out(self, folder: Path, branch: str, work_branch: str | None) -> None:
        """Put the work branch on top of `branch` (empty: the repository's default one), or on
        what was pushed of it before.

        Raises GitFailed: there is no such branch.
        """
        if is_commit(branch) and work_branch is None:
            await self.run("checkout", "--detach", branch, folder=folder)
            return
        branch = branch or await self.default_branch(folder) or "main"
        remote = await self.remote_branches(folder)
        if not remote:
            await self.run("checkout", "-b", work_branch or branch, folder=folder)
            return
        wanted = work_branch if work_branch in remote else branch
        if wanted not in remote:
            there = ", ".join(remote[:10])
            raise GitFailed(f"there is no branch {branch!r}; there are: {there}")
        start = f"refs/remotes/origin/{wanted}"
        await self.run("checkout", "-B", work_branch or branch, start, folder=folder)

    async def remote_branches(self, folder: Path) -> list[str]:
        """The branches of origin, as last fetched."""
        form = "--format=%(refname:lstrip=3)"
        output = await self.run("for-each-ref", form, "refs/remotes/origin", folder=folder)
        return [line for line in output.split() if line != "HEAD"]

    async def branches(self, folder: Path) -> list[str]:
        """Local branches and those of origin, each once, by name."""
        form = "--format=%(refname:lstrip=2)"
        output = await self.run("for-each-ref", form, "refs/heads", folder=folder)
        return sorted({*output.split(), *await self.remote_branches(folder)})

    async def current_branch(self, folder: Path) -> str:
        """The branch that is checked out; empty: none."""
        return (await self.run("branch", "--show-current", folder=folder)).strip()

    async def default_branch(self, folder: Path) -> str:
        """What origin calls its default; empty: it does not say."""
        try:
            head = await self.run("symbolic-ref", "refs/remotes/origin/HEAD", folder=folder)
        except GitFailed:
            return ""
        return head.strip().removeprefix("refs/remotes/origin/")

    async def origin(self, folder: Path) -> str:
        """The URL of origin as it was given; empty: there is none."""
        try:
            return (await self.run("config", "remote.origin.url", folder=folder)).strip()
        except GitFailed:
            return ""

    async def setting(self, folder: Path, key: str, *, everywhere: bool = False) -> str:
        """A setting of this clone, or of any of its configurations; empty: not set."""
        where = () if everywhere else ("--local",)
        try:
            return (await self.run("config", *where, key, folder=folder)).strip()
        except GitFailed:
            return ""

    async def is_saved(self, folder: Path) -> bool:
        """Whether a clone holds nothing that exists nowhere else."""
        changed = await self.run("status", "--porcelain", folder=folder)
        unpushed = await self.run("rev-list", "--branches", "--not", "--remotes", folder=folder)
        return not changed.strip() and not unpushed.strip()

    async def status(self, folder: Path) -> GitStatus:
        """What GET /content/git-status says of a folder that is a repository, or is none."""
        if not await asyncio.to_thread((folder / ".git").exists):
            return GitStatus()
        asked = ("status", "--porcelain", "-z", "--untracked-files=all")
        files = _files(await self.run(*asked, folder=folder))
        marks = [one.status for one in files]
        added, removed = await self._lines(folder)
        url = without_credentials(await self.origin(folder))
        return GitStatus(
            initialized=True,
            has_changes=bool(marks),
            branch=await self.current_branch(folder),
            remote_url=url,
            has_remote=bool(url),
            files_added=sum("?" in mark or "A" in mark for mark in marks),
            files_removed=sum("D" in mark for mark in marks),
            uncommitted_files=len(marks),
            unpushed_commits=await self._unpushed(folder),
            total_added=added,
            total_removed=removed,
            files=tuple(files[:MOST_FILES]),
        )

    async def _unpushed(self, folder: Path) -> int:
        """Commits of branches, tags and HEAD that no branch of a remote has."""
        chosen = ("--exclude=refs/stash", "--all", "--not", "--remotes")
        return int(await self.run("rev-list", "--count", *chosen, folder=folder))

    async def _lines(self, folder: Path) -> tuple[int, int]:
        """Lines added and removed against the last commit, if there is one."""
        try:
            output = await self.run("diff", "--numstat", "HEAD", folder=folder)
        except GitFailed:
            return 0, 0
        rows = [line.split("\t") for line in output.splitlines()]
        counted = [row for row in rows if len(row) == 3 and row[0].isdigit()]
        return sum(int(row[0]) for row in counted), sum(int(row[1]) for row in counted)


def _files(text: str) -> list[FileStatus]:
    """What `git status --porcelain -z` lists."""
    parts = iter(text.split("\0"))
    found = []
    for part in parts:
        if len(part) > len("XY "):
            old = next(parts, "") if part[0] in "RC" else ""
            found.append(FileStatus(path=part[3:], status=part[:2], old_path=old))
    return found


def reason(output: str) -> str:
    """What git said was wrong, in a line, without credentials."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [line for line in said if line.startswith(("fatal:", "error:", "remote:", "!"))]
    return without_credentials("; ".join((fatal or said)[-2:]))
