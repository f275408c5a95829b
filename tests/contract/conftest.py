"""The implementations that each port's suite runs on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from ambient.core.memory import (
    ManualClock,
    MemoryDatabase,
    MemoryEventLog,
    MemoryKeyStore,
    MemorySessionStore,
    MemoryTokenStore,
)
from ambient.storage import Database
from support.storage import COUNT_CAP, Storage, stored_in


@asynccontextmanager
async def memory(_home: Path) -> AsyncIterator[Storage]:
    database, clock = MemoryDatabase(), ManualClock()
    yield Storage(
        sessions=MemorySessionStore(database, count_cap=COUNT_CAP),
        log=MemoryEventLog(database, clock),
        tokens=MemoryTokenStore(database),
        keys=MemoryKeyStore(database),
        clock=clock,
    )


@asynccontextmanager
async def sqlite(home: Path) -> AsyncIterator[Storage]:
    async with await Database.open(f"sqlite:///{home}/ambient.db") as database:
        yield stored_in(database, ManualClock())


STORAGES: dict[str, Callable[[Path], AbstractAsyncContextManager[Storage]]] = {
    "memory": memory,
    "sqlite": sqlite,
}


@pytest.fixture(params=STORAGES)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    async with STORAGES[request.param](tmp_path) as made:
        yield made
