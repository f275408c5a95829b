"""A runner in a screen: the routes that the relay needs, with a journal in memory.

In a test's own process (`FakeRunner`), or as the process that a fork server makes (`run`).
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from ambient.contract.events import frame
from ambient.contract.launch import LaunchSpec
from ambient.contract.names import (
    JOURNAL_DIR,
    JOURNAL_HEADER,
    JOURNAL_LAST_HEADER,
    JOURNALS_HEADER,
    READY_FILE,
    SESSION_TOKEN_HEADER,
)
from ambient.contract.runner_api import OPEN_PATHS
from ambient.contract.tokens import (
    Challenge,
    Digest,
    Token,
    find,
    kid,
    kid_of,
    read_digests,
)


class FakeRunner:
    """accepted: digests it takes now. requests: (method, path, token) of all that came."""

    def __init__(self, accepted: Iterable[Digest], *, journal: str = "j1") -> None:
        self.accepted = tuple(accepted)
        self.journal = journal
        self.events: list[bytes] = []
        self.blobs: dict[str, bytes] = {}
        self.acks: list[tuple[str, int]] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.headers: list[Mapping[str, str]] = []
        self.replies: dict[str, tuple[int, Any]] = {}
        self.refused = 0
        self.queries: list[Mapping[str, str]] = []
        self.afters: list[int] = []
        self.stream_tokens: list[Token] = []
        self.good = Token("")
        self.strips_header = False
        self.says_last = True
        self.url = ""
        self.on_claim: Callable[[str], None] = lambda session: None
        self._changed = asyncio.Event()
        self._open: dict[int, web.Request] = {}

    def say(self, *events: bytes) -> None:
        self.events.extend(events)
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def journal_streams(self) -> int:
        """How many streams were opened to follow a journal, known by then."""
        return sum("journal" in query for query in self.queries)

    @property
    def open_streams(self) -> int:
        return len(self._open)

    def cut(self) -> None:
        """Drop every open stream as a lost connection does."""
        for request in list(self._open.values()):
            if request.transport is not None:
                request.transport.abort()

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator["FakeRunner"]:
        app = web.Application(client_max_size=16 << 20)
        app.router.add_get("/events", self._stream)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, host, 0)
        await site.start()
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.cut()
            await runner.cleanup()

    def _refusal(self, request: web.Request) -> web.Response | None:
        token = request.headers.get(SESSION_TOKEN_HEADER)
        self.requests.append((request.method, request.path, token))
        self.headers.append(request.headers)
        if self.strips_header:
            token = None
        if request.path in OPEN_PATHS or find((token or "").encode(), self.accepted):
            return None
        self.refused += 1
        sent = kid_of(token) if token else None
        said = Challenge("mismatch" if token else "missing", sent, self._kids())
        return web.Response(status=401, headers={"WWW-Authenticate": said.to_header()})

    def _kids(self) -> tuple[Any, ...]:
        return tuple(kid(one) for one in self.accepted)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = await request.read()
        if request.path == "/events/ack":
            said = json.loads(body)
            self.acks.append((said["journal"], said["through"]))
            return web.Response(status=204)
        if request.path.startswith("/blobs/"):
            found = self.blobs.get(request.path.removeprefix("/blobs/"))
            return web.Response(status=200 if found is not None else 404, body=found)
        if request.path == "/claim":
            self.on_claim(json.loads(body)["launch"]["session"])
        if request.path == "/workspace/chunks":
            return web.Response(body=b"\xff" * 4 * len(json.loads(body)["refs"]))
        status, reply = self.replies.get(request.path, (200, self._reply(request.path)))
        return web.json_response(reply, status=status)

    def _reply(self, path: str) -> Any:
        return {
            "/version": {"version": "1", "contract": {"min": 0, "max": 1}},
            "/capabilities": {"framework": "fake"},
            "/": {"runId": "r", "status": "started"},
            "/claim": {"generation": 1},
            "/content/list": {"items": []},
            "/repos/diff": {"name": "shop", "branch": "b", "base": "c", "baseBranch": "main"},
            "/repos/push": {
                "name": "shop",
                "branch": "ambient/s",
                "commit": "c",
                "pushed": True,
                "url": "https://git.example/shop.git",
            },
            "/workspace/scan": {"entries": []},
            "/workspace": {"restored": True},
        }.get(path, {"repos": [], "tasks": [], "branches": []})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        journal = request.query.get("journal", self.journal)
        if journal != self.journal:
            problem = {
                "error": "?",
                "code": "unknown_journal",
                "details": {"current": self.journal},
            }
            return web.json_response(problem, status=409)
        headers = {JOURNAL_HEADER: self.journal, JOURNALS_HEADER: self.journal}
        if self.says_last:
            headers[JOURNAL_LAST_HEADER] = str(len(self.events))
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        after = int(request.query.get("after", 0))
        self.afters.append(after)
        self.queries.append(request.query)
        self.stream_tokens.append(Token(request.headers[SESSION_TOKEN_HEADER]))
        self._open[id(request)] = request
        try:
            await self._pour(response, after)
        except ConnectionError:
            pass
        finally:
            self._open.pop(id(request), None)
        return response

    async def _pour(self, response: web.StreamResponse, after: int) -> None:
        while True:
            changed = self._changed
            fresh = self.events[after : after + 500]
            if fresh:
                await response.write(
                    b"".join(frame(number, data) for number, data in enumerate(fresh, after + 1))
                )
                after += len(fresh)
            else:
                await changed.wait()


def run(env: Mapping[str, str]) -> int:
    """What a forked child does: serve until SIGTERM, with one event in its journal file."""
    spec = LaunchSpec.from_env(env)
    if (code := env.get("FAKE_EXIT")) is not None:
        print(env.get("FAKE_LAST_LINE", "leaving"))  # noqa: T201
        return int(code)
    if env.get("FAKE_KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    asyncio.run(_serve(spec, env, Path(spec.digests_file).read_text()))
    return 143


async def _serve(spec: LaunchSpec, env: Mapping[str, str], digests: str) -> None:
    runner = FakeRunner(read_digests(digests))
    runner.events = [b'{"type":"CUSTOM","name":"a"}', b'{"type":"CUSTOM","name":"b"}']
    state = Path(spec.state_dir)
    text = b"\n".join(runner.events) + b"\n" + b'{"type":"CUS'
    (state / JOURNAL_DIR / "j1.jsonl").write_bytes(text)
    ended = asyncio.Event()
    if not env.get("FAKE_STUBBORN"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    async with runner.serving():

        def ready(session: str) -> None:
            draft = state / f".{READY_FILE}"
            port = int(runner.url.rpartition(":")[2])
            draft.write_text(json.dumps({"port": port, "session": session}))
            draft.replace(state / READY_FILE)

        if env.get("FAKE_CHILDREN"):
            (state / "children.json").write_text(json.dumps(_children(spec.workspace)))
        ready(spec.session)
        runner.on_claim = ready
        await ended.wait()


def _children(workspace: str) -> list[int]:
    """Two that ignore SIGTERM: one in the runner's session, one that leads its own."""
    command = ["/bin/sh", "-c", "trap '' TERM; exec sleep 1000"]
    env = {"PATH": os.defpath, "WORKSPACE_PATH": workspace}
    return [os.posix_spawn(command[0], command, env, setsid=leads) for leads in (False, True)]
