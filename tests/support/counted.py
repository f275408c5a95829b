"""A way to the cluster's API that counts who asks it what, by User-Agent, as the API sees it, and
that answers in its place where a test wants it to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from ambient.engines.kube.access import Access

_OF_ONE_CONNECTION = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "content-encoding",
}


@dataclass(frozen=True)
class Refusal:
    """What the API says instead of doing it."""

    code: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def reply(self) -> web.Response:
        said = {"kind": "Status", "code": self.code, "reason": self.reason, "message": self.reason}
        return web.json_response(said, status=self.code, headers=dict(self.headers))


GONE: Final = Refusal(410, "Expired")
BUSY: Final = Refusal(429, "TooManyRequests", {"Retry-After": "1"})
CONFLICT: Final = Refusal(409, "Conflict")


@dataclass
class Counted:
    """access: to be used instead of the real one. refuse: asked about each request first."""

    access: Access
    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often (User-Agent, method, path)."""
    watched: set[str] = field(default_factory=set)
    """Paths that somebody watches."""
    refuse: Callable[[web.Request], Refusal | None] = lambda request: None
    refused: Counter[int] = field(default_factory=Counter)
    """How often with which code."""
    watches: set[asyncio.Event] = field(default_factory=set)
    """Of each that is open: set to break it off."""

    def break_watches(self) -> None:
        for one in self.watches:
            one.set()

    def of(self, agent: str) -> Counter[tuple[str, str]]:
        """What one program has asked: (method, path)."""
        found: Counter[tuple[str, str]] = Counter()
        for (who, method, path), count in self.requests.items():
            if who.startswith(agent):
                found[method, path] += count
        return found


@asynccontextmanager
async def counted(real: Access) -> AsyncIterator[Counted]:
    """A proxy without encryption, for this process alone; watches are passed on as they come."""
    made = Counted(real)

    async def pass_on(request: web.Request) -> web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        made.requests[agent, request.method, request.path] += 1
        if "watch" in request.query:
            made.watched.add(request.path)
        if (refusal := made.refuse(request)) is not None:
            made.refused[refusal.code] += 1
            return refusal.reply()
        async with http.request(
            request.method,
            real.url + request.raw_path,
            headers=_kept(request.headers.items()),
            data=await request.read(),
            ssl=real.tls or True,
        ) as reply:
            answer = web.StreamResponse(status=reply.status, headers=_kept(reply.headers.items()))
            await answer.prepare(request)
            if "watch" in request.query:
                await _until_broken(made, reply, answer)
            else:
                await _copy(reply, answer)
            return answer

    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", pass_on)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http,
        TestServer(app) as server,
    ):
        made.access = replace(real, url=str(server.make_url("")).rstrip("/"))
        yield made


async def _copy(reply: aiohttp.ClientResponse, answer: web.StreamResponse) -> None:
    async for chunk in reply.content.iter_any():
        await answer.write(chunk)


async def _until_broken(
    made: Counted, reply: aiohttp.ClientResponse, answer: web.StreamResponse
) -> None:
    broken = asyncio.Event()
    made.watches.add(broken)
    try:
        async with asyncio.TaskGroup() as tasks:
            copying = tasks.create_task(_copy(reply, answer))
            cutting = tasks.create_task(broken.wait())
            await asyncio.wait({copying, cutting}, return_when=asyncio.FIRST_COMPLETED)
            copying.cancel()
            cutting.cancel()
    finally:
        made.watches.discard(broken)


def _kept(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {key: one for key, one in headers if key.lower() not in _OF_ONE_CONNECTION}
