"""Token records and the server's own keys, in memory."""

from dataclasses import replace

from ambient.contract.tokens import TokenRecord
from ambient.core.errors import StaleWrite
from ambient.core.memory.database import MemoryDatabase
from ambient.core.model import SessionId


class MemoryTokenStore:
    """TokenStore in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def get_token(self, session: SessionId) -> TokenRecord | None:
        found = self._database.records.get(session)
        return found.token if found else None

    async def put_token(self, session: SessionId, record: TokenRecord) -> TokenRecord:
        found = self._database.record(session)
        if record.version != (found.token.version if found.token else 0):
            raise StaleWrite
        found.token = replace(record, version=record.version + 1)
        return found.token


class MemoryKeyStore:
    """KeyStore in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def get_key(self, name: str) -> bytes | None:
        return self._database.keys.get(name)

    async def put_key(self, name: str, value: bytes) -> None:
        self._database.keys[name] = value

    async def claim_key(self, name: str, value: bytes) -> bytes:
        return self._database.keys.setdefault(name, value)
