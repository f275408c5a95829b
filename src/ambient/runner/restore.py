"""Filling an empty workspace from a saved one, while it comes.

A marker stands in the workspace until all is there: a runner that dies in between leaves one that
counts as empty. Links come last and modes of folders after all that is in them, so nothing is
written through a link, and a folder that nobody may write can be filled.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ambient.contract.snapshot import CHUNK_BYTES, Entry, Manifest, NoManifest, ref_of
from ambient.runner.errors import InvalidRequest, MalformedRequest, StorageUnavailable
from ambient.runner.snapshot import FILE, FOLDER, RESTORING

MOST_MANIFEST_BYTES: Final = 512 << 20
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


async def restore(root: Path, body: AsyncIterator[bytes]) -> None:
    """Fill the workspace with what a body of frames holds: the manifest, then each chunk once.

    Raises InvalidRequest for what does not fit together; the workspace then counts as empty.
    """
    frames = Frames(body)
    try:
        manifest = Manifest.decode(await frames.next(MOST_MANIFEST_BYTES))
    except NoManifest as exc:
        raise InvalidRequest(str(exc)) from exc
    filling = _Filling(root)
    try:
        await asyncio.to_thread(filling.begin, manifest)
        for entry in manifest.entries:
            if entry.kind == "file":
                await _file(filling, entry, frames)
        await asyncio.to_thread(filling.end, manifest)
    except OSError as exc:
        raise StorageUnavailable(
            f"The workspace could not be filled: {exc.strerror}.",
            hint="See that the disk has room and can be written.",
        ) from exc


class Frames:
    """Length and content, again and again, out of chunks of any size."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._held = bytearray()

    async def next(self, limit: int) -> bytes:
        """The next content. Raises MalformedRequest at the end, or for one that is too long."""
        length = int.from_bytes(await self._exactly(4), "big")
        if length > limit:
            raise MalformedRequest(f"A frame is longer than {limit} bytes.")
        return await self._exactly(length)

    async def _exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            try:
                self._held += await anext(self._body)
            except StopAsyncIteration:
                raise MalformedRequest("The saved workspace ends too early.") from None
        found = bytes(self._held[:size])
        del self._held[:size]
        return found


async def _file(filling: "_Filling", entry: Entry, frames: Frames) -> None:
    with filling.file(entry) as fd:
        for number, ref in enumerate(entry.chunks):
            data = await asyncio.to_thread(filling.known, ref)
            if data is None:
                data = await frames.next(CHUNK_BYTES)
                if ref_of(data) != ref:
                    raise InvalidRequest(f"The saved content of {entry.path} is damaged.")
            await asyncio.to_thread(_write, fd, data)
            filling.note(ref, entry.path, number)


class _Filling:
    """One workspace that is being filled."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._where: dict[str, tuple[str, int]] = {}

    def begin(self, manifest: Manifest) -> None:
        """Make room, and the folders."""
        (self._root / RESTORING).touch()
        for name in {one.path.partition("/")[0] for one in manifest.entries}:
            _remove(self._root / name)
        for one in manifest.entries:
            if one.kind == "folder":
                with self._above(one.path) as (fd, name):
                    os.mkdir(name, 0o700, dir_fd=fd)

    @contextmanager
    def file(self, entry: Entry) -> Iterator[int]:
        """A new file, open to be written; mode and time are set when all is there."""
        with self._above(entry.path) as (folder, name):
            fd = os.open(name, _NEW, 0o600, dir_fd=folder)
        try:
            yield fd
            os.fchmod(fd, entry.mode)
            _set_time(fd, entry)
        finally:
            os.close(fd)

    def known(self, ref: str) -> bytes | None:
        """A chunk that was written before; None: it comes now."""
        where = self._where.get(ref)
        if where is None:
            return None
        path, number = where
        with self._above(path) as (folder, name):
            fd = os.open(name, FILE, dir_fd=folder)
        try:
            return os.pread(fd, CHUNK_BYTES, number * CHUNK_BYTES)
        finally:
            os.close(fd)

    def note(self, ref: str, path: str, number: int) -> None:
        """Where a chunk has been written."""
        self._where.setdefault(ref, (path, number))

    def end(self, manifest: Manifest) -> None:
        """Links, and what folders look like; then it is done."""
        for one in manifest.entries:
            if one.kind == "link":
                with self._above(one.path) as (fd, name):
                    os.symlink(one.target, name, dir_fd=fd)
        for one in reversed(manifest.entries):
            if one.kind == "folder":
                with self._above(one.path) as (above, name):
                    fd = os.open(name, FOLDER, dir_fd=above)
                    try:
                        os.fchmod(fd, one.mode)
                        _set_time(fd, one)
                    finally:
                        os.close(fd)
        (self._root / RESTORING).unlink()

    @contextmanager
    def _above(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder that a path is in, opened without following links, and its last name."""
        *above, name = path.split("/")
        fd = os.open(self._root, FOLDER)
        try:
            for part in above:
                outer = fd
                fd = os.open(part, FOLDER, dir_fd=outer)
                os.close(outer)
            yield fd, name
        finally:
            os.close(fd)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _set_time(fd: int, entry: Entry) -> None:
    os.utime(fd, ns=(entry.changed * 1000, entry.changed * 1000))
