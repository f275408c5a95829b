"""Event streams: bytes from the log go out as they are (api.md 4.2). Plain ASGI, one per reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, aclosing
from typing import Final, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ambient.contract.names import AFTER_HEADER, STREAM_HEADER
from ambient.core.errors import AmbientError

MEDIA_TYPE: Final = "text/event-stream"
RETRY: Final = b"retry: 1000\n\n"
"""Told to readers when the server closes: come back after a second, with your last id."""


class EventStream(Response):
    """A reply that ends when the chunks do, the reader goes, is too slow, or the server closes.

    chunks: whole SSE frames. after: the event behind which they begin, where it is told. slot:
    held while the stream is open. stalled_seconds: how long one send may wait for the reader; then
    the stream is cut, after a whole frame.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        mode: str,
        after: int | None = None,
        slot: AbstractContextManager[None],
        closing: asyncio.Event,
        stalled_seconds: float,
    ) -> None:
        super().__init__(
            headers={
                STREAM_HEADER: mode,
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
                **({} if after is None else {AFTER_HEADER: str(after)}),
            }
        )
        del self.headers["content-length"]
        self._chunks = cast("AsyncGenerator[bytes]", chunks)  # so it can be closed
        self._slot = slot
        self._closing = closing
        self._stalled_seconds = stalled_seconds
        self._stalled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it to its end."""
        with self._slot:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as tasks:
                pump = tasks.create_task(self._pump(send))
                watchers = [
                    tasks.create_task(_gone(receive)),
                    tasks.create_task(self._closing.wait()),
                ]
                await asyncio.wait([pump, *watchers], return_when=asyncio.FIRST_COMPLETED)
                for task in (pump, *watchers):
                    task.cancel()
            if self._stalled:
                return  # nothing more can be sent; the server drops the connection
            if self._closing.is_set():
                await send({"type": "http.response.body", "body": RETRY, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            try:
                async for chunk in chunks:
                    async with asyncio.timeout(self._stalled_seconds):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                self._stalled = True
            except AmbientError:
                return  # deleted under the reader, or the database is gone: it asks again


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
