"""A saved workspace: a manifest of what was in it, and chunks of content by their hash.

The runner makes the manifest and gives the chunks, the server keeps them, and another runner gets
both back. Chunks are written once: what did not change since the last snapshot is not stored again.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from ambient.contract.runner_api import Wire

CHUNK_BYTES: Final = 4 << 20
FORMAT: Final = 1
MOST_ENTRIES: Final = 500_000
MOST_CHUNKS_ASKED: Final = 256
"""Chunks of one request: so many fit into a gigabyte."""
GONE: Final = 0xFFFF_FFFF
"""In place of a chunk's length: the file has changed since."""

Kind = Literal["file", "folder", "link"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was at a path. mode: permission bits. changed: microseconds since 1970. target: a
    link's. chunks: a file's content, in order."""

    path: str
    kind: Kind
    mode: int = 0o644
    size: int = 0
    changed: int = 0
    target: str = ""
    chunks: tuple[str, ...] = ()


class LeftOut(msgspec.Struct, frozen=True):
    """What was not saved, and why, in words."""

    path: str
    why: str
    size: int = 0


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A workspace at a moment. entries: by path, so a folder stands before what is in it."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()
    taken_at: str = ""
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(one.size for one in self.entries)

    def refs(self) -> list[str]:
        """Every chunk once, in the order in which it is needed first."""
        return list(dict.fromkeys(ref for one in self.entries for ref in one.chunks))

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read it back. Raises NoManifest for what could not be put into a workspace safely."""
        try:
            found = msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise NoManifest(f"This is no manifest: {exc}.") from exc
        if found.format != FORMAT:
            raise NoManifest(f"This manifest has format {found.format}, known is {FORMAT}.")
        _check(found.entries)
        return found


class NoManifest(ValueError):
    """It cannot be read, or holds what no workspace can hold."""


class ScanRequest(Wire):
    """POST /workspace/scan. exclude: names, or paths with `/`, with `*` and `?`. max_bytes: what
    is larger is left out, largest files first. final: the run is ended first, and its commands."""

    exclude: tuple[str, ...] = ()
    max_bytes: int = 1 << 30
    final: bool = False


class ChunksRequest(Wire):
    """POST /workspace/chunks: the answer is a frame for each, in this order."""

    refs: tuple[str, ...]


class RestoreReply(Wire):
    """PUT /workspace. restored: False: there were files already, and they are kept."""

    restored: bool


def ref_of(data: bytes) -> str:
    """The name of a chunk."""
    return hashlib.sha256(data).hexdigest()


def frame(data: bytes) -> bytes:
    """Length and content, as PUT /workspace takes the manifest and then each chunk once."""
    return len(data).to_bytes(4, "big") + data


def is_ref(text: str) -> bool:
    """Whether it can be a chunk's name."""
    return len(text) == 64 and all(one in "0123456789abcdef" for one in text)


def _check(entries: tuple[Entry, ...]) -> None:
    """Raises NoManifest unless every path is plainly inside, once, and below folders alone."""
    kinds: dict[str, Any] = {"": "folder"}
    for one in entries:
        parts = one.path.split("/")
        if not one.path or "\0" in one.path or any(part in ("", ".", "..") for part in parts):
            raise NoManifest(f"{one.path!r} is no path of a workspace.")
        if one.path in kinds or any(kinds.get(above) != "folder" for above in _above(parts)):
            raise NoManifest(f"{one.path!r} stands twice, or not in a folder.")
        if not all(is_ref(ref) for ref in one.chunks):
            raise NoManifest(f"{one.path!r} has content without a name.")
        kinds[one.path] = one.kind


def _above(parts: list[str]) -> Iterator[str]:
    for depth in range(len(parts)):
        yield "/".join(parts[:depth])
