"""git on the runner's own behalf: clones, branches, status. Local but for `clone`.

Never asks anybody anything, ends by its deadline, and says what went wrong in a sentence without
credentials in it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ambient.contract.runner_api import GitStatus
from ambient.runner.errors import RunnerError
from ambient.runner.process import Processes

LOCAL_SECONDS: Final = 30.0
CLONE_SECONDS: Final = 600.0
_ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    "LC_ALL": "C.UTF-8",
}
_TOKENS: Final = (("https://github.com", "GITHUB_TOKEN"), ("https://gitlab.com", "GITLAB_TOKEN"))
_HELPER: Final = '!f() { echo username=x-access-token; echo "password=$%s"; }; f'
_CREDENTIALS: Final = re.compile(r"(\w+://)[^/@\s]*@")


class GitFailed(RunnerError):
    """A git command failed; the sentence says which and what git said."""

    status, code = 502, "provider_error"


class Git:
    """Runs git. clean: takes known secrets out of what git says."""

    def __init__(
        self, processes: Processes, environ: Mapping[str, str], clean: Callable[[str], str]
    ) -> None:
        self._processes = processes
        self._clean = clean
        self._helpers = [
            f"credential.{host}.helper={_HELPER % name}"
            for host, name in _TOKENS
            if environ.get(name)
        ]

    async def run(self, *args: str, folder: Path) -> str:
        """What git says of a clone. Raises GitFailed, also past the deadline."""
        return await self._run(args, folder, LOCAL_SECONDS)

    async def _run(
        self, args: Sequence[str], folder: Path, limit_seconds: float, *, is_ours: bool = False
    ) -> str:
        settings = [part for one in self._helpers for part in ("-c", one)]
        more = {**_ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
        command = ["git", *settings, *args]
        try:
            async with asyncio.timeout(limit_seconds):
                ended = await self._processes.run(command, cwd=folder, more=more, is_ours=is_ours)
        except TimeoutError as exc:
            raise GitFailed(f"git {args[0]} took longer than {limit_seconds:g} seconds") from exc
        except OSError as exc:
            raise GitFailed(f"git cannot be started: {exc.strerror}") from exc
        output = ended.output.decode(errors="replace")
        if ended.exit_code:
            raise GitFailed(self._reason(output) or f"git {args[0]} failed")
        return output

    async def clone(self, url: str, folder: Path) -> None:
        """Clone into `folder`, which must not exist; nothing is checked out yet."""
        args = ("clone", "--no-checkout", "--", url, str(folder))
        await self._run(args, folder.parent, CLONE_SECONDS, is_ours=True)

    async def check_out(self, folder: Path, branch: str, work_branch: str | None) -> None:
        """Put the work branch on top of `branch` (empty: the repository's default one), or on
        what was pushed of it before.

        Raises GitFailed: there is no such branch.
        """
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

    async def is_saved(self, folder: Path) -> bool:
        """Whether a clone holds nothing that exists nowhere else."""
        changed = await self.run("status", "--porcelain", folder=folder)
        unpushed = await self.run("rev-list", "--branches", "--not", "--remotes", folder=folder)
        return not changed.strip() and not unpushed.strip()

    async def status(self, folder: Path) -> GitStatus:
        """What GET /content/git-status says of a folder that is a repository, or is none."""
        if not await asyncio.to_thread((folder / ".git").exists):
            return GitStatus()
        changed = await self.run("status", "--porcelain", "--untracked-files=all", folder=folder)
        marks = [line[:2] for line in changed.splitlines()]
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
            total_added=added,
            total_removed=removed,
        )

    async def _lines(self, folder: Path) -> tuple[int, int]:
        """Lines added and removed against the last commit, if there is one."""
        try:
            output = await self.run("diff", "--numstat", "HEAD", folder=folder)
        except GitFailed:
            return 0, 0
        rows = [line.split("\t") for line in output.splitlines()]
        counted = [row for row in rows if len(row) == 3 and row[0].isdigit()]
        return sum(int(row[0]) for row in counted), sum(int(row[1]) for row in counted)

    def _reason(self, output: str) -> str:
        """What git said was wrong, in a line."""
        said = [line.strip() for line in output.splitlines() if line.strip()]
        fatal = [line for line in said if line.startswith(("fatal:", "error:", "remote:"))]
        found = "; ".join((fatal or said)[-2:])
        return self._clean(without_credentials(found))


def without_credentials(url: str) -> str:
    """A URL, or a text with some, without user names and passwords in it."""
    return _CREDENTIALS.sub(r"\1", url)
