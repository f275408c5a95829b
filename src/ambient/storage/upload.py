"""Files that wait for a runner, in pieces, so that none is ever whole in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from ambient.core.errors import Conflict, FileNotFound
from ambient.core.model import SessionId, Upload
from ambient.storage.codec import from_stamp, to_stamp
from ambient.storage.database import Database
from ambient.storage.key import find_key, key_of
from ambient.storage.schema import upload_pieces, uploads
from ambient.storage.writer import Work

PIECE_BYTES: Final = 512 << 10


class SqlUploadStore:
    """UploadStore in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_upload(
        self, session: SessionId, upload: Upload, chunks: AsyncIterator[bytes]
    ) -> Upload:
        size = number = 0
        kept: Upload | None = None
        try:
            async for piece in cut(chunks):
                await self._database.write(_put_piece(session, upload.key, number, piece))
                number += 1
                size += len(piece)
            done = replace(upload, size=size)
            await self._database.write(_put(session, done, number))
            kept = done
        finally:
            if kept is None:
                await self._database.write(_drop_pieces(session, upload.key))
        return kept

    async def put_removal(self, session: SessionId, upload: Upload) -> None:
        await self._database.write(_put(session, replace(upload, size=None), 0))

    async def uploads(self, session: SessionId) -> Sequence[Upload]:
        def work(conn: Connection) -> list[Upload]:
            mine = uploads.c.session == key_of(conn, session)
            rows = conn.execute(select(uploads).where(mine).order_by(uploads.c.path))
            return [
                Upload(
                    path=row.path,
                    key=row.key,
                    size=row.size,
                    changed_at=from_stamp(row.changed_at),
                )
                for row in rows
            ]

        return await self._database.read(work)

    async def upload_chunks(self, session: SessionId, upload: Upload) -> AsyncIterator[bytes]:
        left, number = upload.size or 0, 0
        while left > 0 or number == 0:
            piece = await self._database.read(_piece(session, upload.key, number))
            if piece is None:
                raise FileNotFound(f"{upload.path} waits no longer.")
            yield piece
            left -= len(piece)
            number += 1

    async def drop_upload(self, session: SessionId, upload: Upload) -> None:
        def work(conn: Connection) -> None:
            key = key_of(conn, session)
            mine = (uploads.c.session == key, uploads.c.key == upload.key)
            conn.execute(delete(uploads).where(*mine))

        await self._database.write(work)
        await self._database.write(_drop_pieces(session, upload.key))


async def cut(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of one size; at least one."""
    held = bytearray()
    first = True
    async for chunk in chunks:
        held += chunk
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
            first = False
    if held or first:
        yield bytes(held)


def _put_piece(session: SessionId, key: str, number: int, data: bytes) -> Work[None]:
    def work(conn: Connection) -> None:
        values = {"session": key_of(conn, session), "key": key, "number": number, "data": data}
        conn.execute(insert(upload_pieces).values(**values))

    return work


def _put(session: SessionId, upload: Upload, pieces: int) -> Work[None]:
    """Make it the one that waits, in place of another one of its path."""

    def work(conn: Connection) -> None:
        key = key_of(conn, session)
        mine = (upload_pieces.c.session == key, upload_pieces.c.key == upload.key)
        there = conn.execute(select(func.count()).select_from(upload_pieces).where(*mine))
        if there.scalar_one() != pieces:
            raise Conflict("The file was removed while it came.")
        same = (uploads.c.session == key, uploads.c.path == upload.path)
        old = conn.execute(select(uploads.c.key).where(*same)).scalar_one_or_none()
        values = {
            "key": upload.key,
            "size": upload.size,
            "changed_at": to_stamp(upload.changed_at),
        }
        if old is None:
            conn.execute(insert(uploads).values(session=key, path=upload.path, **values))
            return
        conn.execute(update(uploads).where(*same).values(**values))
        of_old = (upload_pieces.c.session == key, upload_pieces.c.key == old)
        conn.execute(delete(upload_pieces).where(*of_old))

    return work


def _piece(session: SessionId, key: str, number: int) -> Work[bytes | None]:
    def work(conn: Connection) -> bytes | None:
        found = select(upload_pieces.c.data).where(
            upload_pieces.c.session == key_of(conn, session),
            upload_pieces.c.key == key,
            upload_pieces.c.number == number,
        )
        return conn.execute(found).scalar_one_or_none()

    return work


def _drop_pieces(session: SessionId, key: str) -> Work[None]:
    def work(conn: Connection) -> None:
        found = find_key(conn, session)
        if found is not None:
            mine = (upload_pieces.c.session == found, upload_pieces.c.key == key)
            conn.execute(delete(upload_pieces).where(*mine))

    return work
