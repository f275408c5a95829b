"""What readers get: a session's events from a cursor, a prelude for those without one, one run.

Bytes in, bytes out: the log's own bytes in SSE frames. Every reader reads the log from its own
position, so a slow one costs the others nothing (events.md, Readers).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ambient.contract.events import (
    CANCELLED,
    KEEP_ALIVE,
    KEEP_ALIVE_SECONDS,
    TERMINAL,
    Event,
    Kind,
    decode,
    frame,
    frames,
    kind_of,
)
from ambient.core.fold import prelude
from ambient.core.model import Run, RunId, RunStatus, SessionId, Stored
from ambient.core.ports import EventLog
from ambient.core.service.history import conversation

BATCH: Final = 500
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stream:
    """mode: prelude, resume, raw or run. chunks: whole SSE frames, keep-alives included; close
    the iterator to stop reading."""

    mode: str
    chunks: AsyncIterator[bytes]


class Streams:
    """Opens streams. Raises SessionNotFound, RunNotFound before the first byte."""

    def __init__(self, *, log: EventLog, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        self._log = log
        self._keep_alive = keep_alive_seconds

    async def session(
        self, session: SessionId, *, after: int | None = None, raw: bool = False
    ) -> Stream:
        """The session's stream. after: the reader's cursor; one beyond the log counts as none."""
        head = await self._log.head(session)
        if raw:
            return Stream("raw", self._tail(session, after or 0))
        if after is not None and after <= head.last_seq:
            return Stream("resume", self._tail(session, after))
        return Stream("prelude", self._from_prelude(session))

    async def run(self, session: SessionId, run: RunId) -> Stream:
        """One run from its RUN_STARTED to its end; comments while it waits for its turn."""
        await self._log.run(session, run)
        return Stream("run", self._run(session, run))

    async def export(self, session: SessionId) -> AsyncIterator[bytes]:
        """Every event's JSON, oldest first."""
        await self._log.head(session)
        return self._events(session)

    async def _events(self, session: SessionId) -> AsyncIterator[bytes]:
        after = 0
        while events := await self._log.read(session, after, BATCH):
            for one in events:
                yield one.data
            after = events[-1].seq

    async def _from_prelude(self, session: SessionId) -> AsyncIterator[bytes]:
        found = await conversation(self._log, session)
        events = [_ENCODE(one) for one in prelude(found)]
        if events:
            parts = [frame(None, one) for one in events[:-1]]
            yield b"".join([*parts, frame(found.seq, events[-1])])
        async for chunk in self._tail(session, found.seq):
            yield chunk

    async def _tail(self, session: SessionId, after: int) -> AsyncIterator[bytes]:
        """Frames after the cursor, for ever. A keep-alive first, so that headers go out at once."""
        yield KEEP_ALIVE
        while True:
            events = await self._log.read(session, after, BATCH)
            if events:
                after = events[-1].seq
                yield _framed(events)
            elif not await self._more(session, after):
                yield KEEP_ALIVE

    async def _more(self, session: SessionId, after: int) -> bool:
        """Wait for events after the cursor; False: it is time for a keep-alive."""
        try:
            async with asyncio.timeout(self._keep_alive):
                await self._log.wait(session, after)
        except TimeoutError:
            return False
        return True

    async def _run(self, session: SessionId, run: RunId) -> AsyncIterator[bytes]:
        yield KEEP_ALIVE
        while (found := await self._log.run(session, run)).first_seq is None:
            if found.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
                yield frame(None, _ENCODE(_never_ran(session, found)))
                return
            head = await self._log.head(session)
            if (await self._log.run(session, run)).first_seq is None:
                await self._more(session, head.last_seq)
                yield KEEP_ALIVE
        async for chunk in self._run_events(session, run, found.first_seq - 1):
            yield chunk

    async def _run_events(self, session: SessionId, run: RunId, after: int) -> AsyncIterator[bytes]:
        while True:
            events = await self._log.read(session, after, BATCH)
            if not events:
                if not await self._more(session, after):
                    yield KEEP_ALIVE
                continue
            after = events[-1].seq
            last = _end_of(events, run)
            shown = [
                frame(one.seq, one.data)
                for one in (events if last is None else events[: last + 1])
                if kind_of(one.data) != Kind.META
            ]
            yield b"".join(shown)
            if last is not None:
                return


def _framed(events: Sequence[Stored]) -> bytes:
    return frames(events[0].seq, [one.data for one in events])


def _end_of(events: Sequence[Stored], run: RunId) -> int | None:
    """Where the run's terminal event stands in these; None: not among them."""
    for at, one in enumerate(events):
        if kind_of(one.data) in TERMINAL and decode(one.data).get("runId", run) == run:
            return at
    return None


def _never_ran(session: SessionId, run: Run) -> Event:
    return {
        "type": Kind.RUN_ERROR.value,
        "message": "The prompt was taken back before its turn came.",
        "code": run.error_code or CANCELLED,
        "threadId": session.partition("/")[2],
        "runId": run.run_id,
    }
