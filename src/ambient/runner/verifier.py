"""The check in front of every route: no request passes without the session token (tokens.md).

Plain ASGI around everything, streams included. Only `OPEN_PATHS` pass without, by exact path.
Every reply says which kids are accepted; a stream opened with a digest that is taken away ends
after a whole piece.
"""

import asyncio
from collections import Counter
from typing import Final

from ambient.contract.names import ACCEPTS_HEADER, REQUEST_ID_HEADER, SESSION_TOKEN_HEADER
from ambient.contract.problem import Problem
from ambient.contract.runner_api import OPEN_PATHS, AcceptedKid
from ambient.contract.tokens import Challenge, Digest, find, kid, kid_of, write_accepts
from ambient.runner.clock import Clock, NewId
from ambient.runner.digests import DigestSet
from ambient.runner.http import App, Message, Receive, Reply, Scope, Send, json_reply, request_id

LAST_PIECE_SECONDS: Final = 2.0
"""How long a reader that takes nothing may hold up the proper end of its stream."""

_TOKEN: Final = SESSION_TOKEN_HEADER.lower().encode()
_ACCEPTS: Final = ACCEPTS_HEADER.lower().encode()
_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_SENTENCES: Final = {
    "missing": "The request carries no session token.",
    "duplicate": "The request carries more than one session token.",
    "mismatch": "The session token is not one that this runner accepts.",
}


class Usage:
    """When each accepted digest was last used, and which streams it holds open."""

    def __init__(self, digests: DigestSet, clock: Clock) -> None:
        self._digests = digests
        self._clock = clock
        self._last: dict[Digest, float] = {}
        self._open: dict[Digest, set[asyncio.Timeout]] = {}
        digests.on_retired(self._cut)

    def used(self, one: Digest) -> None:
        """A request came with it."""
        self._last[one] = self._clock.monotonic()

    def opened(self, one: Digest, stream: asyncio.Timeout) -> None:
        """A stream was opened with it; `stream` is what ends that stream."""
        self._open.setdefault(one, set()).add(stream)

    def closed(self, one: Digest, stream: asyncio.Timeout) -> None:
        """The stream is over, which was a use until this moment."""
        streams = self._open.get(one)
        if streams and stream in streams:
            streams.discard(stream)
            self.used(one)

    def report(self) -> tuple[AcceptedKid, ...]:
        """What /version says of each accepted digest."""
        now = self._clock.monotonic()
        return tuple(
            AcceptedKid(kid=kid(one), last_used_seconds=self._since(one, now))
            for one in self._digests.accepted()
        )

    def streams(self) -> Counter[str]:
        """Open streams by kid."""
        return Counter({kid(one): len(found) for one, found in self._open.items() if found})

    def _since(self, one: Digest, now: float) -> float | None:
        if self._open.get(one):
            return 0.0
        last = self._last.get(one)
        return None if last is None else round(now - last, 3)

    def _cut(self, retired: frozenset[Digest]) -> None:
        for one in retired:
            for stream in self._open.pop(one, ()):
                stream.reschedule(0)
            self._last.pop(one, None)


class Verifier:
    """ASGI middleware; see the module."""

    def __init__(self, app: App, digests: DigestSet, usage: Usage, *, new_id: NewId) -> None:
        self._app = app
        self._digests = digests
        self._usage = usage
        self._new_id = new_id
        self._of: tuple[Digest, ...] = ()
        self._accepts = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            return  # nothing else is served: a socket that is not accepted is closed
        accepted = self._digests.accepted()
        scope["request_id"] = request_id(scope, self._new_id)
        marked = self._marked(scope, send, accepted)
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, marked)
            return
        sent = [value for name, value in scope["headers"] if name == _TOKEN]
        found = find(sent[0], accepted) if len(sent) == 1 else None
        if found is None:
            await _refusal(sent, accepted, scope["request_id"]).send(receive, marked)
            return
        self._usage.used(found)
        await self._pass_on(found, scope, receive, marked)

    async def _pass_on(self, found: Digest, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; once it streams, it ends when `found` is taken away."""
        begun = whole = False
        stream = asyncio.timeout(None)
        try:
            async with stream:

                async def watched(message: Message) -> None:
                    nonlocal begun, whole
                    if message.get("more_body") and not begun:
                        begun = True
                        self._usage.opened(found, stream)
                    await send(message)
                    whole = message["type"] == "http.response.body" and not message.get("more_body")

                try:
                    await self._app(scope, receive, watched)
                finally:
                    if begun:
                        self._usage.closed(found, stream)
        except TimeoutError:
            if not stream.expired():
                raise
            if not whole:
                await _end(send)

    def _marked(self, scope: Scope, send: Send, accepted: tuple[Digest, ...]) -> Send:
        """Have every reply name the accepted kids and the request."""
        if accepted is not self._of:
            self._of, self._accepts = accepted, write_accepts(accepted).encode()
        mark = [(_ACCEPTS, self._accepts), (_REQUEST_ID, scope["request_id"].encode())]

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *mark]
            await send(message)

        return marked


async def _end(send: Send) -> None:
    """Finish a chunked reply. A reader that takes nothing any more is dropped instead."""
    async with asyncio.timeout(LAST_PIECE_SECONDS):
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
