"""Requests to a runner, byte by byte where a client would refuse to send such a thing."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ambient.contract.events import FrameReader

DEADLINE_SECONDS = 30.0
Headers = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Reading:
    """A streamed reply. ended: whether it ended properly, not by a broken connection."""

    def __init__(self, reader: asyncio.StreamReader, head: Answer) -> None:
        self._reader = reader
        self._frames = FrameReader()
        self.head = head
        self.ended = False

    async def piece(self) -> bytes:
        """The next chunk; empty: the stream ended properly."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            size = int((await self._reader.readline()).strip() or b"0", 16)
            piece = await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        self.ended = self.ended or not size
        return piece

    async def body(self) -> bytes:
        """The body of a reply that says how long it is."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._reader.readexactly(int(self.head.headers.get("content-length", "0")))

    async def events(self) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Number and event, until the stream ends."""
        while piece := await self.piece():
            for frame in self._frames.feed(piece):
                assert frame.id is not None
                yield frame.id, json.loads(frame.data)

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """The events up to the first of that type."""
        found = []
        async for _, event in self.events():
            found.append(event)
            if event["type"] == kind:
                return found
        raise AssertionError(f"the stream ended without {kind}: {found}")


@asynccontextmanager
async def reading(
    url: str, method: str, path: str, headers: Headers = (), body: Any = None
) -> AsyncIterator[Reading]:
    """Send a request and read the reply's head."""
    at = urlsplit(url)
    async with asyncio.timeout(DEADLINE_SECONDS):
        reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=1 << 24)
        try:
            writer.write(_request(method, path, headers, body))
            await writer.drain()
            head = _head(await reader.readuntil(b"\r\n\r\n"))
        except BaseException:
            writer.close()
            raise
    try:
        yield Reading(reader, head)
    finally:
        writer.close()


async def ask(url: str, method: str, path: str, headers: Headers = (), body: Any = None) -> Answer:
    """The whole reply, its head only if it is a stream."""
    async with reading(url, method, path, headers, body) as found:
        return replace(found.head, body=await found.body())


def _request(method: str, path: str, headers: Headers, body: Any) -> bytes:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1".encode(), b"host: runner"]
    for name, value in headers:
        lines.append(
            name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
        )
    lines.append(b"content-length: %d" % len(raw))
    return b"\r\n".join(lines) + b"\r\n\r\n" + raw


def _head(raw: bytes) -> Answer:
    first, *rest = raw.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in rest if line]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(int(first.split()[1]), headers, b"")
