"""What readers get: a session's events from a cursor, a prelude for those without one, one run.

Bytes in, bytes out: the log's own bytes in SSE frames. Every reader reads the log from its own
position, so a slow one costs the others nothing (events.md, Readers).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
from ambient.core.fold import finished_messages, prelude, still_open
from ambient.core.model import Run, RunId, RunStatus, SessionId, Stored
from ambient.core.ports import EventLog
from ambient.core.service.history import conversation, span
from ambient.core.transcript import markdown

BATCH: Final = 500
SHORT: Final = 4000
"""Events of a log that a reader of the newest messages gets whole: their end is not looked for."""
_BEGINS: Final = frozenset(
    {Kind.TEXT_MESSAGE_START, Kind.REASONING_MESSAGE_START, Kind.TOOL_CALL_START}
)
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stream:
    """mode: prelude, resume, raw or run. chunks: whole SSE frames, keep-alives included; close
    the iterator to stop reading. after: the seq behind which a part of the log begins; None: the
    reader named it."""

    mode: str
    chunks: AsyncIterator[bytes]
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A page of messages: the newest `limit` that began before the seq `before` and hold `search`
    in their text, their calls' arguments or their results, in any case."""

    before: int | None = None
    limit: int = 60
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """messages: AG-UI messages, each with the seq it began with. open: events that bring a reader
    of them to `seq`, from where the stream goes on. more: there are earlier ones."""

    messages: tuple[dict[str, Any], ...]
    open: tuple[Event, ...]
    seq: int
    more: bool
    total: int


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

    async def newest(self, session: SessionId, messages: int) -> Stream:
        """The session's stream from the event that begins the newest so many messages and calls."""
        after = await self._before_newest(session, messages)
        return Stream("raw", self._tail(session, after), after)

    async def _before_newest(self, session: SessionId, messages: int) -> int:
        """Looks back from the end, so the cost is what is shown, however long the log is."""
        upto = (await self._log.head(session)).last_seq
        if upto <= SHORT:
            return 0
        while upto > 0:
            after = max(0, upto - BATCH)
            for one in reversed(await span(self._log, session, after, upto)):
                messages -= kind_of(one.data) in _BEGINS
                if messages == 0:
                    return one.seq - 1
            upto = after
        return 0

    async def run(self, session: SessionId, run: RunId) -> Stream:
        """One run from its RUN_STARTED to its end; comments while it waits for its turn."""
        await self._log.run(session, run)
        return Stream("run", self._run(session, run))

    async def messages(self, session: SessionId, asked: Asked) -> Messages:
        """The newest finished messages before a seq, oldest first."""
        found = await conversation(self._log, session)
        hidden = set(found.hidden)
        wanted = asked.search.lower()
        every = [
            (found.begins.get(one["id"], 0), one)
            for one in finished_messages(found)
            if not wanted or (one["id"] not in hidden and wanted in _text_of(one))
        ]
        earlier = [one for one in every if asked.before is None or one[0] < asked.before]
        shown = earlier[-asked.limit :]
        return Messages(
            messages=tuple(
                {**one, "seq": seq, **({"hidden": True} if one["id"] in hidden else {})}
                for seq, one in shown
            ),
            open=tuple(still_open(found)),
            seq=found.seq,
            more=len(shown) < len(earlier),
            total=len(every),
        )

    async def transcript(
        self, session: SessionId, title: str, *, tools: bool
    ) -> AsyncIterator[bytes]:
        """The conversation as Markdown, what is hidden from people left out."""
        found = await conversation(self._log, session)
        hidden = set(found.hidden)
        shown = [one for one in finished_messages(found) if one["id"] not in hidden]
        return _encoded(markdown(title, shown, tools=tools))

    async def history(self, session: SessionId, until: int | None) -> list[Event]:
        """The finished messages up to a seq; None: up to now."""
        return finished_messages(await conversation(self._log, session, until=until))

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
            while not await self._more(session, after):
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
            while not (events := await self._log.read(session, after, BATCH)):
                while not await self._more(session, after):
                    yield KEEP_ALIVE
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


async def _encoded(blocks: Iterator[str]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block.encode()


def _text_of(message: dict[str, Any]) -> str:
    """What is looked in, in lower case."""
    said = message.get("content")
    calls = [one["function"] for one in message.get("toolCalls") or ()]
    parts = [said if isinstance(said, str) else _ENCODE(said).decode()]
    parts += [f"{one['name']} {one['arguments']}" for one in calls]
    return "\n".join(parts).lower()


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
