"""Taking stock of the workspace for a snapshot, and giving out what is in it by hash.

Every part of a path is opened without following links, from the folder above: a link is saved as
a link, whatever the agent makes of it meanwhile.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from ambient.contract.snapshot import (
    CHUNK_BYTES,
    MOST_ENTRIES,
    Entry,
    LeftOut,
    Manifest,
    ScanRequest,
    ref_of,
)
from ambient.runner.clock import Clock, rfc3339

RESTORING: Final = ".ambient-restoring"
"""Stands in a workspace that is being filled: it counts as empty until it is gone."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SHOWN: Final = 100
"""So many left out files are named."""


class _Stamp(NamedTuple):
    """What tells that a file's content is the one that was hashed."""

    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, found: os.stat_result) -> "_Stamp":
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Found(NamedTuple):
    path: str
    kind: str
    seen: os.stat_result


class Stock:
    """The workspace under `root`, as last scanned. Call from one thread at a time.

    may_fill: whether it was empty when this was made, and nobody has looked at it since.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self.may_fill = is_empty(root)
        self._root = root
        self._clock = clock
        self._known: dict[str, tuple[_Stamp, tuple[str, ...]]] = {}
        self._where: dict[str, tuple[str, int]] = {}

    def scan(self, wanted: ScanRequest) -> Manifest:
        """What is there now; only files that changed are read."""
        self.may_fill = False
        found, left_out = _walk(self._root, wanted.exclude)
        found, too_large = _within(found, wanted.max_bytes)
        known, self._known = self._known, {}
        self._where = {}
        entries = []
        for one in found:
            try:
                entries.append(self._entry(one, known))
            except (PermissionError, ValueError):
                left_out.append(LeftOut(one.path, "it cannot be read"))
            except OSError:
                continue  # it went, or became something else, while we looked
        everything = [*left_out, *too_large]
        return Manifest(
            entries=tuple(entries),
            left_out=tuple(everything[:_SHOWN]),
            taken_at=rfc3339(self._clock.now()),
        )

    def chunk(self, ref: str) -> bytes | None:
        """A chunk of the last scan; None: it is not there any more."""
        where = self._where.get(ref)
        if where is None:
            return None
        path, start = where
        try:
            with _opened(self._root, path) as fd:
                data = os.pread(fd, CHUNK_BYTES, start)
        except OSError:
            return None
        return data if ref_of(data) == ref else None

    def _entry(self, one: _Found, known: dict[str, tuple[_Stamp, tuple[str, ...]]]) -> Entry:
        mode, changed = stat.S_IMODE(one.seen.st_mode), one.seen.st_mtime_ns // 1000
        if one.kind == "folder":
            return Entry(path=one.path, kind="folder", mode=mode, changed=changed)
        if one.kind == "link":
            *above, name = one.path.split("/")
            with _folder(self._root, above) as fd:
                target = os.readlink(name, dir_fd=fd)
            target.encode()  # raises ValueError, as for the names
            return Entry(path=one.path, kind="link", mode=mode, changed=changed, target=target)
        size, chunks = self._content(one, known)
        for number, ref in enumerate(chunks):
            self._where.setdefault(ref, (one.path, number * CHUNK_BYTES))
        return Entry(
            path=one.path, kind="file", mode=mode, changed=changed, size=size, chunks=chunks
        )

    def _content(
        self, one: _Found, known: dict[str, tuple[_Stamp, tuple[str, ...]]]
    ) -> tuple[int, tuple[str, ...]]:
        """A file's size and chunks, read unless it is as it was."""
        before = known.get(one.path)
        if before is not None and before[0] == _Stamp.of(one.seen):
            self._known[one.path] = before
            return one.seen.st_size, before[1]
        refs, size = [], 0
        with _opened(self._root, one.path) as fd:
            stamp = _Stamp.of(os.fstat(fd))
            while data := os.pread(fd, CHUNK_BYTES, size):
                refs.append(ref_of(data))
                size += len(data)
            if stamp == _Stamp.of(os.fstat(fd)):
                self._known[one.path] = (stamp, tuple(refs))
        return size, tuple(refs)


def is_empty(root: Path) -> bool:
    """Whether a workspace has no file and no link yet, or was not filled to the end."""
    if not root.exists() or (root / RESTORING).exists():
        return True
    return not any(files for _, _, files in os.walk(root))


def _walk(root: Path, exclude: tuple[str, ...]) -> tuple[list[_Found], list[LeftOut]]:
    """All that can be saved, a folder before what is in it, by name."""
    found: list[_Found] = []
    left_out: list[LeftOut] = []
    waiting = [""]
    while waiting and len(found) < MOST_ENTRIES:
        folder = waiting.pop()
        for name, seen in _looked(root, folder):
            path = f"{folder}/{name}" if folder else name
            kind = _kind(seen)
            if kind is None or _is_excluded(path, name, exclude):
                continue
            if not _is_text(path):
                left_out.append(LeftOut(ascii(path), "its name is not UTF-8"))
                continue
            found.append(_Found(path, kind, seen))
            if kind == "folder":
                waiting.append(path)
                if not seen.st_mode & stat.S_IRUSR:
                    left_out.append(LeftOut(path, "the folder cannot be read"))
    if waiting:
        left_out.append(LeftOut(waiting[-1], f"there are more than {MOST_ENTRIES} files"))
    return sorted(found, key=lambda one: one.path.split("/")), left_out


def _looked(root: Path, folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError), _folder(root, folder.split("/") if folder else []) as fd:
        for name in os.listdir(fd):  # noqa: PTH208  of the folder that was opened
            with suppress(OSError):
                yield name, os.stat(name, dir_fd=fd, follow_symlinks=False)


def _within(found: list[_Found], limit: int) -> tuple[list[_Found], list[LeftOut]]:
    """What fits; the largest files are left out until the rest does."""
    size = sum(one.seen.st_size for one in found if one.kind == "file")
    left_out: list[LeftOut] = []
    by_size = sorted(found, key=lambda one: one.seen.st_size if one.kind == "file" else 0)
    while size > limit and by_size:
        largest = by_size.pop()
        size -= largest.seen.st_size
        left_out.append(
            LeftOut(largest.path, "the workspace is larger than may be saved", largest.seen.st_size)
        )
    gone = {one.path for one in left_out}
    return [one for one in found if one.path not in gone], left_out


def _kind(seen: os.stat_result) -> str | None:
    if stat.S_ISDIR(seen.st_mode):
        return "folder"
    if stat.S_ISLNK(seen.st_mode):
        return "link"
    return "file" if stat.S_ISREG(seen.st_mode) else None


def _is_excluded(path: str, name: str, exclude: tuple[str, ...]) -> bool:
    if path == RESTORING:
        return True
    return any(fnmatchcase(path if "/" in one else name, one) for one in exclude)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _opened(root: Path, path: str) -> Iterator[int]:
    """A regular file. Raises OSError."""
    *above, name = path.split("/")
    with _folder(root, above) as folder:
        fd = os.open(name, FILE, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(path)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _folder(root: Path, parts: list[str]) -> Iterator[int]:
    fd = os.open(root, FOLDER)
    try:
        for part in parts:
            above = fd
            fd = os.open(part, FOLDER, dir_fd=above)
            os.close(above)
        yield fd
    finally:
        os.close(fd)
