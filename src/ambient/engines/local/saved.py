"""The workspace of a session that does not run, read from where its last runner left it.

Every part of a path is opened without following links, from the folder above it: what the agent
has linked to is not the session's (api.md 3.12).
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from ambient.contract.runner_api import FileEntry, FileList
from ambient.core.errors import FileNotFound, InvalidPath

MAX_ENTRIES: Final = 5_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def entries(root: Path, path: str) -> FileList:
    """A folder's entries by name. Raises FileNotFound, InvalidPath."""
    parts = _parts(path)
    with _folder(root, parts) as fd:
        names = sorted(os.listdir(fd))  # noqa: PTH208  of the folder that was opened
        found = [_entry(fd, name, parts) for name in names[:MAX_ENTRIES]]
    return FileList(items=tuple(found), truncated=len(names) > MAX_ENTRIES)


def content(root: Path, path: str) -> bytes:
    """A whole file. Raises FileNotFound, InvalidPath."""
    *above, name = _parts(path) or [""]
    with _folder(root, above) as folder, _translated(path):
        fd = os.open(name, _FILE, dir_fd=folder)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise InvalidPath(f"{path} is a folder, not a file.")
            return file.read()


def _parts(path: str) -> list[str]:
    wanted = PurePosixPath(path)
    if wanted.is_absolute() or ".." in wanted.parts or "\0" in path:
        raise InvalidPath
    return [one for one in wanted.parts if one != "."]


@contextmanager
def _folder(root: Path, parts: list[str]) -> Iterator[int]:
    with _translated("/".join(parts) or "the workspace"):
        fd = os.open(root, _FOLDER)
        for part in parts:
            above = fd
            try:
                fd = os.open(part, _FOLDER, dir_fd=above)
            finally:
                os.close(above)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise FileNotFound(f"There is no {path}.") from exc
    except OSError as exc:
        raise InvalidPath(f"{path} is a link, or no folder.") from exc


def _entry(folder: int, name: str, parts: list[str]) -> FileEntry:
    seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    modified = datetime.fromtimestamp(seen.st_mtime, UTC).isoformat(timespec="milliseconds")
    return FileEntry(
        name=name,
        path="/".join([*parts, name]),
        is_dir=stat.S_ISDIR(seen.st_mode),
        size=0 if stat.S_ISDIR(seen.st_mode) else seen.st_size,
        modified_at=modified.replace("+00:00", "Z"),
    )
