"""A bucket in a folder: one file an object."""

import asyncio
import ctypes
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ambient.core.errors import FileNotFound, StorageUnavailable

_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_DRAFT: Final = ".new-"
_libc = ctypes.CDLL(None)


class DiskBucket:
    """Bucket in a folder that its owner alone may read; made when it is first written.

    Objects are forced to the disk together, before one whose key ends in `.json`: what names others
    never survives a loss of power without them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(self._put, self._path(key), data)

    async def get(self, key: str) -> bytes:
        with _translated():
            try:
                return await asyncio.to_thread(self._path(key).read_bytes)
            except (FileNotFoundError, NotADirectoryError):
                raise FileNotFound(f"There is no {key}.") from None

    async def keys(self, prefix: str) -> Sequence[str]:
        return await asyncio.to_thread(self._keys, self._path(prefix.rstrip("/")))

    async def delete(self, keys: Sequence[str]) -> None:
        await asyncio.to_thread(self._delete, [self._path(key) for key in keys])

    async def ping(self) -> None:
        await asyncio.to_thread(self._ping)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not all(_PART.fullmatch(part) for part in parts):
            raise ValueError(f"{key!r} is no key")
        return self._folder.joinpath(*parts)

    def _put(self, path: Path, data: bytes) -> None:
        with _translated():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{_DRAFT}{secrets.token_hex(8)}")
            try:
                with os.fdopen(
                    os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
                ) as file:
                    file.write(data)
                    file.flush()
                    if path.suffix == ".json":
                        _libc.syncfs(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    def _keys(self, folder: Path) -> list[str]:
        with _translated():
            return sorted(
                (Path(at) / name).relative_to(self._folder).as_posix()
                for at, _, names in os.walk(folder, onerror=_raise)
                for name in names
                if not name.startswith(_DRAFT)
            )

    def _delete(self, paths: list[Path]) -> None:
        with _translated():
            for path in paths:
                path.unlink(missing_ok=True)
            for folder in sorted({path.parent for path in paths}, key=lambda one: -len(one.parts)):
                self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._folder:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return  # something is in it
            folder = folder.parent

    def _ping(self) -> None:
        with _translated():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self._folder / f"{_DRAFT}{secrets.token_hex(8)}"
            probe.touch()
            probe.unlink()


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StorageUnavailable(
            f"Saved workspaces cannot be read or written: {exc.strerror}.",
            hint="See that the folder exists, is yours, and the disk has room.",
        ) from exc
