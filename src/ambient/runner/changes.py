"""What the agent has changed in a clone: committed, not committed and new, against where it began.

All of it is asked of git where the agent works, confined like the agent: the clone's configuration
is the agent's. No filter, driver or pager of it is let in where git can be told so.
"""

import os
from pathlib import Path
from typing import Final

from ambient.contract.changes import FileChange, RepoChanges
from ambient.runner.git import Git, GitFailed

MOST_BYTES: Final = 1 << 20
MOST_FILES: Final = 2_000
EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_PLAIN: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "-M")
_KINDS: Final = {"A": "added", "M": "modified", "T": "modified", "D": "deleted", "R": "renamed"}


class Changes:
    """Looks at clones; changes nothing."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def of(
        self, name: str, folder: Path, branch: str, file: str, *, patch: bool
    ) -> RepoChanges:
        """All changes of a clone, or of one file of it. branch: where the session began; empty: the
        default one. patch: whether to give the text. Raises GitFailed."""
        begun = branch or await self._git.default_branch(folder) or "main"
        base, ahead, behind = await self._base(folder, begun)
        only = ("--", f":(literal){file}") if file else ()
        tracked = await self._tracked(folder, base, only)
        fresh = await self._untracked(folder, only)
        files = [*tracked, *fresh]
        text, is_whole = "", True
        if patch:
            text, is_whole = await self._patch(folder, base, only, fresh)
        return RepoChanges(
            name=name,
            branch=await self._git.current_branch(folder),
            base=base,
            base_branch=begun,
            ahead=ahead,
            behind=behind,
            files=tuple(files[:MOST_FILES]),
            patch=text,
            truncated=not is_whole or len(files) > MOST_FILES,
        )

    async def _base(self, folder: Path, branch: str) -> tuple[str, int, int]:
        """The commit in common with the branch begun on; how far each has gone since."""
        ref = f"refs/remotes/origin/{branch}"
        try:
            base = (await self._out(folder, "merge-base", ref, "HEAD"))[0].strip()
            counts = (
                await self._out(folder, "rev-list", "--left-right", "--count", f"{ref}...HEAD")
            )[0]
            behind, ahead = (int(one) for one in counts.split())
        except GitFailed:
            return EMPTY_TREE, 0, 0  # nothing is in common: everything is new
        return base, ahead, behind

    async def _tracked(self, folder: Path, base: str, only: tuple[str, ...]) -> list[FileChange]:
        names, _ = await self._out(folder, "diff", *_PLAIN, "--name-status", "-z", base, *only)
        counts, _ = await self._out(folder, "diff", *_PLAIN, "--numstat", "-z", base, *only)
        dirty, _ = await self._out(
            folder, "diff", "--no-ext-diff", "--name-only", "-z", "HEAD", *only
        )
        uncommitted = set(dirty.split("\0"))
        lines = _numbers(counts)
        found = []
        for kind, old, path in _named(names):
            added, removed, binary = lines.get(path, (0, 0, False))
            found.append(
                FileChange(
                    path=path,
                    old_path=old,
                    status=_KINDS.get(kind[:1], "modified"),
                    added=added,
                    removed=removed,
                    binary=binary,
                    uncommitted=path in uncommitted,
                )
            )
        return found

    async def _untracked(self, folder: Path, only: tuple[str, ...]) -> list[FileChange]:
        listed, _ = await self._out(
            folder, "ls-files", "--others", "--exclude-standard", "-z", *only
        )
        paths = [one for one in listed.split("\0") if one][: MOST_FILES + 1]
        return [FileChange(path=one, status="untracked", uncommitted=True) for one in paths]

    async def _patch(
        self, folder: Path, base: str, only: tuple[str, ...], fresh: list[FileChange]
    ) -> tuple[str, bool]:
        text, is_whole = await self._out(folder, "diff", *_PLAIN, base, *only)
        for one in fresh:
            if len(text) > MOST_BYTES:
                return text, False
            more, whole = await self._out(
                folder, "diff", *_PLAIN, "--no-index", "--", "/dev/null", one.path, differs=True
            )
            text, is_whole = text + more, is_whole and whole
        return text, is_whole

    async def _out(self, folder: Path, *args: str, differs: bool = False) -> tuple[str, bool]:
        """What git writes to stdout, up to a megabyte; whether that is all. differs: exit code 1
        says that there is a difference."""
        fd = os.memfd_create("changes", os.MFD_CLOEXEC)
        try:
            try:
                await self._git.run(*args, folder=folder, to=fd)
            except GitFailed:
                if not differs or not os.fstat(fd).st_size:
                    raise
            size = os.fstat(fd).st_size
            data = os.pread(fd, MOST_BYTES, 0)
        finally:
            os.close(fd)
        return data.decode(errors="replace"), size <= MOST_BYTES


def _named(text: str) -> list[tuple[str, str, str]]:
    """`--name-status -z`: kind, old path (of a renamed file), path."""
    parts = iter(text.split("\0"))
    found = []
    for kind in parts:
        if not kind:
            break
        old = next(parts, "") if kind[0] in "RC" else ""
        found.append((kind, old, next(parts, "")))
    return found


def _numbers(text: str) -> dict[str, tuple[int, int, bool]]:
    """`--numstat -z`: path → lines added, removed, and whether it is binary."""
    parts = iter(text.split("\0"))
    found = {}
    for part in parts:
        if not part:
            break
        added, removed, path = part.split("\t", 2)
        if not path:  # renamed: the old and the new path follow
            next(parts, "")
            path = next(parts, "")
        is_binary = added == "-"
        found[path] = (0, 0, True) if is_binary else (int(added), int(removed), False)
    return found
