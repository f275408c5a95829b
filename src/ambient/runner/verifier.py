"""The check in front of every route: no request passes without the session token (tokens.md).

Plain ASGI around everything, streams included. Only `OPEN_PATHS` pass without, by exact path.
Every reply says which kids are accepted; a stream opened with a digest that is taken away ends
after a whole piece.
"""

import asyncio
import re
from collections.abc import Iterable
from itertools import count
from typing import Final

from ambient.contract.names import ACCEPTS_HEADER, REQUEST_ID_HEADER, SESSION_TOKEN_HEADER
from ambient.contract.problem import Problem
from ambient.contract.runner_api import OPEN_PATHS, AcceptedKid
from ambient.contract.tokens import Challenge, Digest, find, kid, kid_of, write_accepts
from ambient.runner.clock import Clock, NewId
from ambient.runner.digests import DigestSet
from ambient.runner.http import App, Message, Receive, Reply, Scope, Send, json_reply

LAST_PIECE_SECONDS: Final = 2.0
"""How long a reader that takes nothing may hold up the proper end of its stream."""

_TOKEN: Final = SESSION_TOKEN_HEADER.lower().encode()
_ACCEPTS: Final = ACCEPTS_HEADER.lower().encode()
_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_LENGTH: Final = b"content-length"
_FIT: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_SENTENCES: Final = {
    "missing": "The request carries no session token.",
    "duplicate": "The request carries more than one session token.",
    "mismatch": "The session token is not one that this runner accepts.",
}


Headers = list[tuple[bytes, bytes]]


class OpenStream:
    """A reply that goes on, and the task that writes it."""

    __slots__ = ("_task", "is_cut")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.is_cut = False

    def cut(self) -> None:
        """End it: its token counts no longer."""
        if self._task is not None and not self.is_cut:
            self.is_cut = True
            self._task.cancel()

    def was_cut(self) -> bool:
        """Whether the cancellation at hand is ours alone; it is then taken back."""
        return self.is_cut and self._task is not None and self._task.uncancel() == 0


class Usage:
    """When each accepted digest was last used, and which streams it holds open."""

    def __init__(self, digests: DigestSet, clock: Clock) -> None:
        self._digests = digests
        self._clock = clock
        self._last: dict[Digest, float] = {}
        self._open: dict[Digest, set[OpenStream]] = {}
        digests.on_retired(self._cut)

    def used(self, one: Digest) -> None:
        """A request came with it."""
        self._last[one] = self._clock.monotonic()

    def opened(self, one: Digest) -> OpenStream:
        """The current task writes a stream that was opened with it."""
        stream = OpenStream()
        if one in self._digests.accepted():
            self._open.setdefault(one, set()).add(stream)
        else:
            stream.cut()
        return stream

    def closed(self, one: Digest, stream: OpenStream) -> None:
        """The stream is over, which was a use until this moment."""
        streams = self._open.get(one, set())
        if stream in streams:
            streams.discard(stream)
            self.used(one)

    def report(self) -> tuple[AcceptedKid, ...]:
        """What /version says of each accepted digest."""
        now = self._clock.monotonic()
        return tuple(
            AcceptedKid(kid=kid(one), last_used_seconds=self._since(one, now))
            for one in self._digests.accepted()
        )

    def _since(self, one: Digest, now: float) -> float | None:
        if self._open.get(one):
            return 0.0
        last = self._last.get(one)
        return None if last is None else round(now - last, 3)

    def _cut(self, retired: frozenset[Digest]) -> None:
        for one in retired:
            for stream in self._open.pop(one, ()):
                stream.cut()
            self._last.pop(one, None)


class Verifier:
    """ASGI middleware; see the module."""

    def __init__(self, app: App, digests: DigestSet, usage: Usage, *, new_id: NewId) -> None:
        self._app = app
        self._digests = digests
        self._usage = usage
        self._process = new_id()
        self._requests = count(1)
        self._of: tuple[Digest, ...] = ()
        self._accepts = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            return  # nothing else is served: a socket that is not accepted is closed
        accepted = self._digests.accepted()
        sent: list[bytes] = []
        asked = ""
        for name, value in scope["headers"]:
            if name == _TOKEN:
                sent.append(value)
            elif name == _REQUEST_ID and _FIT.fullmatch(value):
                asked = value.decode()
        scope["request_id"] = asked = asked or f"{self._process}.{next(self._requests)}"
        mark = self._mark(accepted, asked)
        if scope["path"] in OPEN_PATHS:
            await self._pass_on(None, mark, scope, receive, send)
        elif len(sent) == 1 and (found := find(sent[0], accepted)) is not None:
            self._usage.used(found)
            await self._pass_on(found, mark, scope, receive, send)
        else:
            reply = _refusal(sent, accepted, asked)
            reply.headers += mark
            await reply.send(receive, send)

    async def _pass_on(
        self, found: Digest | None, mark: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve the request; if it streams, it ends when the digest `found` is taken away."""
        stream: OpenStream | None = None

        async def marked(message: Message) -> None:
            nonlocal stream
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                # Before its first piece: a reader of a silent session is cut like any other.
                if found is not None and not _says_length(headers):
                    stream = self._usage.opened(found)
                message["headers"] = [*headers, *mark]
            await send(message)

        try:
            await self._app(scope, receive, marked)
        except asyncio.CancelledError:
            if stream is None or not stream.was_cut():
                raise
            await _end(send)
        finally:
            if found is not None and stream is not None:
                self._usage.closed(found, stream)

    def _mark(self, accepted: tuple[Digest, ...], asked: str) -> Headers:
        """What every reply carries: the accepted kids, and the request's id."""
        if accepted is not self._of:
            self._of, self._accepts = accepted, write_accepts(accepted).encode()
        return [(_ACCEPTS, self._accepts), (_REQUEST_ID, asked.encode())]


async def _end(send: Send) -> None:
    """Finish a chunked reply. A reader that takes nothing any more is dropped instead."""
    async with asyncio.timeout(LAST_PIECE_SECONDS):
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _says_length(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    # A loop, not any(): its generator would cost a third of the whole check.
    for name, _ in headers:  # noqa: SIM110
        if name == _LENGTH:
            return True
    return False


def _refusal(sent: list[bytes], accepted: tuple[Digest, ...], asked: str) -> Reply:
    error = _why(sent)
    usable = kid_of(sent[0]) if error == "mismatch" else None
    challenge = Challenge(error, usable, tuple(kid(one) for one in accepted))
    hint = "Send the session's current token in X-Ambient-Session-Token, once."
    found = Problem(error=_SENTENCES[error], code="unauthenticated", hint=hint, request_id=asked)
    reply = json_reply(found.body(runner=True), 401)
    reply.headers.append((b"www-authenticate", challenge.to_header().encode()))
    return reply


def _why(sent: list[bytes]) -> str:
    if len(sent) > 1:
        return "duplicate"
    return "mismatch" if sent and sent[0] else "missing"
