"""Files that wait for a runner, in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from ambient.core.errors import FileNotFound
from ambient.core.memory.database import MemoryDatabase
from ambient.core.model import SessionId, Upload


class MemoryUploadStore:
    """UploadStore in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put_upload(
        self, session: SessionId, upload: Upload, chunks: AsyncIterator[bytes]
    ) -> Upload:
        self._database.record(session)
        data = b"".join([chunk async for chunk in chunks])
        kept = replace(upload, size=len(data))
        self._database.record(session).uploads[upload.path] = (kept, data)
        return kept

    async def put_removal(self, session: SessionId, upload: Upload) -> None:
        gone = replace(upload, size=None)
        self._database.record(session).uploads[upload.path] = (gone, b"")

    async def uploads(self, session: SessionId) -> Sequence[Upload]:
        found = self._database.record(session).uploads
        return [found[path][0] for path in sorted(found)]

    async def upload_chunks(self, session: SessionId, upload: Upload) -> AsyncIterator[bytes]:
        kept = self._database.record(session).uploads.get(upload.path)
        if kept is None or kept[0].key != upload.key or kept[0].size is None:
            raise FileNotFound(f"{upload.path} waits no longer.")
        yield kept[1]

    async def drop_upload(self, session: SessionId, upload: Upload) -> None:
        found = self._database.record(session).uploads
        if upload.path in found and found[upload.path][0].key == upload.key:
            del found[upload.path]
