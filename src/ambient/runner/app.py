"""The runner's routes: a router made from `contract.runner_api.ROUTES`, and nothing beside it.

Handlers are grouped by what they work on (`routes/`); each is named as its route. They raise the
runner's errors, and here alone those become replies.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ambient.contract.runner_api import ROUTES, Route
from ambient.runner.errors import RouteNotFound, RunnerError
from ambient.runner.http import Receive, Reply, Request, Scope, Send, Stream, problem

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Reply | Stream]]

_BUG: Final = "Something went wrong inside the runner."


class MissingHandler(Exception):
    """A route of the contract that nobody serves: the runner must not start."""


class Router:
    """ASGI app. handlers: by route name; one for each of ROUTES. Raises MissingHandler."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        missing = [route.name for route in ROUTES if route.name not in handlers]
        if missing:
            raise MissingHandler(", ".join(missing))
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[Route, list[str], Handler]] = []
        for route in ROUTES:
            if "{" in route.path:
                self._patterns.append((route, route.path.split("/"), handlers[route.name]))
            else:
                self._exact[route.method, route.path] = handlers[route.name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing but a broken connection leaves here as an exception."""
        reply: Reply | Stream
        try:
            handler, params = self._find(scope["method"], scope["path"])
            reply = await handler(Request(scope, receive, params))
        except RunnerError as exc:
            reply = problem(exc, scope["request_id"])
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            reply = problem(RunnerError(_BUG), scope["request_id"])
        await reply.send(receive, send)

    def _find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        if found := self._exact.get((method, path)):
            return found, {}
        parts = path.split("/")
        for route, wanted, handler in self._patterns:
            if route.method == method and len(wanted) == len(parts):
                pairs = list(zip(wanted, parts, strict=True))
                if all(want == part or want.startswith("{") for want, part in pairs):
                    return handler, {w[1:-1]: p for w, p in pairs if w.startswith("{")}
        raise RouteNotFound(f"This runner has no route {method} {path}.")
