"""Files that people give to a session: into its workspace while it runs, else kept until it does.

They lie below `file-uploads/`. What is in the workspace is the truth; what waits is laid over it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from ambient.contract.names import UPLOADS_DIR
from ambient.contract.runner_api import FileEntry
from ambient.core.errors import (
    FileNotFound,
    FileTooLarge,
    Invalid,
    NotRunning,
    TooLarge,
)
from ambient.core.filing import UploadStore
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId, Upload, timestamp
from ambient.core.ports import Clock, NewId, RunnerClient, SessionStore
from ambient.core.service.places import Counted, Workspaces

MOST_WAITING: Final = 200
MOST_WAITING_BYTES: Final = 256 << 20
MOST_FOLDERS: Final = 200
"""Folders of uploads that a list looks into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """One file. key: its path below `file-uploads/`. waits: it is not yet in the workspace."""

    key: str
    size: int
    changed_at: str
    waits: bool


class Uploads:
    """Use cases about uploaded files. Every method raises SessionNotFound."""

    def __init__(
        self,
        *,
        store: SessionStore,
        uploads: UploadStore,
        workspaces: Workspaces,
        runner: RunnerClient,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._workspaces = workspaces
        self._runner = runner
        self._clock = clock
        self._new_id = new_id

    async def all(self, session: SessionId) -> Sequence[Uploaded]:
        """All of them by key, those that wait as they will be."""
        found = {one.key: one for one in await self._in_workspace(session)}
        for waiting in await self._uploads.uploads(session):
            found.pop(waiting.path, None)
            if waiting.size is not None:
                found[waiting.path] = Uploaded(
                    key=waiting.path,
                    size=waiting.size,
                    changed_at=timestamp(waiting.changed_at),
                    waits=True,
                )
        return [found[key] for key in sorted(found)]

    async def put(self, session: SessionId, path: str, chunks: AsyncIterator[bytes]) -> int:
        """Take a file; how many bytes. Raises Invalid for an empty one, and what `chunks` raises;
        then nothing is replaced."""
        content = some(chunks)
        if (await self._store.get(session)).phase is Phase.RUNNING:
            size = await self._workspaces.write(session, f"{UPLOADS_DIR}/{path}", content)
            await self._forget(session, path)
            return size
        await self._check_room(session, path)
        kept = await self._uploads.put_upload(session, self._fresh(path), content)
        await self._deliver_if_running(session)
        return kept.size or 0

    async def delete(self, session: SessionId, path: str) -> None:
        """Remove one. Raises FileNotFound."""
        if (await self._store.get(session)).phase is Phase.RUNNING:
            await self._workspaces.delete(session, f"{UPLOADS_DIR}/{path}")
            return
        if path not in {one.key for one in await self.all(session)}:
            raise FileNotFound(f"There is no uploaded file {path}.")
        await self._uploads.put_removal(session, self._fresh(path))
        await self._deliver_if_running(session)

    async def deliver(self, session: Session) -> None:
        """Put what waits into the workspace of a session that runs. A file that cannot be there (a
        folder has its name) goes on waiting, and the list shows it."""
        for one in await self._uploads.uploads(session.id):
            try:
                await self._deliver(session.id, one)
            except (Invalid, TooLarge):
                continue
            except FileNotFound:
                pass  # gone already, or replaced by another that waits
            await self._uploads.drop_upload(session.id, one)

    async def _deliver(self, session: SessionId, one: Upload) -> None:
        path = f"{UPLOADS_DIR}/{one.path}"
        if one.size is None:
            await self._runner.delete_file(session, path)
        else:
            content = Counted(self._uploads.upload_chunks(session, one))
            await self._workspaces.write(session, path, content)

    async def _deliver_if_running(self, session: SessionId) -> None:
        """For a session that began to run while the file came."""
        found = await self._store.get(session)
        if found.phase is Phase.RUNNING:
            await self.deliver(found)

    async def _forget(self, session: SessionId, path: str) -> None:
        for one in await self._uploads.uploads(session):
            if one.path == path:
                await self._uploads.drop_upload(session, one)

    async def _check_room(self, session: SessionId, path: str) -> None:
        waiting = [one for one in await self._uploads.uploads(session) if one.path != path]
        size = sum(one.size or 0 for one in waiting)
        if len(waiting) >= MOST_WAITING or size >= MOST_WAITING_BYTES:
            raise FileTooLarge(
                f"{len(waiting)} files with {size} bytes wait for this session to start.",
                hint="Start the session, then upload more.",
            )

    async def _in_workspace(self, session: SessionId) -> list[Uploaded]:
        found: list[Uploaded] = []
        folders = [UPLOADS_DIR]
        for folder in folders:
            for one in await self._entries(session, folder):
                if not one.is_dir:
                    found.append(_uploaded(one))
                elif len(folders) < MOST_FOLDERS:
                    folders.append(one.path)
        return found

    async def _entries(self, session: SessionId, folder: str) -> Sequence[FileEntry]:
        try:
            listed, _ = await self._workspaces.list(session, folder)
        except (NotRunning, FileNotFound):
            return ()  # there is no workspace yet, or the agent has removed the folder
        return listed.items

    def _fresh(self, path: str) -> Upload:
        return Upload(path=path, key=self._new_id(), changed_at=self._clock.now())


def _uploaded(one: FileEntry) -> Uploaded:
    return Uploaded(
        key=one.path.removeprefix(f"{UPLOADS_DIR}/"),
        size=one.size,
        changed_at=one.modified_at,
        waits=False,
    )


async def some(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks. Raises Invalid in the end if they were empty."""
    empty = True
    async for chunk in chunks:
        empty = empty and not chunk
        if chunk:
            yield chunk
    if empty:
        raise Invalid("The file is empty.", hint="Send its content as the body.")
