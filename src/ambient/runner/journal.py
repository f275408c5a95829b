"""The journal: every event of this process, numbered and on disk before anyone sees it (events.md).

`runs` appends, `/events` and run streams follow. Events that come in one turn of the loop are
written with one call. Readers read from a window in memory, and from the file when they are
further behind, so a slow one costs nothing but its own time.
"""

import asyncio
import logging
import os
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Final

from ambient.contract.events import KEEP_ALIVE, KEEP_ALIVE_SECONDS, JournalId, frames
from ambient.contract.names import JOURNAL_DIR
from ambient.runner.clock import Clock, NewId
from ambient.runner.errors import StorageUnavailable, UnknownJournal
from ambient.runner.lines import Lines, OldJournal

BATCH_EVENTS: Final = 512
BATCH_BYTES: Final = 256 << 10
WINDOW_BYTES: Final = 1 << 20
RESERVE_BYTES: Final = 512 << 10
"""Kept free on disk, so that a run on a full one can still say why it ended."""
MOST_WAITING_BYTES: Final = 1 << 20
"""What is kept in memory while the disk takes nothing."""
SYNC_EVERY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)
Write = Callable[[int, bytes], int]


class _Batch:
    """Events written together; framed once, for all readers."""

    __slots__ = ("_framed", "events", "first", "size")

    def __init__(self, first: int, events: list[bytes], size: int) -> None:
        self.first = first
        self.events = events
        self.size = size
        self._framed: bytes | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1

    def framed(self, after: int, until: int) -> bytes:
        """The frames of its events with after < number <= until."""
        if after < self.first and until >= self.last:
            if self._framed is None:
                self._framed = frames(self.first, self.events)
            return self._framed
        start = max(after + 1, self.first)
        return frames(start, self.events[start - self.first : until - self.first + 1])


def _last_of(batch: _Batch) -> int:
    return batch.last


class Journal:
    """The current journal, and the earlier ones that wait to be acknowledged.

    append: buffers; visible to readers after the next flush, which comes by itself.
    failure: why events cannot be written at the moment; append then raises StorageUnavailable.
    """

    def __init__(
        self, state_dir: Path, *, clock: Clock, new_id: NewId, write: Write = os.write
    ) -> None:
        self._folder = state_dir / JOURNAL_DIR
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reserve = state_dir / "journal.reserve"
        self._clock = clock
        self._write = write
        self.id = JournalId(new_id())
        self._old = {one.id: one for one in self._find_old()}
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._folder / f"{self.id}.jsonl", flags, 0o600)
        self._lines = Lines(self._fd)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._window: deque[_Batch] = deque()
        self._window_bytes = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._dirty = False
        self._written_to = asyncio.Event()
        self._finished = False
        self.failure: str | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._hold_reserve()

    @property
    def last(self) -> int:
        """The number of the last event that readers can see."""
        return self._lines.total

    @property
    def next(self) -> int:
        """The number that the next event gets."""
        return self._lines.total + len(self._pending) + 1

    @property
    def full(self) -> bool:
        """Whether the writer should give readers a turn."""
        return len(self._pending) >= BATCH_EVENTS or self._pending_bytes >= BATCH_BYTES

    def ids(self) -> list[str]:
        """All journals that are served, the current one last."""
        return [*self._old, self.id]

    def append(self, data: bytes) -> None:
        """Number and buffer an encoded event. Raises StorageUnavailable; it then has no number.

        While the disk is full there is still room for the few events that end a run.
        """
        if self.failure is not None and self._pending_bytes + len(data) > MOST_WAITING_BYTES:
            raise StorageUnavailable(self.failure)
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(data)
        self._pending_bytes += len(data) + 1

    def flush(self) -> None:
        """Write what is buffered and wake the readers; what cannot be written waits, unseen."""
        events = self._pending
        block = b"\n".join(events) + b"\n"
        if not events or not self._written(block):
            return
        size = self._pending_bytes
        self._pending, self._pending_bytes = [], 0
        batch = _Batch(self._lines.total + 1, events, size)
        self._lines.grew(len(events), len(block))
        self._dirty = True
        self._written_to.set()
        self._window.append(batch)
        self._window_bytes += size
        while self._window_bytes > WINDOW_BYTES and len(self._window) > 1:
            self._window_bytes -= self._window.popleft().size
        self._wake()

    async def sync(self) -> None:
        """Return when all that was appended is on the disk, as far as the disk tells the truth."""
        self.flush()
        if self._dirty:
            self._dirty = False
            await asyncio.to_thread(os.fsync, self._fd)

    async def keep_synced(self) -> None:
        """Sync once a second while there are events, or try again to write them; for ever."""
        while True:
            await self._written_to.wait()
            await self._clock.sleep(SYNC_EVERY_SECONDS)
            self.recover()
            if self.failure is None:
                self._written_to.clear()
            try:
                await self.sync()
            except OSError as exc:
                self._fail(exc)

    async def follow(
        self, after: int, until: Callable[[], int | None] = lambda: None
    ) -> AsyncGenerator[bytes, None]:
        """SSE frames of the events after `after`; ends with the event numbered `until()`, if any.

        Comments keep a silent stream alive. A piece is always a whole number of frames.
        """
        while (end := until()) is None or after < end:
            piece, after = await self._piece(after, end)
            if piece:
                yield piece
            elif self._finished:
                return
            elif not await self._changed():
                yield KEEP_ALIVE

    async def follow_old(self, journal: str, after: int) -> AsyncGenerator[bytes, None]:
        """The same of an earlier journal, which grows no more: it stays open and silent."""
        old = self._old[journal]
        lines = await asyncio.to_thread(old.lines)
        while found := await asyncio.to_thread(lines.read, after):
            yield frames(after + 1, found)
            after += len(found)
        while not self._finished:
            if not await self._changed():
                yield KEEP_ALIVE

    def frames_of(self, journal: str | None, after: int) -> AsyncGenerator[bytes, None]:
        """Follow the journal of that id; None: the current one. Raises UnknownJournal."""
        if journal is None or journal == self.id:
            return self.follow(min(after, self.last))
        self._known(journal)
        return self.follow_old(journal, after)

    async def last_of(self, journal: str | None) -> int:
        """The number of a journal's newest event. Raises UnknownJournal."""
        if journal is None or journal == self.id:
            self.flush()
            return self.last
        return (await asyncio.to_thread(self._known(journal).lines)).total

    async def acknowledge(self, journal: str, through: int) -> None:
        """The caller has everything up to `through`. Raises UnknownJournal.

        An earlier journal that is acknowledged to its end is removed.
        """
        if journal == self.id:
            return
        old = self._known(journal)
        lines = await asyncio.to_thread(old.lines)
        if through >= lines.total:
            del self._old[journal]
            await asyncio.to_thread(old.forget)

    def finish(self) -> None:
        """Let each reader's stream end once it has everything."""
        self._finished = True
        self.wake()

    def close(self) -> None:
        """Write and sync all, and give the reserve back."""
        self.flush()
        os.fsync(self._fd)
        os.close(self._fd)
        self._reserve.unlink(missing_ok=True)
        if not self.last:
            (self._folder / f"{self.id}.jsonl").unlink(missing_ok=True)

    def recover(self) -> None:
        """Try whether the disk takes events again, those that wait and as many as the reserve."""
        if self.failure is None or not self._hold_reserve():
            return
        self.failure = None
        self.flush()
        if self.failure is None:
            log.info("the journal can be written again")

    def _known(self, journal: str) -> OldJournal:
        if journal not in self._old:
            raise UnknownJournal(
                "This runner does not serve that journal.", details={"current": self.id}
            )
        return self._old[journal]

    def _find_old(self) -> Iterator[OldJournal]:
        found = sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        return (OldJournal(path) for path in found)

    async def _piece(self, after: int, end: int | None) -> tuple[bytes, int]:
        """The next frames after `after`, and the number of the last of them."""
        limit = self.last if end is None else min(end, self.last)
        if after >= limit:
            return b"", after
        if self._window and self._window[0].first <= after + 1:
            batch = self._window[bisect_right(self._window, after, key=_last_of)]
            return batch.framed(after, limit), min(batch.last, limit)
        found = await asyncio.to_thread(self._lines.read, after)
        found = found[: limit - after]
        return frames(after + 1, found), after + len(found)

    async def _changed(self) -> bool:
        """Wait for news; False: none came for the keep-alive time."""
        woken = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                await woken
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(woken)
        return True

    def wake(self) -> None:
        """Have followers ask again where they end."""
        self.flush()
        self._wake()

    def _wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)
        self._waiting = set()

    def _written(self, block: bytes) -> bool:
        """Write it all or nothing; on a full disk once more, into the reserve."""
        for _ in range(2):
            try:
                self._write_whole(block)
            except OSError as exc:
                os.ftruncate(self._fd, self._lines.size)
                self._fail(exc)
            else:
                return True
        return False

    def _write_whole(self, block: bytes) -> None:
        done = self._write(self._fd, block)
        while done < len(block):
            done += self._write(self._fd, block[done:])

    def _fail(self, exc: OSError) -> None:
        """Note why, and free the reserve for the events that end the run."""
        self._reserve.unlink(missing_ok=True)
        if self.failure is None:
            self.failure = f"the journal cannot be written: {exc.strerror or exc}"
            log.error("%s", self.failure)
            self._written_to.set()
            asyncio.get_running_loop().call_soon(self.on_failure)

    def _hold_reserve(self) -> bool:
        try:
            fd = os.open(self._reserve, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            self.failure = f"the journal cannot be written: {exc.strerror}"
            return False
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        except OSError as exc:
            self.failure = f"the journal cannot be written: {exc.strerror}"
            return False
        finally:
            os.close(fd)
        return True
