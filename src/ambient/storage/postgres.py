"""PostgreSQL: threads with a connection each, a transaction for each unit of work.

Called by database.py. A connection that was lost is replaced when it is needed next; a unit of work
is run again where that cannot do harm: nothing of it was committed, for certain.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors as pg
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ambient.core.errors import AmbientError, Invalid, StaleWrite, StorageUnavailable
from ambient.storage.errors import translated
from ambient.storage.migrate import migrate
from ambient.storage.writer import Work

T = TypeVar("T")

OLDEST: Final = 14
WRITERS: Final = 6
READERS: Final = 6
TRIES: Final = 4
"""Attempts at one unit of work when others are in between."""
LOCK: Final = 0x616D6269656E7401
"""Who makes or changes tables holds it, so that copies that start together take turns."""

# A host that is gone shall be noticed in seconds; the keys are libpq's.
CONNECT: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "target_session_attrs": "read-write",
    "application_name": "ambient",
    "options": "-c lock_timeout=10s -c statement_timeout=60s"
    " -c idle_in_transaction_session_timeout=60s",
}
AGAIN: Final = (pg.DeadlockDetected, pg.SerializationFailure, pg.UniqueViolation)
"""Somebody else was in between: at the second look all is clear."""

WAIT: Final = "It is tried again by itself. If this stays: is PostgreSQL up, is the URL right?"
CAUSES: Final[tuple[tuple[tuple[type[Exception], ...], str, str], ...]] = (
    (
        (pg.DiskFull,),
        "The disk of the PostgreSQL server is full, so nothing was written.",
        "Free some space there, then try again.",
    ),
    (
        (pg.InsufficientPrivilege,),
        "PostgreSQL refuses: {said}.",
        "Make the server's user the owner of its database.",
    ),
    ((pg.LockNotAvailable, pg.QueryCanceled), "The database is busy.", WAIT),
    (
        (psycopg.OperationalError, psycopg.InterfaceError),
        "The PostgreSQL server does not answer. It says: {said}.",
        WAIT,
    ),
)
"""The driver's error → a sentence and the next step."""


class Slot:
    """One connection, opened when it is needed."""

    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        self._engine = engine
        self._options = options
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """The connection. Raises the driver's error when there can be none."""
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**self._options)
        return self._connection

    @property
    def broken(self) -> bool:
        """Whether there is no connection that works, as far as the driver knows."""
        found = self._connection
        if found is None or found.invalidated:
            return True
        return bool(found.connection.dbapi_connection.closed)  # type: ignore[union-attr]

    def settle(self) -> None:
        """After an error: make it usable again, or drop it."""
        if self._connection is None:
            return
        if not self.broken:
            with suppress(DBAPIError, psycopg.Error):
                self._connection.rollback()
        if self.broken:
            self.drop()

    def drop(self) -> None:
        """Close it."""
        found, self._connection = self._connection, None
        if found is not None:
            with suppress(DBAPIError, psycopg.Error):
                found.invalidate()
            with suppress(DBAPIError, psycopg.Error):
                found.close()


class _Threads:
    """Threads that share as many slots."""

    def __init__(self, engine: Engine, size: int, name: str, **options: Any) -> None:
        self.pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._free: SimpleQueue[Slot] = SimpleQueue()
        self._closed = False
        for _ in range(size):
            self._free.put(Slot(engine, options))

    def check(self) -> None:
        """Raises StorageUnavailable when they were closed."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """One for the calling thread."""
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)

    async def close(self) -> None:
        """Finish what is being done."""
        self._closed = True
        await asyncio.to_thread(self.pool.shutdown)
        while not self._free.empty():
            self._free.get().drop()


class Crew:
    """Database's readers."""

    def __init__(self, engine: Engine, size: int = READERS) -> None:
        self._threads = _Threads(engine, size, "storage-reader", isolation_level="AUTOCOMMIT")

    def submit(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run it in one of the threads; once more when its connection turned out to be lost."""
        self._threads.check()
        return asyncio.get_running_loop().run_in_executor(self._threads.pool, self._run, work)

    async def glance(self, work: Work[T]) -> T:
        """The same: a row takes a way over the network, and nobody waits for it on the loop."""
        return await self.submit(work)

    async def close(self) -> None:
        """Finish what is being read."""
        await self._threads.close()

    def _run(self, work: Work[T]) -> T:
        with self._threads.slot() as slot, ours():
            had_one = not slot.broken
            try:
                return _read(slot, work)
            except (psycopg.Error, DBAPIError):
                if not (had_one and slot.broken):
                    raise
            return _read(slot, work)


class Transactions:
    """Database's writers. Units of different callers run beside each other."""

    def __init__(self, engine: Engine, size: int = WRITERS) -> None:
        self._threads = _Threads(engine, size, "storage-writer")

    async def write(
        self,
        work: Work[T],
        done: Callable[[T], None] | None = None,
        *,
        durable: bool = False,  # every commit is, unless the server is told otherwise
    ) -> T:
        """Run the work in a transaction and return what it returned, once that is committed.

        It is run again when others were in between, and when the connection was lost before the
        commit. done: called on the event loop after the commit, even if the caller has been
        cancelled meanwhile. Raises what the work raises; StorageUnavailable also when nobody can
        say whether the commit took place.
        """
        self._threads.check()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def settle(found: "Future[T]") -> None:
            error = found.exception()
            if error is None and done is not None:
                done(found.result())
            if outcome.done():
                return
            if error is None:
                outcome.set_result(found.result())
            else:
                outcome.set_exception(error)

        running = self._threads.pool.submit(self._run, work)
        running.add_done_callback(lambda found: loop.call_soon_threadsafe(settle, found))
        return await outcome

    async def close(self) -> None:
        """Let what is being written be written, refuse the rest."""
        await self._threads.close()

    def _run(self, work: Work[T]) -> T:
        with self._threads.slot() as slot, ours():
            for tries in range(1, TRIES + 1):
                had_one = not slot.broken
                attempt = Attempt(slot)
                try:
                    return attempt.run(work)
                except (psycopg.Error, DBAPIError) as exc:
                    lost = had_one and slot.broken and not attempt.committing
                    again = isinstance(_cause(exc), AGAIN) or lost
                    if not again or tries == TRIES:
                        raise
            raise StaleWrite


class Attempt:
    """One try at a unit of work. committing: from here on it may have been committed."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.committing = False

    def run(self, work: Work[T]) -> T:
        """Run and commit it; leave a usable connection, or none, whatever happens."""
        whole = False
        try:
            connection = self._slot.connection()
            transaction = connection.begin()
            found = work(connection)
            self.committing = True
            transaction.commit()
            whole = True
            return found
        finally:
            if not whole:
                self._slot.settle()


def open_postgres(url: URL) -> Engine:
    """The engine, once the tables are up to date. Raises StorageUnavailable."""
    with ours():
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            connect_args={key: value for key, value in CONNECT.items() if key not in url.query},
        )
        with engine.connect() as connection:
            _check(connection)
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            connection.commit()
            migrate(connection)
            indexed = _search_index(connection)
        return engine.execution_options(trigrams=indexed)


@contextmanager
def ours() -> Iterator[None]:
    """Raise core errors for the database's own."""
    try:
        with translated():
            try:
                yield
            except (psycopg.Error, DBAPIError) as exc:
                raise _translate(_cause(exc)) from exc
    except psycopg.Error as exc:
        raise _translate(exc) from exc


def _translate(exc: BaseException) -> AmbientError:
    said = str(exc).strip().partition("\n")[0] or type(exc).__name__
    if isinstance(exc, pg.IntegrityError | pg.DeadlockDetected | pg.SerializationFailure):
        return StaleWrite()
    if isinstance(exc, psycopg.DataError) and "NUL" in said:
        return Invalid("The text has a NUL character, which cannot be stored.")
    for theirs, sentence, step in CAUSES:
        if isinstance(exc, theirs):
            return StorageUnavailable(sentence.format(said=said), hint=step, retryAfter=2)
    return StorageUnavailable(f"The database does not work: {said}.")


def _cause(exc: psycopg.Error | DBAPIError) -> BaseException:
    """The driver's own error, without the statement that SQLAlchemy quotes."""
    if isinstance(exc, DBAPIError):
        return exc.orig if exc.orig is not None else exc
    return exc


def _read(slot: Slot, work: Work[T]) -> T:
    whole = False
    try:
        connection = slot.connection()
        found = work(connection)
        connection.rollback()
        whole = True
        return found
    finally:
        if not whole:
            slot.settle()


def _check(connection: Connection) -> None:
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < OLDEST * 10_000:
        raise StorageUnavailable(
            f"PostgreSQL {version // 10_000} is too old.", hint=f"Use {OLDEST} or newer."
        )
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StorageUnavailable(
            f"The database is kept in {encoding}.", hint="Make it with ENCODING 'UTF8'."
        )
    connection.rollback()


def _search_index(connection: Connection) -> bool:
    """Whether a search has an index; made here, because the extension may come later than the
    tables. Without it a search reads the project's texts."""
    known = connection.execute(text("SELECT to_regclass('search_index') IS NOT NULL")).scalar_one()
    offered = connection.execute(
        text("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'")
    ).scalar_one()
    connection.rollback()
    if known or not offered:
        return bool(known)
    try:
        with connection.begin():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            connection.execute(
                text("CREATE INDEX search_index ON search_texts USING gin (text gin_trgm_ops)")
            )
    except DBAPIError as exc:
        if not isinstance(exc.orig, pg.InsufficientPrivilege):
            raise
        return False
    return True
