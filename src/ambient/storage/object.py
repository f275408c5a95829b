"""ObjectStore in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ambient.core.errors import StaleWrite
from ambient.core.model import Kept
from ambient.storage.database import Database
from ambient.storage.schema import objects


class SqlObjectStore:
    """Small things that people keep."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_object(self, kind: str, scope: str, name: str) -> Kept | None:
        def work(conn: Connection) -> Kept | None:
            found = select(objects.c.doc, objects.c.rev).where(*_named(kind, scope, name))
            row = conn.execute(found).one_or_none()
            return None if row is None else Kept(name, row.doc, row.rev)

        return await self._database.glance(work)

    async def put_object(
        self, kind: str, scope: str, name: str, doc: bytes, *, rev: int | None = None
    ) -> Kept:
        mine = _named(kind, scope, name)

        def work(conn: Connection) -> Kept:
            present = conn.execute(select(objects.c.rev).where(*mine)).scalar_one_or_none() or 0
            if rev is not None and rev != present:
                raise StaleWrite
            values = {"doc": doc, "rev": present + 1}
            if present:
                conn.execute(update(objects).where(*mine).values(**values))
            else:
                conn.execute(insert(objects).values(kind=kind, scope=scope, name=name, **values))
            return Kept(name, doc, present + 1)

        return await self._database.write(work)

    async def delete_object(self, kind: str, scope: str, name: str) -> bool:
        gone = delete(objects).where(*_named(kind, scope, name))
        return await self._database.write(lambda conn: conn.execute(gone).rowcount > 0)

    async def list_objects(self, kind: str, scope: str) -> Sequence[Kept]:
        def work(conn: Connection) -> list[Kept]:
            mine = (objects.c.kind == kind, objects.c.scope == scope)
            found = select(objects.c.name, objects.c.doc, objects.c.rev).where(*mine)
            rows = conn.execute(found.order_by(objects.c.name))
            return [Kept(row.name, row.doc, row.rev) for row in rows]

        return await self._database.read(work)


def _named(kind: str, scope: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return objects.c.kind == kind, objects.c.scope == scope, objects.c.name == name
