"""What holds for every request, whatever its route: plain ASGI, the outermost layer.

Gives it an id, refuses a Host that is not ours (a web page of somebody else whose name was made
to point at this machine), puts the security headers on the reply, and counts.
"""

import re
from collections.abc import Collection, Sequence
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ambient import VERSION
from ambient.contract.names import REQUEST_ID_HEADER
from ambient.core.errors import Forbidden
from ambient.core.ports import Clock, NewId
from ambient.server.errors import REQUEST_ID, reply_to
from ambient.server.metrics import Metrics
from ambient.server.people import Network, is_within, without_forwarded

BUILD_HEADER: Final = "Ambient-Build"
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d{1,5})?")
_ASKED_ID: Final = REQUEST_ID_HEADER.lower().encode()
_ALWAYS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    (BUILD_HEADER, VERSION),
)
_CLOSED_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""For replies that set no policy of their own: whatever they hold, a browser runs none of it."""

_CURRENT: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request that is being served here; None: none is."""
    return _CURRENT.get()


class Edge:
    """The outermost layer. hosts: host names that are ours, lower case; empty: any. proxies: who
    may say who calls; from everybody else those headers are taken away."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        proxies: Sequence[Network] = (),
        clock: Clock,
        new_id: NewId,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._proxies = tuple(proxies)
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # none of our routes is one
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        if not is_within(client[0] if client else "", self._proxies):
            scope["headers"] = without_forwarded(scope["headers"])
        asked, host = _read(scope)
        request_id = asked.decode() if asked and _ID.fullmatch(asked) else self._new_id()
        scope[REQUEST_ID] = request_id
        _CURRENT.set(request_id)  # each request has a task, so a context, of its own
        begun = self._clock.monotonic()

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(message, request_id)
                self._metrics.answered(
                    scope["method"], message["status"], self._clock.monotonic() - begun
                )
            await send(message)

        if self._hosts and not self._is_ours(host):
            refused = Forbidden(
                "This server does not answer to that host name.",
                hint="Open it as http://127.0.0.1 or http://localhost, with its port.",
            )
            await reply_to(refused, scope)(scope, receive, dress)
            return
        await self._app(scope, receive, dress)

    def _is_ours(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host.decode("latin-1"))
        return found is not None and found[1].lower() in self._hosts

    def _dress(self, message: Message, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers[REQUEST_ID_HEADER] = request_id
        for name, value in _ALWAYS:
            headers[name] = value
        headers.setdefault("content-security-policy", _CLOSED_POLICY)
        headers.setdefault("cache-control", "no-store")


def _read(scope: Scope) -> tuple[bytes, bytes]:
    """The request id that the caller asks for, and the Host; empty when absent or given twice."""
    asked, hosts = b"", []
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value)
        elif name == _ASKED_ID:
            asked = value
    return asked, hosts[0] if len(hosts) == 1 else b""
