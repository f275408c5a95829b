"""Ports of files: opened ones, uploaded ones, where saved workspaces are (see core/ports.py)."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ambient.core.model import SessionId, Staged, Upload, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file, or a part of it, opened to be read once.

    size: of the whole file. start, end: what comes of it, `end` not included. chunks: its bytes.
    close: whoever holds it calls this in the end, read or not; twice is no error.
    """

    size: int
    start: int
    end: int
    chunks: AsyncIterator[bytes]
    close: Callable[[], None] = lambda: None


class UploadStore(Protocol):
    """Files that were given to a session while no runner could take them, until one does."""

    async def put_upload(
        self, session: SessionId, upload: Upload, chunks: AsyncIterator[bytes]
    ) -> Upload:
        """Keep a file, whole or not at all, in place of what waits under its path; returned with
        its size. Raises SessionNotFound, and what `chunks` raises."""
        ...

    async def put_removal(self, session: SessionId, upload: Upload) -> None:
        """Note that the file of this path is to go, in place of what waits under it."""
        ...

    async def uploads(self, session: SessionId) -> Sequence[Upload]:
        """What waits, by path."""
        ...

    def upload_chunks(self, session: SessionId, upload: Upload) -> AsyncIterator[bytes]:
        """A file's content. Raises FileNotFound: it waits no longer, or another one does."""
        ...

    async def drop_upload(self, session: SessionId, upload: Upload) -> None:
        """It is in its place. What came under the same path meanwhile goes on waiting."""
        ...


class StagingStore(Protocol):
    """Files that a person gives before there is a session, in a project, until they are taken."""

    async def put_staged(
        self, project: str, owner: UserId, file: Staged, chunks: AsyncIterator[bytes]
    ) -> Staged:
        """Keep a file, whole or not at all; returned with its size. Raises what `chunks` raises."""
        ...

    async def staged(self, project: str, owner: UserId) -> Sequence[Staged]:
        """This person's, oldest first."""
        ...

    async def drop_staged(self, project: str, owner: UserId, file: str) -> bool:
        """Remove one, by its id; whether it was there."""
        ...

    async def drop_staged_before(self, moment: datetime) -> None:
        """Remove everybody's that are older, and what never came whole."""
        ...

    async def take_staged(
        self, project: str, owner: UserId, files: Sequence[str], session: SessionId
    ) -> None:
        """Make these, by id, files that wait for a session (`UploadStore`), in one write. Raises
        SessionNotFound, FileNotFound; then nothing is taken."""
        ...


class Bucket(Protocol):
    """Where saved workspaces are: objects by key, written once (files-and-folders, S3).

    A key has `/` between parts of `[A-Za-z0-9._-]`. Every method raises StorageUnavailable.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Write an object; a reader sees all of it or nothing. The same key is only ever written
        again with the same content."""
        ...

    async def get(self, key: str) -> bytes:
        """Read one, whole. Raises FileNotFound."""
        ...

    async def keys(self, prefix: str) -> Sequence[str]:
        """All keys that begin so, in order. prefix: ends with `/`."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove these. Absent is no error."""
        ...

    async def ping(self) -> None:
        """Raises StorageUnavailable when it cannot be reached."""
        ...
