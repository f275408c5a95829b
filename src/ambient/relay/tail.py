"""One session's journal, read into the log: what the tailer does for each session it follows.

The position is the log's: whatever ends a stream, the next one begins after the last number
stored, so nothing is lost, and what comes twice is dropped by `append`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import aiohttp
import msgspec

from ambient.contract.events import Frame, FrameReader, JournalId, Kind, kind_of
from ambient.contract.names import JOURNAL_HEADER, JOURNAL_LAST_HEADER, JOURNALS_HEADER
from ambient.core.errors import BlobNotFound, JournalGap, RunnerError
from ambient.core.model import Head, SessionId
from ambient.core.ports import Clock, EventLog
from ambient.relay.errors import UnknownJournal, translated
from ambient.relay.http import HttpRunnerClient

log = logging.getLogger(__name__)

OnAppend = Callable[[SessionId, Head, int], None]
"""Session, the end of its log, how many events the batch had."""

ACK_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 0.25
"""A runner that does not say where its journal ends has reached the end when it is silent for so
long after the stream was opened."""
_NO_EVENT: Final = (1 << 53) - 1
_DECODE: Final = msgspec.json.Decoder(dict)


class Tail:
    """The place in one session's journal. on_append: told what the log's end is after a batch."""

    def __init__(
        self,
        session: SessionId,
        client: HttpRunnerClient,
        events: EventLog,
        clock: Clock,
        on_append: OnAppend,
    ) -> None:
        self.session = session
        self.reopening = False
        self.stored = 0
        self._journal: JournalId | None = None
        self._client = client
        self._events = events
        self._clock = clock
        self._on_append = on_append
        self._response: aiohttp.ClientResponse | None = None
        self._acked = 0
        self._acked_at = clock.monotonic()

    def reopen(self) -> None:
        """Have the stream end now, so that the next one is opened with the present token."""
        self.reopening = True
        self._client.forget(self.session)
        if self._response is not None:
            self._response.close()

    async def follow(self) -> None:
        """Read until the stream ends. Raises whatever ended it; call again to go on."""
        self.reopening = False
        await self._locate()
        await self._read(until_end=False)

    async def drain(self) -> None:
        """Read to the journal's present end, and acknowledge it."""
        await self._locate()
        await self._read(until_end=True)
        await self._acknowledge()

    async def _locate(self) -> None:
        """Find the journal that the runner writes, and how much of it is stored; read what is left
        of earlier ones."""
        if self._journal is not None:
            return
        # After its end: what it has said is asked for once it is known how much is stored.
        async with self._client.events(self.session, after=_NO_EVENT) as response:
            current = response.headers.get(JOURNAL_HEADER)
            served = response.headers.get(JOURNALS_HEADER, "")
        if not current:
            raise RunnerError("The runner does not say which journal it writes.", code="bad_reply")
        for earlier in _ids(served):
            if earlier != current:
                await self._finish(earlier)
        await self._turn_to(JournalId(current))

    async def _finish(self, earlier: JournalId) -> None:
        await self._turn_to(earlier)
        await self._read(until_end=True)
        await self._acknowledge()

    async def _turn_to(self, journal: JournalId) -> None:
        self._journal = journal
        self.stored = await self._events.last_number(self.session, journal)
        self._acked = 0

    async def _read(self, *, until_end: bool) -> None:
        try:
            async with self._client.events(self.session, self._journal, self.stored) as response:
                self._response = response
                if self.reopening:
                    return
                await self._pump(response, until_end=until_end)
        except UnknownJournal:
            # Its process is gone, and so is what was not stored, unless the engine can read it.
            self._journal = None
            raise
        except JournalGap as exc:
            self.stored = int(exc.details["last"])
            raise
        finally:
            self._response = None

    async def _pump(self, response: aiohttp.ClientResponse, *, until_end: bool) -> None:
        reader, last = FrameReader(), response.headers.get(JOURNAL_LAST_HEADER, "")
        end = int(last) if until_end and last.isdigit() else None
        silence = SILENCE_SECONDS if until_end and end is None else None
        while end is None or self.stored < end:
            try:
                async with asyncio.timeout(silence):
                    chunk = await _chunk(response)
            except TimeoutError:
                return
            if not chunk:
                return
            if frames := reader.feed(chunk):
                await self._store(frames)
            if self._clock.monotonic() - self._acked_at >= ACK_SECONDS:
                await self._acknowledge()

    async def _store(self, frames: Sequence[Frame]) -> None:
        if self._journal is None:
            raise RuntimeError("a stream is read before its journal is known")
        for frame in frames:
            if (ref := _ref_of(frame.data)) is not None:
                await self._fetch(ref)
        for first, events in _batches(frames):
            head = await self._events.append(self.session, self._journal, first, events)
            self.stored = max(self.stored, first + len(events) - 1)
            self._on_append(self.session, head, len(events))

    async def _fetch(self, ref: str) -> None:
        """Have the large result before the event that names it; it goes with the runner."""
        try:
            data = await self._client.blob(self.session, ref)
        except BlobNotFound:
            log.exception("a result is gone before it was fetched: %s %s", self.session, ref)
        else:
            await self._events.put_blob(self.session, ref, data)

    async def _acknowledge(self) -> None:
        self._acked_at = self._clock.monotonic()
        if self._journal is not None and self.stored > self._acked:
            await self._client.ack(self.session, self._journal, self.stored)
            self._acked = self.stored


async def _chunk(response: aiohttp.ClientResponse) -> bytes:
    """All that has arrived; empty at the end."""
    with translated():
        return await response.content.readany()


def _batches(frames: Sequence[Frame]) -> Iterator[tuple[int, list[bytes]]]:
    """Events whose numbers follow each other, with the number of the first."""
    first, events = 0, list[bytes]()
    for number, data in frames:
        if number is None:
            continue  # said to this reader only, such as the reason why its stream ends
        if events and number != first + len(events):
            yield first, events
            events = []
        if not events:
            first = number
        events.append(data)
    if events:
        yield first, events


def _ref_of(data: bytes) -> str | None:
    """The name of the large result that an event stands for; None: it is complete in itself."""
    if b'"ref"' not in data or kind_of(data) != Kind.TOOL_CALL_RESULT:
        return None
    ref = (_DECODE.decode(data).get("metadata") or {}).get("ref")
    return ref if isinstance(ref, str) and ref else None


def _ids(header: str) -> list[JournalId]:
    return [JournalId(one.strip()) for one in header.split(",") if one.strip()]
