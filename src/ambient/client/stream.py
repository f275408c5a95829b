"""Reading a session's events without gap or double, whatever happens to the connection.

A reader remembers the seq it handed out last. When the connection is lost, falls silent for 35 s,
or brings an event that does not go on at seq + 1, it opens another one after that seq, with
back-off. A prelude is handed out only when it is complete: cut off inside, it is read again.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Final

from ambient.client.backoff import Backoff
from ambient.client.errors import ApiError, CursorUnknown, TooMany, Unavailable, Unreachable
from ambient.client.event import Event
from ambient.client.transport import Body, Request, Transport
from ambient.contract.events import Frame, FrameReader
from ambient.contract.names import STREAM_HEADER

PATIENCE_TRIES: Final = 40
"""About ten minutes of back-off in which nothing but errors came."""

Watcher = Callable[[Unreachable | ApiError, float], None]
"""Told of each lost connection: why, and in how many seconds the next try comes."""


def ignore(why: Unreachable | ApiError, seconds: float) -> None:
    """The watcher of those who do not care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What to read. after: hand out events with a higher seq; None: begin with a prelude.

    strict: the stream has every event, so a missing seq means that something was lost, and an
    event without one belongs to the prelude. A run's stream is not strict.
    tries: how often to try in a row without success before Unreachable is raised.
    """

    request: Request
    after: int | None
    strict: bool = True
    tries: int = PATIENCE_TRIES


async def follow(
    transport: Transport, reading: Reading, watcher: Watcher = ignore
) -> AsyncGenerator[Event]:
    """The events in order, each once, for as long as the reader wants.

    Raises ApiError for what trying again does not heal (401, 403, 404, 409), CursorUnknown, and
    Unreachable when the patience is over.
    """
    backoff, failed = Backoff(), 0
    while True:
        before = reading.after
        why: Unreachable | ApiError = Unreachable("The server closed the stream.")
        failed += 1
        try:
            async with transport.open(_request(reading)) as body:
                _check_mode(body, reading)
                async for event in _events(body, reading):
                    reading = _advanced(reading, event)
                    yield event
            failed = 0  # closed in good order, as at a restart
        except (Unreachable, TooMany, Unavailable) as exc:
            why = exc
        if reading.after != before:
            backoff.reset()
            failed = 0
        if failed >= reading.tries:
            raise why
        seconds = backoff.next_seconds(why.retry_after if isinstance(why, ApiError) else None)
        watcher(why, seconds)
        await transport.pause(seconds)


async def _events(body: Body, reading: Reading) -> AsyncGenerator[Event]:
    """What one connection brings."""
    reader, last, prelude = FrameReader(), reading.after, list[Event]()
    async for chunk in body.chunks():
        for frame in reader.feed(chunk):
            event = Event(frame.id, frame.data)
            if frame.id is None and reading.strict:
                prelude.append(event)
                continue
            if _known(frame, last):
                continue
            _check_gap(frame, last, reading)
            for held in prelude:
                yield held
            prelude.clear()
            last = frame.id or last
            yield event


def _known(frame: Frame, last: int | None) -> bool:
    return last is not None and frame.id is not None and frame.id <= last


def _check_gap(frame: Frame, last: int | None, reading: Reading) -> None:
    if reading.strict and last is not None and frame.id != last + 1:
        raise Unreachable(f"The server sent event {frame.id} where {last + 1} was due.")


def _advanced(reading: Reading, event: Event) -> Reading:
    return reading if event.seq is None else replace(reading, after=event.seq)


def _request(reading: Reading) -> Request:
    headers = {**(reading.request.headers or {}), "Accept": "text/event-stream"}
    if reading.after is not None:
        headers["Last-Event-ID"] = str(reading.after)
    return replace(reading.request, headers=headers)


def _check_mode(body: Body, reading: Reading) -> None:
    if reading.after and reading.strict and body.headers.get(STREAM_HEADER) == "prelude":
        raise CursorUnknown(
            f"The session's log does not reach event {reading.after}.",
            hint="It is not the log that was read before: read it from the start.",
        )
