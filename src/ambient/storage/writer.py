"""The one writer: what many ask for at the same time is committed in one transaction.

A unit of work is a function of a Connection, run as a whole in the writer's thread. One hop a
transaction, not one a statement: with aiosqlite, each statement of a small append waited for the
interpreter lock twice (docs/adr/0008-units-of-work.md has the numbers).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from ambient.core.errors import StorageUnavailable
from ambient.storage.errors import StorageBusy, translated

T = TypeVar("T")
Work = Callable[[Connection], T]

MAX_GROUP: Final = 64
"""Units committed together. Bounds how long the first of them waits for the last."""


class _Job(Generic[T]):
    """A unit of work and who waits for it."""

    __slots__ = ("done", "durable", "outcome", "work")

    def __init__(
        self,
        work: Work[T],
        done: Callable[[T], None] | None,
        outcome: "asyncio.Future[T]",
        *,
        durable: bool,
    ) -> None:
        self.work = work
        self.done = done
        self.outcome = outcome
        self.durable = durable


class Writer:
    """Runs units of work one after the other. Its state is touched on the event loop only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage-writer")
        self._waiting: deque[_Job[Any]] = deque()
        self._alone: deque[_Job[Any]] = deque()
        self._busy = False
        self._closed = False
        self._syncs = False

    async def write(
        self, work: Work[T], done: Callable[[T], None] | None = None, *, durable: bool = False
    ) -> T:
        """Run the work in a transaction and return what it returned, once that is committed.

        work may be run again when it, or another of its group, failed; nothing of the first time
        is left then. done: called on the event loop after the commit, in the order of commits,
        even if the caller has been cancelled meanwhile. durable: once it returns, the disk has it,
        and all that was committed before. Raises what the work raises.
        """
        if self._closed:
            raise StorageUnavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        job = _Job(work, done, outcome, durable=durable)
        self._waiting.append(job)
        if not self._busy:
            self._next(loop)
        return await outcome

    async def close(self) -> None:
        """Let what is being written be written, refuse the rest."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        for job in (*self._alone, *self._waiting):
            if not job.outcome.done():
                job.outcome.set_exception(StorageUnavailable("The database is closed."))
        self._connection.close()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        group = self._take()
        self._busy = bool(group)
        if not group:
            return
        committed = self._thread.submit(self._commit, group)
        committed.add_done_callback(
            lambda found: loop.call_soon_threadsafe(self._settle, loop, group, found)
        )

    def _take(self) -> list[_Job[Any]]:
        while self._alone:
            job = self._alone.popleft()
            if not job.outcome.cancelled():
                return [job]
        group: list[_Job[Any]] = []
        while self._waiting and len(group) < MAX_GROUP and not self._closed:
            job = self._waiting.popleft()
            if not job.outcome.cancelled():
                group.append(job)
        return group

    def _commit(self, group: Sequence[_Job[Any]]) -> list[Any]:
        with translated():
            self._sync(durable=any(job.durable for job in group))
            with self._connection.begin():
                return [job.work(self._connection) for job in group]

    def _sync(self, *, durable: bool) -> None:
        """Whether the next commits wait for the disk; can be changed between transactions only."""
        if durable != self._syncs:
            cursor = self._connection.connection.cursor()
            cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            cursor.close()
            self._syncs = durable

    def _settle(
        self,
        loop: asyncio.AbstractEventLoop,
        group: Sequence[_Job[Any]],
        committed: "Future[list[Any]]",
    ) -> None:
        error = committed.exception()
        if error is None:
            for job, value in zip(group, committed.result(), strict=True):
                _succeed(job, value)
        elif len(group) == 1 or isinstance(error, StorageBusy):
            for job in group:
                if not job.outcome.done():
                    job.outcome.set_exception(error)
        else:
            # One of them failed and took the others' transaction with it: each for itself now.
            self._alone.extend(group)
        self._next(loop)


def _succeed(job: _Job[Any], value: Any) -> None:
    if job.done is not None:
        job.done(value)
    if not job.outcome.done():
        job.outcome.set_result(value)
