"""The session's files: every path from outside goes through here (api.md 3.12).

A path is relative to the workspace. What a link points to counts, not its name: a file is opened
first and then asked where it is, so a link that is swapped in between gains nothing.
"""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final

from ambient.contract.names import WORKSPACE_DIRS
from ambient.contract.runner_api import FileEntry, FileList
from ambient.runner.clock import rfc3339
from ambient.runner.errors import FileMissing, InvalidPath, StorageUnavailable

MAX_ENTRIES: Final = 5_000
PIECE_BYTES: Final = 256 << 10
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Workspace:
    """Files under `root`. Raises InvalidPath for a path that leaves it, FileMissing for none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = root.resolve()

    def prepare(self) -> None:
        """Make the folders that always exist."""
        for name in WORKSPACE_DIRS:
            (self._root / name).mkdir(parents=True, exist_ok=True)
        self._real = self._root.resolve()

    async def entries(self, path: str) -> FileList:
        """A folder's entries by name, at most 5,000."""
        return await asyncio.to_thread(self._list, path)

    async def read(self, path: str) -> bytes:
        """A whole file."""
        fd, _ = await self.open(path)
        try:
            return await asyncio.to_thread(_read_all, fd)
        finally:
            os.close(fd)

    async def open(self, path: str) -> tuple[int, int]:
        """A descriptor of a file to read from, for the caller to close; its size."""
        return await asyncio.to_thread(self._open, path)

    async def write(self, path: str, data: bytes) -> None:
        """Replace a file, or make it and its folders. A reader sees the old or the new one."""
        await asyncio.to_thread(self._write, path, data)

    async def receive(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """The same with content that is still coming; nothing is replaced before all is there."""
        with ExitStack() as opened:
            file = await asyncio.to_thread(opened.enter_context, self._replacing(path))
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)

    async def delete(self, path: str) -> None:
        """Remove a file or a link; a folder is refused."""
        await asyncio.to_thread(self._delete, path)

    async def folder(self, path: str) -> Path:
        """The real path of a folder inside."""
        return await asyncio.to_thread(self._real_folder, path)

    def _real_folder(self, path: str) -> Path:
        with self._folder(_parts(path)) as fd:
            return Path(_path_of(fd))

    def _list(self, path: str) -> FileList:
        parts = _parts(path)
        with self._folder(parts) as fd:
            names = sorted(os.listdir(fd))  # noqa: PTH208  of the folder that was looked at
            entries = [_entry(fd, name, parts) for name in names[:MAX_ENTRIES]]
        return FileList(
            items=tuple(one for one in entries if one), truncated=len(names) > MAX_ENTRIES
        )

    def _open(self, path: str) -> tuple[int, int]:
        parts = _parts(path)
        if not parts:
            raise InvalidPath("That is a folder, not a file.")
        with _translated(path):
            fd = os.open(self._root.joinpath(*parts), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with ExitStack() as undo:
            undo.callback(os.close, fd)
            self._require_inside(fd, path)
            size = _file_size(fd, path)
            undo.pop_all()
        return fd, size

    def _write(self, path: str, data: bytes) -> None:
        with self._replacing(path) as file:
            file.write(data)

    @contextmanager
    def _replacing(self, path: str) -> Iterator[IO[bytes]]:
        """A new file, which takes the place of the one at `path` if nothing is raised inside."""
        *above, name = _parts(path) or [""]
        if not name:
            raise InvalidPath("A path is needed.")
        self._make_folders(above, path)
        with self._folder(above) as fd, _translated(path):
            if (mode := _mode(fd, name)) is not None and stat.S_ISDIR(mode):
                raise InvalidPath(f"{path} is a folder, not a file.")
            if mode is not None and stat.S_ISLNK(mode):
                self._require_target_inside(fd, name, path)
            fresh = f".{os.fsdecode(os.fsencode(name)[:64])}.{secrets.token_hex(6)}"
            try:
                with _new(fd, fresh, mode) as file:
                    yield file
                os.replace(fresh, name, src_dir_fd=fd, dst_dir_fd=fd)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=fd)

    def _delete(self, path: str) -> None:
        *above, name = _parts(path) or [""]
        if not name:
            raise InvalidPath("A path is needed.")
        with self._folder(above) as fd, _translated(path):
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                raise InvalidPath(f"{path} is a folder; only files can be deleted.")
            os.unlink(name, dir_fd=fd)

    def _make_folders(self, parts: list[str], path: str) -> None:
        """Make each folder that is missing, having looked where the one above it really is."""
        for depth in range(1, len(parts) + 1):
            with (
                self._folder(parts[: depth - 1]) as fd,
                _translated(path),
                suppress(FileExistsError),
            ):
                os.mkdir(parts[depth - 1], dir_fd=fd)

    @contextmanager
    def _folder(self, parts: list[str]) -> Iterator[int]:
        path = "/".join(parts) or "the workspace"
        with _translated(path):
            fd = os.open(self._root.joinpath(*parts), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._require_inside(fd, path)
            yield fd
        finally:
            os.close(fd)

    def _require_inside(self, fd: int, path: str) -> None:
        if not Path(_path_of(fd)).is_relative_to(self._real):
            raise InvalidPath(f"{path} leads out of the workspace.")

    def _require_target_inside(self, folder: int, name: str, path: str) -> None:
        # Not Path.resolve, which raises RuntimeError for a link that leads to itself.
        target = Path(os.path.realpath(f"{_path_of(folder)}/{name}"))
        if not target.is_relative_to(self._real):
            raise InvalidPath(f"{path} leads out of the workspace.")


async def pieces(fd: int, start: int, size: int) -> AsyncGenerator[bytes, None]:
    """`size` bytes from `start` on, in pieces; closes the descriptor."""
    try:
        while size > 0:
            piece = await asyncio.to_thread(os.pread, fd, min(size, PIECE_BYTES), start)
            if not piece:
                return
            start += len(piece)
            size -= len(piece)
            yield piece
    finally:
        os.close(fd)


def _parts(path: str) -> list[str]:
    """The names along a path. Raises InvalidPath for one that is not plainly inside."""
    if "\0" in path or path.startswith("/"):
        raise InvalidPath("A path is relative to the workspace.")
    parts = [part for part in PurePosixPath(path).parts if part != "."]
    if ".." in parts:
        raise InvalidPath("A path has no `..`.")
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        raise InvalidPath("A path is UTF-8.") from exc
    return parts


def _path_of(fd: int) -> str:
    """Where an open file really is."""
    return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115  Path.readlink would cost an object


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise FileMissing(f"There is no {path}.") from exc
    except NotADirectoryError as exc:
        raise FileMissing(f"There is no folder {path}.") from exc
    except OSError as exc:
        if exc.errno in _FULL:
            raise StorageUnavailable(
                f"{path} was not written: the disk is full.", hint="Free disk space, then retry."
            ) from exc
        raise InvalidPath(f"{path} cannot be used: {exc.strerror}.") from exc


def _file_size(fd: int, path: str) -> int:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise InvalidPath(f"{path} is a folder, not a file.")
    return found.st_size


def _mode(folder: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _new(folder: int, name: str, mode: int | None) -> IO[bytes]:
    bits = stat.S_IMODE(mode) if mode is not None and stat.S_ISREG(mode) else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(name, flags, bits, dir_fd=folder), "wb")


def _read_all(fd: int) -> bytes:
    with os.fdopen(fd, "rb", closefd=False) as file:
        return file.read()


def _entry(folder: int, name: str, parts: list[str]) -> FileEntry | None:
    """One entry; None: it went while we looked. A link shows what it points to, if anything."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    is_link = stat.S_ISLNK(found.st_mode)
    if is_link:
        with suppress(OSError):
            found = os.stat(name, dir_fd=folder)
    is_dir = stat.S_ISDIR(found.st_mode)
    return FileEntry(
        name=name,
        path="/".join([*parts, name]),
        is_dir=is_dir,
        size=0 if is_dir else found.st_size,
        modified_at=rfc3339(datetime.fromtimestamp(found.st_mtime, UTC)),
        is_link=is_link,
    )
