"""The database that each store is handed: units of work in threads, migrations at the start.

A unit of work is a synchronous function of a Connection (docs/adr/0008-units-of-work.md), the same
on SQLite (sqlite.py, writer.py) and on PostgreSQL (postgres.py, notices.py).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol, Self, TypeVar

from sqlalchemy.engine import URL, make_url

from ambient.core.errors import StorageUnavailable
from ambient.core.model import SessionId
from ambient.storage.errors import translated
from ambient.storage.feed import Feed
from ambient.storage.removal import finish_removals
from ambient.storage.sqlite import open_sqlite
from ambient.storage.tail import Tails
from ambient.storage.telling import Heard, Nobody, Telling
from ambient.storage.writer import Work, Writer

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
POSTGRES: Final = frozenset({"postgresql", "postgres"})


class Writing(Protocol):
    """Who runs units of work that write."""

    async def write(
        self, work: Work[T], done: Callable[[T], None] | None = None, *, durable: bool = False
    ) -> T:
        """Writer.write."""

    async def close(self) -> None:
        """Let what is being written be written, refuse the rest."""


class Reading(Protocol):
    """Who runs units of work that only read."""

    def submit(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run it soon. Raises StorageUnavailable."""

    async def glance(self, work: Work[T]) -> T:
        """Run it soon, in the way that is quickest for a row or two."""

    async def close(self) -> None:
        """Finish what is being read."""


class Database:
    """Open with `open()`, close with `close()` or as a context manager."""

    def __init__(self, writing: Writing, reading: Reading, dispose: Callable[[], None]) -> None:
        self._writing = writing
        self._reading = reading
        self._dispose = dispose
        self._telling: Telling = Nobody()
        self.tails = Tails(self.reading)
        self.feed = Feed(self.reading)

    @classmethod
    async def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open it, make it if it is not there, bring its tables up to date.

        url: `sqlite:///…` with a path, or `postgresql://…`. busy_seconds: how long to wait for
        another process that writes. Raises StorageUnavailable.
        """
        with translated():
            target = make_url(url)
        if target.drivername.partition("+")[0] in POSTGRES:
            made = await cls._open_postgres(target)
        else:
            engine, writing, reading = await asyncio.to_thread(open_sqlite, target, busy_seconds)
            made = cls(Writer(writing), reading, engine.dispose)
        await finish_removals(made.write)
        return made

    async def write(
        self, work: Work[T], done: Callable[[T], None] | None = None, *, durable: bool = False
    ) -> T:
        """Run a unit of work in a transaction of its own (Writer.write).

        On SQLite it holds the write lock; on PostgreSQL it holds what it locks, and may be run
        again when somebody else was in between. durable: what it wrote survives a loss of power
        from now on; for what nobody but us knows, such as a prompt that was accepted.
        """
        return await self._writing.write(work, done, durable=durable)

    async def read(self, work: Work[T]) -> T:
        """Run a unit of work that only reads; each statement sees what is committed by then."""
        return await self._reading.submit(work)

    async def glance(self, work: Work[T]) -> T:
        """The same for a row or two that are found by their key: on SQLite without a thread, whose
        hand-over takes ten times as long as the look itself."""
        return await self._reading.glance(work)

    def reading(self, work: Work[T]) -> "asyncio.Future[T]":
        """The same for a caller that cannot wait."""
        return self._reading.submit(work)

    def appended(self, session: SessionId, first: int, events: Sequence[bytes]) -> None:
        """These events were committed: wake who reads them, here and elsewhere."""
        if events:
            self.tails.pushed(session, first, events)
            self._telling.appended(session, first + len(events) - 1)

    def changed(self, session: SessionId) -> None:
        """Something else of the session was committed: others shall look at it."""
        self._telling.changed(session)

    def listed(self, change: int) -> None:
        """This change of a row in lists was committed; 0: there was none."""
        if change:
            self.feed.learn(change)
            self._telling.listed(change)

    def gone(self, session: SessionId) -> None:
        """It was removed."""
        self.tails.removed(session)
        self._telling.gone(session)

    def listen(self, heard: Heard) -> None:
        """Have this called, on the event loop, when another process has changed something. What
        is lost on the way is not told again: look at everything now and then."""
        self._telling.listen(heard)

    async def close(self) -> None:
        """Finish what is being written, then let go."""
        self.tails.close()
        self.feed.close()
        await self._telling.close()
        await self._writing.close()
        await self._reading.close()
        await asyncio.to_thread(self._dispose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @classmethod
    async def _open_postgres(cls, url: URL) -> Self:
        try:
            # Imported by who needs it: the driver would double the time of a start without it.
            from ambient.storage.notices import Notices  # noqa: PLC0415
            from ambient.storage.postgres import Crew, Transactions, open_postgres  # noqa: PLC0415
        except ImportError as exc:
            raise StorageUnavailable(
                "The PostgreSQL driver is not installed.",
                hint="Install it: pip install 'ambient[server]'",
            ) from exc
        engine = await asyncio.to_thread(open_postgres, url)
        made = cls(Transactions(engine), Crew(engine), engine.dispose)
        made._telling = Notices(engine, made.tails, made.feed)
        return made
