"""SQLite: one file, one writer, a few readers. Called by database.py."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from ambient.core.errors import StorageUnavailable
from ambient.storage.errors import translated
from ambient.storage.migrate import migrate
from ambient.storage.writer import Work

T = TypeVar("T")

READERS: Final = 4

PRAGMAS: Final = (
    "journal_mode = WAL",
    # A commit survives the death of this process at once, and a loss of power after the next
    # checkpoint: the log may then end earlier than it did, never with a hole. The runner's journal
    # has those events and the relay resumes after the last one stored; what only the platform said
    # in the last seconds (a phase) is gone. An fsync per commit would cost more than the whole
    # chain; a prompt that was accepted and a session that was made get one (Writer.write, durable).
    "synchronous = NORMAL",
    "temp_store = MEMORY",
    "cache_size = -16000",
    "journal_size_limit = 67108864",
)


class Readers:
    """Threads with a connection each. here: one for glances, used on the event loop alone."""

    def __init__(self, connections: list[Connection], here: Connection) -> None:
        self._here = here
        self._threads = ThreadPoolExecutor(len(connections), thread_name_prefix="storage-reader")
        self._free: SimpleQueue[Connection] = SimpleQueue()
        self._closed = False
        for connection in connections:
            self._free.put(connection)

    def submit(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run it in one of them."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")
        return asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def glance(self, work: Work[T]) -> T:
        """Run it at once, on the event loop: a reader waits for nobody in WAL mode."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")
        try:
            with translated():
                return work(self._here)
        finally:
            self._here.rollback()

    async def close(self) -> None:
        """Finish what is being read."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._here.close()
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


def open_sqlite(url: URL, busy_seconds: float) -> tuple[Engine, Connection, Readers]:
    """The engine, the connection that writes, and who reads. Raises StorageUnavailable."""
    with translated(), ExitStack() as opened:
        target = url.set(drivername="sqlite")
        _make_file(target)
        engine = _engine(target, busy_seconds)
        opened.callback(engine.dispose)
        writing = opened.enter_context(engine.connect())
        migrate(writing)
        here, *others = [
            _reader(opened.enter_context(engine.connect())) for _ in range(READERS + 1)
        ]
        opened.pop_all()  # nothing failed: they stay open
        return engine, writing, Readers(others, here)


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
        pool_size=READERS + 2,
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
