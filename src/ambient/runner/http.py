"""Requests and replies over plain ASGI: what the runner's routes need, and no more.

A web framework would do, but importing one costs a tenth of the runner's memory budget.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from pydantic import BaseModel, ValidationError

from ambient.contract.problem import Problem
from ambient.runner.errors import BodyTooLarge, InvalidRequest, MalformedRequest, RunnerError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 1 << 20
JSON: Final = (b"content-type", b"application/json")
Model = TypeVar("Model", bound=BaseModel)


class Request:
    """One request. params: the path's variable parts."""

    def __init__(self, scope: Scope, receive: Receive, params: dict[str, str]) -> None:
        self.scope = scope
        self.params = params
        self._receive = receive

    def header(self, name: str) -> str | None:
        """A header's first value, or None."""
        wanted = name.lower().encode()
        for key, value in self.scope["headers"]:
            if key == wanted:
                return str(value, "latin-1")
        return None

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one, the last."""
        return dict(parse_qsl(str(self.scope["query_string"], "latin-1"), keep_blank_values=True))

    async def body(self, limit: int = MAX_BODY_BYTES) -> bytes:
        """The whole body. Raises BodyTooLarge."""
        return b"".join([part async for part in self.stream(limit)])

    async def stream(self, limit: int) -> AsyncIterator[bytes]:
        """The body while it comes. Raises BodyTooLarge, MalformedRequest for half of one."""
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise MalformedRequest("The caller left before its request was complete.")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise BodyTooLarge(f"The body is larger than {limit} bytes.")
            more = message.get("more_body", False)
            yield part

    async def json(self, limit: int = MAX_BODY_BYTES) -> Any:
        """The body as JSON; an empty one is an empty object. Raises MalformedRequest."""
        raw = await self.body(limit)
        try:
            return msgspec.json.decode(raw) if raw else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise MalformedRequest(f"The body is not JSON: {exc}") from exc

    async def model(self, kind: type[Model], limit: int = MAX_BODY_BYTES) -> Model:
        """The body as a model. Raises InvalidRequest with every field that is wrong."""
        return check(kind, await self.json(limit))


def check(kind: type[Model], found: Any) -> Model:
    """Validate `found`. Raises InvalidRequest with every field that is wrong."""
    try:
        return kind.model_validate(found)
    except ValidationError as exc:
        fields = [
            {"field": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in exc.errors(include_url=False, include_input=False)
        ]
        named = ", ".join(one["field"] or "the body" for one in fields)
        raise InvalidRequest(f"Not acceptable: {named}.", details={"fields": fields}) from exc


@dataclass(slots=True)
class Reply:
    """A whole reply."""

    body: bytes = b""
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [*self.headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(slots=True)
class Stream:
    """A reply in pieces. Each piece is sent whole or not at all; it ends when the pieces do."""

    pieces: AsyncGenerator[bytes, None]
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, receive: Receive, send: Send) -> None:
        """Send it, for as long as the reader is there."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        async with asyncio.TaskGroup() as group:
            try:
                async with asyncio.timeout(None) as reader:
                    left = group.create_task(_until_gone(receive, reader))
                    await self._pump(send)
                    left.cancel()
            except TimeoutError:
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async with aclosing(self.pieces) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _until_gone(receive: Receive, reader: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.reschedule(0)


def json_reply(content: Any, status: int = 200) -> Reply:
    """A JSON reply; models are written with their wire names, None left in."""
    if isinstance(content, BaseModel):
        body = content.model_dump_json(by_alias=True).encode()
    else:
        body = msgspec.json.encode(content)
    return Reply(body, status, [JSON])


def problem(error: RunnerError, request_id: str) -> Reply:
    """The reply of an error (api.md 2.2)."""
    found = Problem(
        error=error.sentence,
        code=error.code,
        hint=error.hint,
        request_id=request_id,
        details=error.details,
    )
    return json_reply(found.body(runner=True), error.status)
