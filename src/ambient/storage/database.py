"""The database that each store is handed: one writer, a few readers, migrations at the start.

Units of work are synchronous functions of a Connection. On SQLite they run in threads that belong
to this object; on PostgreSQL the same functions run through `AsyncConnection.run_sync`.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

from ambient.core.errors import StorageUnavailable
from ambient.storage.errors import translated
from ambient.storage.migrate import migrate
from ambient.storage.removal import finish_removals
from ambient.storage.tail import Tails
from ambient.storage.writer import Work, Writer

T = TypeVar("T")

READERS: Final = 4
BUSY_SECONDS: Final = 5.0

PRAGMAS: Final = (
    "journal_mode = WAL",
    # A commit survives the death of this process at once, and a loss of power after the next
    # checkpoint: the log may then end earlier than it did, never with a hole. The runner's journal
    # has those events and the relay resumes after the last one stored; what only the platform said
    # in the last seconds (a prompt queued, a phase) is gone. An fsync per commit would cost more
    # than the whole chain.
    "synchronous = NORMAL",
    "temp_store = MEMORY",
    "cache_size = -16000",
    "journal_size_limit = 67108864",
)


class Database:
    """Open with `open()`, close with `close()` or as a context manager."""

    def __init__(self, engine: Engine, writer: Writer, readers: "_Readers") -> None:
        self._engine = engine
        self._writer = writer
        self._readers = readers
        self.tails = Tails(self.reading)

    @classmethod
    async def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open it, make it if it is not there, bring its tables up to date.

        url: `sqlite:///…` with a path. busy_seconds: how long to wait for another process that
        writes. Raises StorageUnavailable.
        """
        engine, writing, reading = await asyncio.to_thread(_open, url, busy_seconds)
        made = cls(engine, Writer(writing), _Readers(reading))
        await finish_removals(made.write)
        return made

    async def write(self, work: Work[T], done: Callable[[T], None] | None = None) -> T:
        """Run a unit of work in a transaction that holds the write lock (Writer.write)."""
        return await self._writer.write(work, done)

    async def read(self, work: Work[T]) -> T:
        """Run a unit of work that only reads; each statement sees what is committed by then."""
        return await self._readers.submit(work)

    def reading(self, work: Work[T]) -> "asyncio.Future[T]":
        """The same for a caller that cannot wait."""
        return self._readers.submit(work)

    async def close(self) -> None:
        """Finish what is being written, then let go of the file."""
        self.tails.close()
        await self._writer.close()
        await self._readers.close()
        await asyncio.to_thread(self._engine.dispose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()


class _Readers:
    """Threads with a connection each."""

    def __init__(self, connections: list[Connection]) -> None:
        self._threads = ThreadPoolExecutor(len(connections), thread_name_prefix="storage-reader")
        self._free: SimpleQueue[Connection] = SimpleQueue()
        self._closed = False
        for connection in connections:
            self._free.put(connection)

    def submit(self, work: Work[T]) -> "asyncio.Future[T]":
        if self._closed:
            raise StorageUnavailable("The database is closed.")
        return asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        while not self._free.empty():
            self._free.get().close()

    def _run(self, work: Work[T]) -> T:
        connection = self._free.get()
        try:
            with translated():
                return work(connection)
        finally:
            connection.rollback()
            self._free.put(connection)


def _open(url: str, busy_seconds: float) -> tuple[Engine, Connection, list[Connection]]:
    with translated(), ExitStack() as opened:
        target = make_url(url).set(drivername="sqlite")
        _make_file(target)
        engine = _engine(target, busy_seconds)
        opened.callback(engine.dispose)
        writing = opened.enter_context(engine.connect())
        migrate(writing)
        reading = [_reader(opened.enter_context(engine.connect())) for _ in range(READERS)]
        opened.pop_all()  # nothing failed: they stay open
        return engine, writing, reading


def _reader(connection: Connection) -> Connection:
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql("PRAGMA query_only = ON")
    connection.rollback()
    return connection


def _make_file(url: URL) -> None:
    """Only the user who runs the server may read it: it holds tokens and keys. SQLite gives the
    files beside it the same rights."""
    if not url.database or url.database == ":memory:":
        raise StorageUnavailable(
            "A database in memory cannot be shared by its connections.",
            hint="Give a path, or use --ephemeral.",
        )
    path = Path(url.database)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def _engine(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(
        url,
        pool_size=READERS + 1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": busy_seconds},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    # The driver shall not begin transactions by itself: ours begin in `_begin`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Take the write lock before the first look, so that what was seen is still so at the write."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
