"""The implementations that each port's suite runs on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from ambient.core.memory import ManualClock
from ambient.storage import Database
from support.kube_storage import on_a_cluster
from support.postgres import Postgres
from support.storage import Storage, memory_storage, stored_in


@asynccontextmanager
async def memory(_home: Path) -> AsyncIterator[Storage]:
    yield memory_storage()


@asynccontextmanager
async def sqlite(home: Path) -> AsyncIterator[Storage]:
    async with await Database.open(f"sqlite:///{home}/ambient.db") as database:
        yield stored_in(database, ManualClock())


@asynccontextmanager
async def on_postgres(server: Postgres) -> AsyncIterator[Storage]:
    async with await Database.open(server.cleaned()) as database:
        yield stored_in(database, ManualClock())


Open = Callable[[Path], AbstractAsyncContextManager[Storage]]
STORAGES = ("memory", "sqlite", "postgres")
ON_A_CLUSTER = frozenset({"test_session_store", "test_secret_stores", "test_feed"})


@pytest.fixture(scope="session")
def storages(request: pytest.FixtureRequest) -> dict[str, Open]:
    def postgres(_home: Path) -> AbstractAsyncContextManager[Storage]:
        return on_postgres(request.getfixturevalue("postgres"))

    def kube(_home: Path) -> AbstractAsyncContextManager[Storage]:
        return on_a_cluster(request.getfixturevalue("postgres").cleaned())

    return {"memory": memory, "sqlite": sqlite, "postgres": postgres, "kube": kube}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On a cluster, log, queue, uploads, objects and leases are rows in PostgreSQL as anywhere:
    their suites run there as [postgres]. What a cluster keeps itself runs as [kube] too."""
    if "storage" in metafunc.fixturenames:
        kube = [pytest.param("kube", marks=pytest.mark.cluster)]
        own = metafunc.module.__name__.rpartition(".")[2] in ON_A_CLUSTER
        metafunc.parametrize("storage", [*STORAGES, *(kube if own else ())], indirect=True)


@pytest.fixture
async def storage(
    request: pytest.FixtureRequest, storages: dict[str, Open], tmp_path: Path
) -> AsyncIterator[Storage]:
    async with storages[request.param](tmp_path) as made:
        yield made
