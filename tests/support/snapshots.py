"""A workspace with everything that a workspace can hold, and what is in one."""

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

from ambient.contract.tokens import Token
from ambient.core.model import SessionId


class At:
    """Snapshots of one runner's address and token."""

    def __init__(self, url: str, token: Token) -> None:
        self._found = url, 1, token

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        return self._found

    def forget(self, session: SessionId) -> None:
        """It is the only one."""


def fill(root: Path) -> None:
    """Binaries, modes, links, empty folders, names of all kinds, and a repository with changes that
    are not committed and files that are not known to it."""
    (root / "bin").mkdir(parents=True)
    (root / "bin/tool").write_text("#!/bin/sh\necho tool\n")
    (root / "bin/tool").chmod(0o755)
    (root / "large.bin").write_bytes(os.urandom(9_000_001))
    (root / "copy.bin").write_bytes((root / "large.bin").read_bytes())
    (root / "empty").write_bytes(b"")
    (root / "hollow/inner").mkdir(parents=True)
    (root / "sealed").mkdir()
    (root / "sealed/secret").write_text("s")
    (root / "sealed/secret").chmod(0o400)
    (root / "sealed").chmod(0o500)
    (root / "Über uns \u202e\n.txt").write_text("é")
    (root / "-rf").write_text("x")
    (root / "link").symlink_to("bin/tool")
    (root / "out").symlink_to("/etc/passwd")
    (root / "dangling").symlink_to("nowhere")
    (root / "folder-link").symlink_to("bin")
    repo = root / "repos/r"
    repo.mkdir(parents=True, exist_ok=True)
    (repo / "a.txt").write_text("one\n")
    for command in (
        "init -q -b main",
        "add a.txt",
        "-c user.name=T -c user.email=t@x commit -q -m one",
        "checkout -q -b ambient/s1",
    ):
        subprocess.run(["git", *command.split()], cwd=repo, check=True)
    (repo / "a.txt").write_text("one\ntwo\n")
    (repo / "untracked.txt").write_text("new\n")


def seen(root: Path) -> dict[str, Any]:
    """Path → kind, mode, content, of all that is there."""
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            status = path.lstat()
            at = path.relative_to(root).as_posix()
            if stat.S_ISLNK(status.st_mode):
                found[at] = ("link", os.readlink(path))  # noqa: PTH115  a text
            elif stat.S_ISDIR(status.st_mode):
                found[at] = ("folder", stat.S_IMODE(status.st_mode))
            else:
                mode = stat.S_IMODE(status.st_mode)
                found[at] = ("file", mode, path.read_bytes(), status.st_mtime_ns // 1000)
    return found
