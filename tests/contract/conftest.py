"""The implementations that each port's suite runs on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from ambient.core.memory import ManualClock
from ambient.storage import Database
from support.storage import Storage, memory_storage, stored_in


@asynccontextmanager
async def memory(_home: Path) -> AsyncIterator[Storage]:
    yield memory_storage()


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


@pytest.fixture(scope="session")
def storages() -> dict[str, Callable[[Path], AbstractAsyncContextManager[Storage]]]:
    return STORAGES
