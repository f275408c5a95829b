"""The workspace of a session that does not run, read from where its last runner left it.

Every part of a path is opened without following links, from the folder above it: what the agent
has linked to is not the session's (api.md 3.12).
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Final

from ambient.contract.runner_api import FileEntry, FileList
from ambient.contract.span import Span, Unsatisfiable
from ambient.core.errors import FileNotFound, InvalidPath, RangeUnsatisfiable
from ambient.core.filing import Content

MAX_ENTRIES: Final = 5_000
PIECE_BYTES: Final = 256 << 10
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def entries(root: Path, path: str) -> FileList:
    """A folder's entries by name. Raises FileNotFound, InvalidPath."""
    parts = _parts(path)
    with _folder(root, parts) as fd:
        names = sorted(os.listdir(fd))  # noqa: PTH208  of the folder that was opened
        found = [_entry(fd, name, parts) for name in names[:MAX_ENTRIES]]
    return FileList(items=tuple(found), truncated=len(names) > MAX_ENTRIES)


def content(root: Path, path: str, span: Span | None = None) -> Content:
    """A file, or a range. Raises FileNotFound, InvalidPath, RangeUnsatisfiable."""
    *above, name = _parts(path) or [""]
    if not name:
        raise InvalidPath("That is a folder, not a file.")
    with _folder(root, above) as folder, _translated(path), ExitStack() as undo:
        fd = os.open(name, _FILE, dir_fd=folder)
        file = undo.enter_context(FileIO(fd))
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidPath(f"{path} is a folder, not a file.")
        start, end = _range(span, found.st_size)
        undo.pop_all()
    chunks = _pieces(file, start, end)
    return Content(size=found.st_size, start=start, end=end, chunks=chunks, close=file.close)


def _range(span: Span | None, size: int) -> tuple[int, int]:
    try:
        return span.within(size) if span else (0, size)
    except Unsatisfiable:
        raise RangeUnsatisfiable(size=size) from None


async def _pieces(file: FileIO, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from start to end."""
    while start < end:
        wanted = min(end - start, PIECE_BYTES)
        piece = await asyncio.to_thread(os.pread, file.fileno(), wanted, start)
        if not piece:
            return
        start += len(piece)
        yield piece


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
