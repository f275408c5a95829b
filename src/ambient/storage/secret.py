"""Token records and the server's own keys. The file that holds them is its owner's alone."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ambient.contract.tokens import TokenRecord
from ambient.core.errors import StaleWrite
from ambient.core.model import SessionId
from ambient.storage.codec import TOKEN, encode
from ambient.storage.database import Database
from ambient.storage.key import key_of
from ambient.storage.schema import keys, sessions, token_records


class SqlTokenStore:
    """TokenStore in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_token(self, session: SessionId) -> TokenRecord | None:
        def work(conn: Connection) -> bytes | None:
            project, _, name = session.partition("/")
            joined = token_records.join(sessions, sessions.c.key == token_records.c.session)
            named = (sessions.c.project == project, sessions.c.name == name)
            found = select(token_records.c.doc).select_from(joined).where(*named)
            return conn.execute(found).scalar_one_or_none()

        doc = await self._database.glance(work)
        return None if doc is None else TOKEN.validate_json(doc)

    async def put_token(self, session: SessionId, record: TokenRecord) -> TokenRecord:
        new = replace(record, version=record.version + 1)
        doc = encode(TOKEN, new)

        def work(conn: Connection) -> None:
            key = key_of(conn, session)
            mine = token_records.c.session == key
            known = conn.execute(select(token_records.c.version).where(mine)).scalar_one_or_none()
            if (known or 0) != record.version:
                raise StaleWrite
            values: dict[str, Any] = {"version": new.version, "doc": doc}
            if known is None:
                conn.execute(insert(token_records).values(session=key, **values))
                return
            as_read = (mine, token_records.c.version == record.version)
            if not conn.execute(update(token_records).where(*as_read).values(**values)).rowcount:
                raise StaleWrite

        await self._database.write(work)
        return new


class SqlKeyStore:
    """KeyStore in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_key(self, name: str) -> bytes | None:
        found = select(keys.c.value).where(keys.c.name == name)
        return await self._database.glance(lambda conn: conn.execute(found).scalar_one_or_none())

    async def put_key(self, name: str, value: bytes) -> None:
        def work(conn: Connection) -> None:
            done = conn.execute(update(keys).where(keys.c.name == name).values(value=value))
            if done.rowcount == 0:
                conn.execute(insert(keys).values(name=name, value=value))

        await self._database.write(work, durable=True)

    async def claim_key(self, name: str, value: bytes) -> bytes:
        found = select(keys.c.value).where(keys.c.name == name)

        def work(conn: Connection) -> bytes:
            with suppress(IntegrityError), conn.begin_nested():
                conn.execute(insert(keys).values(name=name, value=value))
            return bytes(conn.execute(found).scalar_one())

        return await self._database.write(work, durable=True)
