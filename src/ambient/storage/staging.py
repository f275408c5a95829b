"""Files that wait for a session to be made, in pieces, so that none is ever whole in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, literal, select, update

from ambient.core.errors import Conflict, FileNotFound
from ambient.core.model import SessionId, Staged, UserId
from ambient.storage.codec import from_stamp, to_stamp
from ambient.storage.database import Database
from ambient.storage.key import key_of
from ambient.storage.schema import staged, staged_pieces, upload_pieces, uploads
from ambient.storage.upload import cut
from ambient.storage.writer import Work


class SqlStagingStore:
    """StagingStore in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_staged(
        self, project: str, owner: UserId, file: Staged, chunks: AsyncIterator[bytes]
    ) -> Staged:
        size = number = 0
        kept: Staged | None = None
        await self._database.write(_begin(project, owner, file))
        try:
            async for piece in cut(chunks):
                await self._database.write(_put_piece(file.id, number, piece))
                number += 1
                size += len(piece)
            await self._database.write(_finish(file.id, size))
            kept = replace(file, size=size)
        finally:
            if kept is None:
                await self._database.write(_drop([file.id]))
        return kept

    async def staged(self, project: str, owner: UserId) -> Sequence[Staged]:
        def work(conn: Connection) -> list[Staged]:
            return [_read(row) for row in _whole(conn, project, owner)]

        return await self._database.read(work)

    async def drop_staged(self, project: str, owner: UserId, file: str) -> bool:
        def work(conn: Connection) -> bool:
            is_there = file in {row.id for row in _whole(conn, project, owner)}
            if is_there:
                _drop([file])(conn)
            return is_there

        return await self._database.write(work)

    async def drop_staged_before(self, moment: datetime) -> None:
        def work(conn: Connection) -> None:
            old = select(staged.c.id).where(staged.c.created_at < to_stamp(moment))
            _drop(list(conn.execute(old).scalars()))(conn)

        await self._database.write(work)

    async def take_staged(
        self, project: str, owner: UserId, files: Sequence[str], session: SessionId
    ) -> None:
        def work(conn: Connection) -> None:
            key = key_of(conn, session)
            mine = {row.id: row for row in _whole(conn, project, owner)}
            for name in files:
                if name not in mine:
                    raise FileNotFound(f"There is no file {name}.")
                _move(conn, mine[name], key)
            _drop(files)(conn)

        await self._database.write(work)


def _whole(conn: Connection, project: str, owner: UserId) -> Sequence[Row[Any]]:
    mine = (staged.c.project == project, staged.c.owner == owner, staged.c.size.is_not(None))
    return conn.execute(
        select(staged).where(*mine).order_by(staged.c.created_at, staged.c.id)
    ).all()


def _read(row: Row[Any]) -> Staged:
    return Staged(id=row.id, name=row.name, created_at=from_stamp(row.created_at), size=row.size)


def _begin(project: str, owner: UserId, file: Staged) -> Work[None]:
    """Its row comes first: what is cut off is found by it."""

    def work(conn: Connection) -> None:
        values = {"id": file.id, "project": project, "owner": owner, "name": file.name}
        made = to_stamp(file.created_at)
        conn.execute(insert(staged).values(**values, size=None, created_at=made))

    return work


def _put_piece(file: str, number: int, data: bytes) -> Work[None]:
    def work(conn: Connection) -> None:
        conn.execute(insert(staged_pieces).values(id=file, number=number, data=data))

    return work


def _finish(file: str, size: int) -> Work[None]:
    def work(conn: Connection) -> None:
        done = conn.execute(update(staged).where(staged.c.id == file).values(size=size))
        if not done.rowcount:
            raise Conflict("The file was removed while it came.")

    return work


def _drop(files: Sequence[str]) -> Work[None]:
    def work(conn: Connection) -> None:
        for table in (staged_pieces, staged):
            conn.execute(delete(table).where(table.c.id.in_(files)))

    return work


def _move(conn: Connection, row: Row[Any], session: int) -> None:
    """To the files that wait for a session; it is new, so nothing waits under that path."""
    values = {"key": row.id, "size": row.size, "changed_at": row.created_at}
    conn.execute(insert(uploads).values(session=session, path=row.name, **values))
    pieces = select(
        literal(session), staged_pieces.c.id, staged_pieces.c.number, staged_pieces.c.data
    ).where(staged_pieces.c.id == row.id)
    conn.execute(insert(upload_pieces).from_select(["session", "key", "number", "data"], pieces))
