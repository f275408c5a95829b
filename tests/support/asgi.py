"""Calls an ASGI application in this very loop: raw paths, raw headers, bodies in pieces."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

DEADLINE = 5.0


@dataclass
class Reply:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cookies: list[str] = field(default_factory=list)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["code"])


def scope_of(method: str, path: str, headers: Mapping[str, str], client: str) -> Scope:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "client": (client, 50000),
        "server": ("127.0.0.1", 8080),
    }


class Browser:
    """Sends requests. headers: sent with each."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], client: str = "127.0.0.1") -> None:
        self.app = app
        self.headers = {"host": "127.0.0.1:8080", **headers}
        self.client = client
        self.last = Reply()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        pieces: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request and its whole reply; body: JSON, or bytes as they are."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {**self.headers, "content-type": "application/json", **(headers or {})}
        if pieces is None and raw:
            sent = {"content-length": str(len(raw)), **sent}
        parts = iter(pieces if pieces is not None else [raw])
        reply, asked = Reply(), 0
        self.last = reply
        ended = asyncio.Event()

        async def receive() -> Message:
            nonlocal asked
            part = next(parts, None)
            asked += 1
            if part is None:
                if asked > 1 and pieces is None:
                    await ended.wait()
                return {"type": "http.disconnect"} if ended.is_set() else _END
            return {"type": "http.request", "body": part, "more_body": pieces is not None}

        async def send(message: Message) -> None:
            _take(reply, message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended.set()

        async with asyncio.timeout(DEADLINE):
            await self.app(scope_of(method, path, sent, self.client), receive, send)
        return reply

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, headers=headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.send("POST", path, body, headers=headers)

    @asynccontextmanager
    async def open(
        self, path: str, body: Any = None, method: str = "GET", **headers: str
    ) -> AsyncIterator["Reading"]:
        """A reply that streams; the connection closes when the block ends."""
        sent = {**self.headers, "content-type": "application/json", **headers}
        raw = b"" if body is None else json.dumps(body).encode()
        reading = Reading()
        left = asyncio.Event()
        first: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

        async def receive() -> Message:
            if first:
                return first.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async with asyncio.TaskGroup() as tasks:
            scope = scope_of(method, path, sent, self.client)

            async def serve() -> None:
                await self.app(scope, receive, reading.take)

            serving = tasks.create_task(serve())
            reading.serving = serving
            try:
                async with asyncio.timeout(DEADLINE):
                    await reading.started.wait()
                yield reading
            finally:
                left.set()
                async with asyncio.timeout(DEADLINE):
                    await asyncio.wait([serving])


class Reading:
    """A streamed reply as it comes. blocked: while set, the reader takes nothing."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self._more = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None
        self.may_take = asyncio.Event()
        self.may_take.set()

    async def take(self, message: Message) -> None:
        _take(self.reply, message)
        self.started.set()
        self._more.set()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended.set()
        await self.may_take.wait()

    async def until(self, text: bytes) -> bytes:
        """All that came, once it holds this."""
        async with asyncio.timeout(DEADLINE):
            while text not in self.reply.body:
                self._more.clear()
                await self._more.wait()
        return self.reply.body

    async def whole(self) -> bytes:
        """All of it, once it has ended."""
        async with asyncio.timeout(DEADLINE):
            await self.ended.wait()
        return self.reply.body


_END: Message = {"type": "http.request", "body": b"", "more_body": False}


def _take(reply: Reply, message: Message) -> None:
    if message["type"] == "http.response.start":
        reply.status = message["status"]
        for name, value in message["headers"]:
            if name == b"set-cookie":
                reply.cookies.append(value.decode())
            reply.headers[name.decode().lower()] = value.decode()
    elif message["type"] == "http.response.body":
        reply.body += message.get("body", b"")
