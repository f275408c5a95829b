"""A session's log and queue, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ambient.contract.events import Event, JournalId
from ambient.core.errors import (
    BlobNotFound,
    JournalGap,
    NotQueued,
    QueueFull,
    RunNotFound,
    SessionNotFound,
)
from ambient.core.memory.database import MemoryDatabase, Record
from ambient.core.model import (
    MAX_QUEUE,
    Enqueued,
    Head,
    Prompt,
    Run,
    RunId,
    RunStatus,
    SessionId,
    Stored,
)
from ambient.core.ports import Clock
from ambient.core.projection import (
    changed,
    edited,
    encode,
    handed,
    looks_different,
    project,
    quarter_of,
    reordered,
    run_cancelled,
    run_queued,
)


class MemoryEventLog:
    """EventLog in memory. Nothing awaits between a look and its write, so each call is one."""

    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        record = self._database.record(session)
        last = record.journals.get(journal, 0)
        if first > last + 1:
            raise JournalGap(last=last)
        fresh = events[last + 1 - first :]
        if fresh:
            self._store(record, fresh)
            record.journals[journal] = last + len(fresh)
        return record.head

    async def say(self, session: SessionId, events: Sequence[Event]) -> Head:
        record = self._database.record(session)
        self._store(record, [encode(event) for event in events])
        return record.head

    async def last_number(self, session: SessionId, journal: JournalId) -> int:
        return self._database.record(session).journals.get(journal, 0)

    async def read(self, session: SessionId, after: int, limit: int = 1000) -> Sequence[Stored]:
        events = self._database.record(session).events[after : after + limit]
        return [Stored(seq, data) for seq, data in enumerate(events, after + 1)]

    async def wait(self, session: SessionId, after: int) -> None:
        record = self._database.record(session)
        while record.head.last_seq <= after:
            await record.changed.wait()
            if record.gone:
                raise SessionNotFound(session)

    async def head(self, session: SessionId) -> Head:
        return self._database.record(session).head

    async def snapshot(self, session: SessionId) -> tuple[int, bytes] | None:
        return self._database.record(session).snapshot

    async def put_snapshot(self, session: SessionId, seq: int, data: bytes) -> None:
        record = self._database.record(session)
        if record.snapshot is None or record.snapshot[0] < seq:
            record.snapshot = (seq, data)

    async def enqueue(self, session: SessionId, prompt: Prompt, *, front: bool = False) -> Enqueued:
        record = self._database.record(session)
        queue = _waiting(record)
        if (known := _known(record, prompt)) is not None:
            return Enqueued(known, _place(queue, known), existing=True)
        if len(queue) >= MAX_QUEUE and not front:
            raise QueueFull(retryAfter=5)
        ends = [run.position for run in queue]
        position = min(ends, default=0) - 1 if front else max(ends, default=0) + 1
        run = Run(prompt=prompt, status=RunStatus.QUEUED, position=position)
        record.runs[run.run_id] = run
        place = 0 if front else len(queue)
        head = replace(record.head, queued=record.head.queued + 1)
        self._store(record, [run_queued(run.run_id, place, self._clock.now())], head)
        return Enqueued(run, place)

    async def hand_over(self, session: SessionId, run: RunId, generation: int) -> Run | None:
        record = self._database.record(session)
        given = handed(record.head, await self.run(session, run), generation)
        if given is None:
            return None
        record.head, record.runs[run] = given
        self._database.touch(record)
        return record.runs[run]

    async def withdraw(
        self, session: SessionId, runs: Sequence[RunId] | None = None
    ) -> Sequence[Run]:
        record = self._database.record(session)
        now = self._clock.now()
        gone = [
            replace(run, status=RunStatus.CANCELLED, finished_at=now)
            for run in _waiting(record)
            if runs is None or run.run_id in runs
        ]
        record.runs.update({run.run_id: run for run in gone})
        head = replace(record.head, queued=record.head.queued - len(gone))
        self._store(record, [run_cancelled(run.run_id, now) for run in gone], head)
        return gone

    async def edit(
        self, session: SessionId, run: RunId, *, text: str | None = None, place: int | None = None
    ) -> Enqueued:
        record, known = self._database.record(session), await self.run(session, run)
        if known.status is not RunStatus.QUEUED:
            raise NotQueued(status=known.status)
        if text is not None:
            record.runs[run] = edited(known, text)
        if place is not None:
            ordered = reordered(_waiting(record), run, place)
            record.runs.update({one.run_id: one for one in ordered})
        found = record.runs[run]
        now_at = _place(_waiting(record), found)
        self._store(record, [run_queued(run, now_at, self._clock.now())])
        return Enqueued(found, now_at)

    async def run(self, session: SessionId, run: RunId) -> Run:
        try:
            return self._database.record(session).runs[run]
        except KeyError:
            raise RunNotFound(run) from None

    async def runs(
        self, session: SessionId, *, limit: int = 20, offset: int = 0, queued: bool = False
    ) -> tuple[Sequence[Run], int]:
        record = self._database.record(session)
        found = _waiting(record) if queued else list(reversed(record.runs.values()))
        return found[offset : offset + limit], len(found)

    async def spent(self, project: str, since: datetime) -> float | None:
        first = quarter_of(since)
        found = [
            cost
            for (place, quarter), cost in self._database.spent.items()
            if place == project and quarter >= first
        ]
        return sum(found) if found else None

    async def put_blob(self, session: SessionId, ref: str, data: bytes) -> None:
        self._database.record(session).blobs[ref] = data

    async def blob(self, session: SessionId, ref: str) -> bytes:
        try:
            return self._database.record(session).blobs[ref]
        except KeyError:
            raise BlobNotFound(f"There is no blob '{ref}' in this session.") from None

    def _store(self, record: Record, events: Sequence[bytes], base: Head | None = None) -> None:
        """base: the head with what the caller changed."""
        if not events:
            return
        head, changes = project(base or record.head, events, self._clock.now())
        for change in changes:
            run = record.runs.get(change.run_id)
            if run is not None:
                head, record.runs[change.run_id] = changed(head, run, change)
        if looks_different(record.head, head):
            self._database.touch(record)
        self._spend(record, head)
        record.head = head
        record.events.extend(events)
        record.wake()

    def _spend(self, record: Record, head: Head) -> None:
        more = (head.usage.cost_usd or 0) - (record.head.usage.cost_usd or 0)
        if more > 0:
            at = (record.session.project, quarter_of(self._clock.now()))
            self._database.spent[at] = self._database.spent.get(at, 0) + more


def _waiting(record: Record) -> list[Run]:
    waiting = [run for run in record.runs.values() if run.status is RunStatus.QUEUED]
    return sorted(waiting, key=lambda run: run.position)


def _known(record: Record, prompt: Prompt) -> Run | None:
    if prompt.run_id in record.runs:
        return record.runs[prompt.run_id]
    if prompt.auto_key is None:
        return None
    same = (run for run in record.runs.values() if run.prompt.auto_key == prompt.auto_key)
    return next(same, None)


def _place(queue: Sequence[Run], run: Run) -> int:
    """How many go before it; 0 for one that waits no longer."""
    if run.status is not RunStatus.QUEUED:
        return 0
    return sum(other.position < run.position for other in queue)
