"""A scripted Messages API on 127.0.0.1: what the real CLI talks to in tests.

A script is named by a word in a prompt and lists the model's turns. Which turn is next follows
from the conversation that a request carries, not from a counter, so one model serves any number
of sessions, resumed and retried ones too. Streams as the real API does: reasoning, text, tools,
usage; refuses, dawdles and cuts connections where a script says so.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

Event = dict[str, Any]
KEY: Final = "sk-ant-test-0123456789abcdefghijklmnop"
"""A key such as the real ones: the redactor knows the shape."""
VERTEX: Final = "/v1/projects/{project}/locations/{region}/publishers/anthropic/models"
PIECE: Final = 12


@dataclass(frozen=True, slots=True)
class Say:
    """A text block."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """A reasoning block."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A tool call. id: made of the conversation's length when it is empty."""

    name: str
    input: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing more is sent until the model's gate of that name opens."""

    gate: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends here, before the last block is whole."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An API error instead of an answer. times: how often; after that, the turn that follows."""

    status: int
    kind: str
    message: str
    times: int = 1_000_000
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fill:
    """What the answer says of its input: so many tokens, all new."""

    tokens: int


Part = Say | Think | Use | Hold | Cut | Fill
Turn = Refuse | Sequence[Part]


class Model:
    """The scripts, what was asked, and the gates."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Event] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self._scripts: dict[str, Sequence[Turn]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._refused: dict[tuple[str, int], int] = {}

    def script(self, word: str, *turns: Turn) -> str:
        """What is answered to a prompt that holds this word; returns the word."""
        self._scripts[word] = turns
        return word

    def gate(self, name: str) -> asyncio.Event:
        """The gate of that name, closed at first."""
        return self._gates.setdefault(name, asyncio.Event())

    def asked(self, word: str) -> list[Event]:
        """The requests that were answered from this script, in order."""
        return [one for one in self.requests if self._find(one)[0] == word]

    def _find(self, body: Event) -> tuple[str, int]:
        """The script that a request is about, and how many of its turns are over."""
        word, turn = "", 0
        for message in body["messages"]:
            said = _said(message)
            if message["role"] == "assistant":
                turn += 1
                continue
            found = [(said.rfind(one), one) for one in self._scripts if one in said]
            if found:
                word, turn = max(found)[1], 0
        return word, turn

    def _turn(self, body: Event) -> Turn:
        word, number = self._find(body)
        if not word:
            return [Say("I have no script for that.")]
        turns = list(self._scripts[word])
        for at, turn in enumerate(turns):
            if at <= number and isinstance(turn, Refuse):
                refused = self._refused.get((word, at), 0)
                if refused < turn.times:
                    self._refused[word, at] = refused + 1
                    return turn
        spoken = [turn for turn in turns if not isinstance(turn, Refuse)]
        return spoken[number] if number < len(spoken) else [Say(f"The script {word} is over.")]

    async def messages(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, await request.json())

    async def _answer(self, request: web.Request, body: Event) -> web.StreamResponse:
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        turn = self._turn(body)
        if isinstance(turn, Refuse):
            error = {"type": turn.kind, "message": turn.message}
            return web.json_response(
                {"type": "error", "error": error}, status=turn.status, headers=turn.headers
            )
        number = len(self.requests)
        if not body.get("stream"):
            return web.json_response(_whole(turn, body, number))
        reply = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await reply.prepare(request)
        for part in _events(turn, body, number):
            if isinstance(part, Hold):
                await self.gate(part.gate).wait()
            elif isinstance(part, Cut):
                if request.transport is not None:
                    request.transport.close()
                break
            else:
                await reply.write(f"event: {part['type']}\ndata: {json.dumps(part)}\n\n".encode())
        return reply

    async def vertex(self, request: web.Request) -> web.StreamResponse:
        """As Vertex AI has it: the model is in the path, and what is asked of it behind a colon."""
        model, _, verb = request.match_info["model"].partition(":")
        body = {**await request.json(), "model": model, "stream": verb == "streamRawPredict"}
        self.paths.append(request.path)
        return await self._answer(request, body)

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": len(await request.text()) // 4})


@asynccontextmanager
async def model(host: str = "127.0.0.1") -> AsyncIterator[Model]:
    """Serve a model on a free port. host: an address of this machine."""
    made = Model()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/messages", made.messages)
    app.router.add_post("/v1/messages/count_tokens", made.count)
    app.router.add_post(VERTEX + "/{model}", made.vertex)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    assert site._server  # noqa: SLF001  # aiohttp has no other way to ask for the port
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # noqa: SLF001
    made.url = f"http://{host}:{port}"
    try:
        yield made
    finally:
        for gate in made._gates.values():  # noqa: SLF001  # our own
            gate.set()
        await runner.cleanup()


def _said(message: Event) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(one["text"] for one in content if one["type"] == "text")


def _block(part: Part, number: int, at: int) -> tuple[Event, list[Event]]:
    """A content block as it starts, and its deltas."""
    if isinstance(part, Say):
        deltas = [{"type": "text_delta", "text": one} for one in _pieces(part.text)]
        return {"type": "text", "text": ""}, deltas
    if isinstance(part, Think):
        deltas = [{"type": "thinking_delta", "thinking": one} for one in _pieces(part.text)]
        deltas.append({"type": "signature_delta", "signature": "c2lnbmVk"})
        return {"type": "thinking", "thinking": "", "signature": ""}, deltas
    assert isinstance(part, Use)
    block = {
        "type": "tool_use",
        "id": part.id or f"toolu_{number:04}_{at}",
        "name": part.name,
        "input": {},
    }
    whole = json.dumps(part.input)
    return block, [{"type": "input_json_delta", "partial_json": one} for one in _pieces(whole)]


def _events(turn: Sequence[Part], body: Event, number: int) -> list[Event | Hold | Cut]:
    given = next((part.tokens for part in turn if isinstance(part, Fill)), 100)
    usage = {"input_tokens": given, "output_tokens": 1, "cache_read_input_tokens": 10}
    head = {
        "id": f"msg_{number:06}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "cache_creation_input_tokens": 0},
    }
    found: list[Event | Hold | Cut] = [{"type": "message_start", "message": head}]
    at = 0
    for part in turn:
        if isinstance(part, Fill):
            continue
        if isinstance(part, Hold):
            found.append(part)
            continue
        if isinstance(part, Cut):
            whole = [at for at, one in enumerate(found) if _is_stop(one)]
            return [one for at, one in enumerate(found) if at not in whole[-1:]] + [part]
        block, deltas = _block(part, number, at)
        found.append({"type": "content_block_start", "index": at, "content_block": block})
        found += [{"type": "content_block_delta", "index": at, "delta": one} for one in deltas]
        found.append({"type": "content_block_stop", "index": at})
        at += 1
    reason = "tool_use" if any(isinstance(part, Use) for part in turn) else "end_turn"
    delta = {"stop_reason": reason, "stop_sequence": None}
    found.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}})
    found.append({"type": "message_stop"})
    return found


def _is_stop(event: Event | Hold | Cut) -> bool:
    return isinstance(event, dict) and event["type"] == "content_block_stop"


def _whole(turn: Sequence[Part], body: Event, number: int) -> Event:
    blocks: list[Event] = []
    for at, part in enumerate(turn):
        if isinstance(part, Say):
            blocks.append({"type": "text", "text": part.text})
        elif isinstance(part, Use):
            block, _ = _block(part, number, at)
            blocks.append({**block, "input": dict(part.input)})
    return {
        "id": f"msg_{number:06}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or [""]
