"""Saved workspaces: taken from a runner, given to the next one, read while there is none.

The runner says what there is by content, the server fetches what it does not have and keeps it in a
bucket. Only the holder of a session saves it, one save at a time, so what no manifest names can be
removed after each.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ambient.contract.runner_api import FileEntry, FileList
from ambient.contract.snapshot import (
    CHUNK_BYTES,
    MOST_CHUNKS_ASKED,
    Entry,
    LeftOut,
    Manifest,
    NoManifest,
    ScanRequest,
    frame,
    ref_of,
)
from ambient.contract.span import Span, Unsatisfiable
from ambient.core.errors import (
    FileNotFound,
    InvalidPath,
    RangeUnsatisfiable,
    StorageUnavailable,
)
from ambient.core.filing import Bucket, Content
from ambient.core.model import Session, timestamp
from ambient.core.ports import Clock, RunnerClient

TRIES: Final = 3
"""Scans of one save: files that change while they are read are looked at again."""
KEPT: Final = 2
"""The newest snapshot, and the one before, should the newest be damaged."""
MAX_ENTRIES: Final = 5_000
_CHANGED: Final = "it changed while it was saved"
EXCLUDED: Final = (
    ".cache",
    ".npm",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
)
"""What every tool can make again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRules:
    """max_bytes: of one workspace. exclude: names, or paths with `/`, with `*` and `?`."""

    max_bytes: int = 1 << 30
    exclude: tuple[str, ...] = EXCLUDED


class Snapshots:
    """The saved workspaces of all sessions, in one bucket."""

    def __init__(
        self, *, bucket: Bucket, runner: RunnerClient, clock: Clock, rules: SnapshotRules
    ) -> None:
        self._bucket = bucket
        self._runner = runner
        self._clock = clock
        self._rules = rules

    async def save(self, session: Session, *, final: bool = False) -> Manifest:
        """Save the workspace as it is; what was saved. final: the run is ended first."""
        scope = _scope(session)
        have = {_ref(key) for key in await self._bucket.keys(f"{scope}/chunks/")}
        wanted = ScanRequest(
            exclude=self._rules.exclude, max_bytes=self._rules.max_bytes, final=final
        )
        manifest = await self._runner.scan_workspace(session.id, wanted)
        missing = await self._fetch(session, manifest, have)
        for _ in range(TRIES - 1):
            if not missing:
                break
            manifest = await self._runner.scan_workspace(session.id, wanted)
            missing = await self._fetch(session, manifest, have)
        manifest = await self._without(manifest, missing, scope, have)
        await self._bucket.put(self._name(scope), manifest.encode())
        await self._collect(scope, have)
        return manifest

    async def restore(self, session: Session) -> bool:
        """Fill an empty place with the newest snapshot that is whole. False: there is none, or the
        place has files. Raises StorageUnavailable."""
        scope = _scope(session)
        newest = await self._newest(scope)
        if newest is None:
            return False
        return await self._runner.restore_workspace(session.id, self._frames(scope, newest))

    async def saved_at(self, session: Session) -> str | None:
        """When the newest snapshot was taken; None: there is none."""
        newest = await self._newest(_scope(session))
        return newest.taken_at if newest else None

    async def list(self, session: Session, path: str) -> FileList | None:
        """A folder of the newest snapshot; None: there is none. Raises FileNotFound,
        InvalidPath."""
        newest = await self._newest(_scope(session))
        return None if newest is None else _listed(newest, path)

    async def open(self, session: Session, path: str, span: Span | None = None) -> Content | None:
        """A file of it; None, FileNotFound, InvalidPath as above, and RangeUnsatisfiable."""
        scope = _scope(session)
        newest = await self._newest(scope)
        if newest is None:
            return None
        entry = _at(newest, path)
        if entry.kind != "file":
            raise InvalidPath(f"{path} is a {entry.kind}, not a file.")
        try:
            start, end = span.within(entry.size) if span else (0, entry.size)
        except Unsatisfiable:
            raise RangeUnsatisfiable(size=entry.size) from None
        chunks = self._content(scope, entry, start, end)
        return Content(size=entry.size, start=start, end=end, chunks=chunks)

    async def remove(self, session: Session) -> None:
        """Remove all that was saved of a session."""
        await self._bucket.delete(await self._bucket.keys(f"{_scope(session)}/"))

    async def _fetch(self, session: Session, manifest: Manifest, have: set[str]) -> set[str]:
        """Store the chunks that are new; those that the runner no longer has."""
        gone: set[str] = set()
        wanted = [ref for ref in manifest.refs() if ref not in have]
        for at in range(0, len(wanted), MOST_CHUNKS_ASKED):
            some = wanted[at : at + MOST_CHUNKS_ASKED]
            async for ref, data in self._runner.workspace_chunks(session.id, some):
                if data is None:
                    gone.add(ref)
                    continue
                await self._bucket.put(_key(_scope(session), ref), data)
                have.add(ref)
        return gone

    async def _without(
        self, manifest: Manifest, missing: set[str], scope: str, have: set[str]
    ) -> Manifest:
        """Files that did not hold still: as they were saved before, else left out by name."""
        if not missing:
            return manifest
        before = await self._newest(scope)
        older = {one.path: one for one in before.entries} if before else {}
        entries, left_out = [], [*manifest.left_out]
        for one in manifest.entries:
            if missing.isdisjoint(one.chunks):
                entries.append(one)
                continue
            left_out.append(LeftOut(one.path, _CHANGED, one.size))
            old = older.get(one.path)
            if old is not None and old.kind == "file" and have.issuperset(old.chunks):
                entries.append(old)
        return Manifest(
            entries=tuple(entries), left_out=tuple(left_out), taken_at=manifest.taken_at
        )

    async def _collect(self, scope: str, have: set[str]) -> None:
        """Remove manifests beyond those kept, and chunks that none of them names."""
        names = await self._bucket.keys(f"{scope}/manifests/")
        kept = [await self._manifest(name) for name in names[-KEPT:]]
        await self._bucket.delete(names[:-KEPT])
        named = {ref for manifest in kept if manifest for ref in manifest.refs()}
        await self._bucket.delete([_key(scope, ref) for ref in have - named])

    async def _newest(self, scope: str) -> Manifest | None:
        """The newest manifest that can be read; None: there is none. Raises StorageUnavailable when
        there are some and all are damaged."""
        names = await self._bucket.keys(f"{scope}/manifests/")
        for name in reversed(names):
            if (found := await self._manifest(name)) is not None:
                return found
        if names:
            raise StorageUnavailable("Every saved workspace of this session is damaged.")
        return None

    async def _manifest(self, name: str) -> Manifest | None:
        try:
            return Manifest.decode(await self._bucket.get(name))
        except (FileNotFound, NoManifest):
            return None

    async def _frames(self, scope: str, manifest: Manifest) -> AsyncIterator[bytes]:
        yield frame(manifest.encode())
        for ref in manifest.refs():
            yield frame(await self._chunk(scope, ref))

    async def _content(
        self, scope: str, entry: Entry, start: int, end: int
    ) -> AsyncIterator[bytes]:
        for number, ref in enumerate(entry.chunks):
            first = number * CHUNK_BYTES
            if first < end and start < first + CHUNK_BYTES:
                data = await self._chunk(scope, ref)
                yield data[max(0, start - first) : end - first]

    async def _chunk(self, scope: str, ref: str) -> bytes:
        """Raises StorageUnavailable for one that is not what was saved."""
        try:
            data = await self._bucket.get(_key(scope, ref))
        except FileNotFound:
            data = b""
        if ref_of(data) != ref:
            raise StorageUnavailable(
                "A part of the saved workspace is missing or damaged.",
                hint="See that nobody else writes to where workspaces are saved.",
            )
        return data

    def _name(self, scope: str) -> str:
        """A manifest's key: later ones sort behind."""
        micros = int(self._clock.now().timestamp() * 1_000_000)
        return f"{scope}/manifests/{micros:020d}.json"


def _scope(session: Session) -> str:
    """Where a session's objects are; nothing of an earlier session of the name is taken for its."""
    return f"{session.project}/{session.name}/{session.uid}"


def _key(scope: str, ref: str) -> str:
    return f"{scope}/chunks/{ref[:2]}/{ref}"


def _ref(key: str) -> str:
    return key.rpartition("/")[2]


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or path.startswith("/") or "\0" in path:
        raise InvalidPath
    return parts


def _at(manifest: Manifest, path: str) -> Entry:
    wanted = "/".join(_parts(path))
    for one in manifest.entries:
        if one.path == wanted:
            return one
    raise FileNotFound(f"There is no {path}.")


def _listed(manifest: Manifest, path: str) -> FileList:
    folder = "/".join(_parts(path))
    if folder and _at(manifest, folder).kind != "folder":
        raise FileNotFound(f"There is no folder {path}.")
    found = sorted(_inside(manifest, folder), key=lambda one: one.name)
    return FileList(items=tuple(found[:MAX_ENTRIES]), truncated=len(found) > MAX_ENTRIES)


def _inside(manifest: Manifest, folder: str) -> Iterator[FileEntry]:
    for one in manifest.entries:
        above, _, name = one.path.rpartition("/")
        if above == folder:
            yield FileEntry(
                name=name,
                path=one.path,
                is_dir=one.kind == "folder",
                size=one.size,
                modified_at=_time(one.changed),
                is_link=one.kind == "link",
            )


def _time(micros: int) -> str:
    return timestamp(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))
