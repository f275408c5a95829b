"""Server copies over one database, without a cluster: their loops, gated by leases, and runners
that do a run's work in a test's own process."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from ambient.contract.names import SESSION_TOKEN_HEADER
from ambient.contract.tokens import digest, find, mint
from ambient.core.leases import Leases, Survey
from ambient.core.memory import MemoryEngine
from ambient.core.model import Session, SessionId
from ambient.core.projection import encode
from ambient.core.reconcile.handover import Handing
from ambient.core.reconcile.holding import Held, Holding, Parting, Tailing
from ambient.core.reconcile.loop import Reconciler
from ambient.core.reconcile.ports import LogPorts
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tailer import Tailer
from ambient.relay.tokens import TokenSource
from ambient.storage import Database, SqlEventLog, SqlLeases, SqlSessionStore, SqlTokenStore
from ambient.wiring.system import SystemClock, new_id
from support.fake_runner import FakeRunner

LIFE = 1.0
"""Seconds of a lease; a copy that was killed is missed for so long."""


class WorkingRunner(FakeRunner):
    """Does every run once: says a number of deltas, one every few milliseconds."""

    def __init__(self, deltas: int = 40) -> None:
        super().__init__(())
        self.deltas = deltas
        self.runs: list[str] = []
        self.handed: list[str] = []
        self._work: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def working(self) -> AsyncIterator["WorkingRunner"]:
        async with self.serving(), asyncio.TaskGroup() as self._work:
            yield self
            for task in self._tasks:
                task.cancel()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        token = (request.headers.get(SESSION_TOKEN_HEADER) or "").encode()
        if request.path == "/" and find(token, self.accepted):
            body = json.loads(await request.read())
            self.handed.append(body["runId"])
            if body["runId"] not in self.runs and self._work is not None:
                self.runs.append(body["runId"])
                work = self._run(body["threadId"], body["runId"])
                self._tasks.append(self._work.create_task(work))
        return await super()._answer(request)

    async def _run(self, thread: str, run: str) -> None:
        ids: Mapping[str, Any] = {"threadId": thread, "runId": run}
        clock = SystemClock()
        self.say(encode({"type": "RUN_STARTED", **ids}))
        for number in range(self.deltas):
            await clock.sleep(0.01)
            delta = f"{run}:{number}"
            self.say(encode({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": delta}))
        self.say(encode({"type": "RUN_FINISHED", **ids}))


class Mortal:
    """The leases of a copy that can be killed: from then on it says nothing any more."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.dead = False

    async def claim(self, sessions: Sequence[SessionId]) -> Mapping[SessionId, int]:
        return await self._leases.claim(sessions)

    async def release(self, sessions: Sequence[SessionId]) -> None:
        if not self.dead:
            await self._leases.release(sessions)

    async def survey(self) -> Survey:
        return await self._leases.survey()

    async def leave(self) -> None:
        if not self.dead:
            await self._leases.leave()


@dataclass
class Copy:
    """One server copy, as far as sessions' logs and runs go."""

    database: Database
    store: SqlSessionStore
    log: SqlEventLog
    holding: Holding
    reconciler: Reconciler
    leases: Mortal
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def stop(self) -> None:
        """In good order."""
        await self.stack.aclose()

    async def kill(self) -> None:
        self.leases.dead = True
        await self.stack.aclose()


async def copy_of(url: str, name: str) -> Copy:
    """A copy at work."""
    stack, clock = AsyncExitStack(), SystemClock()
    database = await stack.enter_async_context(await Database.open(url))
    store, tokens = SqlSessionStore(database), SqlTokenStore(database)
    real = SqlLeases(database, clock, name, timedelta(seconds=LIFE))
    leases = Mortal(real)
    log, fenced = SqlEventLog(database, clock), SqlEventLog(database, clock, real.fence)
    client = HttpRunnerClient(TokenSource(store, tokens, clock, cache_seconds=0.2))
    stack.push_async_callback(client.aclose)
    engine = MemoryEngine()
    reconciler = Reconciler(store=store, engine=engine, clock=clock)
    tailer = Tailer(
        client,
        log,
        clock,
        on_error=lambda session, _error: reconciler.wake(session),
        on_append=lambda session, head, _n: (
            None if head.active_started else reconciler.wake(session)
        ),
    )
    holding = Holding(leases, clock, wake=reconciler.wake, lost=tailer.unfollow, life_seconds=LIFE)
    ports = LogPorts(
        store=store,
        log=fenced,
        tokens=tokens,
        engine=engine,
        runner=client,
        relay=tailer,
        clock=clock,
        new_id=new_id,
        mint=mint,
        launch_spec=_no_launch,
    )
    reconciler.add("tailing", Held(Tailing(store, tailer), holding))
    reconciler.add("handover", Held(Handing(ports, lambda _session: True), holding))
    reconciler.add("parting", Held(Parting(store, log, holding), holding))
    database.listen(holding.heard)
    made = Copy(database, store, log, holding, reconciler, leases, stack)
    await stack.enter_async_context(_running(reconciler, tailer, holding))
    return made


@asynccontextmanager
async def _running(*loops: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in loops]
        yield
        for task in tasks:
            task.cancel()


async def _no_launch(session: Session) -> Any:
    raise AssertionError(f"{session.id} is not launched by server copies")


def accept(runner: WorkingRunner) -> Any:
    """A token that the runner takes from now on."""
    token = mint()
    runner.accepted = (*runner.accepted, digest(token))
    return token
