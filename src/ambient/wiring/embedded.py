"""The composition root of one machine: server, reconcile loop, relay, SQLite and local engine.

`ambient up` calls `run`. Everything is one process but the runners, which outlive it: a server that
comes back over the same data folder finds and adopts them.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import structlog
import uvloop
from fastapi import FastAPI

from ambient.contract.tokens import mint
from ambient.core.decide import Limits
from ambient.core.errors import AlreadyExists, AmbientError
from ambient.core.model import Head, SessionId
from ambient.core.ports import Clock
from ambient.core.reconcile.care import Care
from ambient.core.reconcile.desired import Desire
from ambient.core.reconcile.folding import FOLD_EVERY, Folding
from ambient.core.reconcile.handover import Handing
from ambient.core.reconcile.life import Life
from ambient.core.reconcile.loop import Reconciler
from ambient.core.reconcile.ports import Ports
from ambient.core.rotation import Rules
from ambient.core.service.places import Workspaces
from ambient.core.service.projects import Projects
from ambient.core.service.prompts import Prompts
from ambient.core.service.sessions import Sessions
from ambient.core.service.streams import Streams
from ambient.engines.local.bot_tokens import LIFE, BotClaim, BotTokens
from ambient.engines.local.engine import LocalEngine
from ambient.engines.local.options import LocalOptions
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tailer import Tailer
from ambient.relay.tokens import CACHE_SECONDS, TokenSource
from ambient.server.app import build_app
from ambient.server.auth import OWNER, EmbeddedAuthenticator, OwnerIsAdmin
from ambient.server.edge import current_request_id
from ambient.server.logins import Logins
from ambient.server.metrics import Metrics
from ambient.server.services import Services
from ambient.server.settings import ServerSettings, SettingsInvalid
from ambient.server.settings import load as load_settings
from ambient.storage.database import Database
from ambient.storage.log import SqlEventLog
from ambient.storage.secret import SqlKeyStore, SqlTokenStore
from ambient.storage.session import SqlSessionStore
from ambient.wiring.data import DataFolder
from ambient.wiring.http_server import HttpServer
from ambient.wiring.metrics import metrics_served
from ambient.wiring.orders import launch_orders
from ambient.wiring.system import SystemClock, new_id

Loop = Callable[[], Coroutine[Any, Any, None]]
SWITCH_SECONDS: Final = 0.0005
DEFAULT_PROJECT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What tests and benches shorten; the defaults are the product's."""

    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    engine: LocalOptions = field(default_factory=LocalOptions)
    bot_life: timedelta = LIFE
    cache_seconds: float = CACHE_SECONDS
    """Life of a caller's cached token; always shorter than `rules.quiet`."""
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What everything else rests on."""

    settings: ServerSettings
    data: DataFolder
    database: Database
    engine: LocalEngine
    bots: BotTokens
    url: str
    tuning: Tuning


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform that is put together, and runs as long as its context is open."""

    app: FastAPI
    services: Services
    reconciler: Reconciler
    engine: LocalEngine
    client: HttpRunnerClient
    data: DataFolder
    url: str

    def sign_in_url(self) -> str:
        """A link that signs its first user in, once."""
        return f"{self.url}/#code={self.services.logins.code()}"


def in_address(host: str) -> str:
    """A host as an address spells it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


@asynccontextmanager
async def platform(
    settings: ServerSettings, data: DataFolder, port: int, tuning: Tuning | None = None
) -> AsyncIterator[Platform]:
    """Put it together and keep its loops going. port: where the server will listen.

    Bot tokens of living runners are renewed before anything else (tokens.md).
    """
    tuning = tuning or Tuning(engine=LocalOptions(pool_size=settings.warm_places))
    async with await Database.open(f"sqlite:///{data.database}") as database:
        keys = SqlKeyStore(database)
        bots = BotTokens(keys, tuning.clock, key_life=tuning.engine.key_life, life=tuning.bot_life)
        engine = LocalEngine(
            data.folder, clock=tuning.clock, bot_tokens=bots, options=tuning.engine
        )
        await engine.start()
        ground = _Ground(
            settings=settings,
            data=data,
            database=database,
            engine=engine,
            bots=bots,
            url=f"http://{in_address(settings.host)}:{port}",
            tuning=tuning,
        )
        made, loops = _assemble(ground)
        await _default_project(made.services.projects)
        async with aclosing(made.client), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(loop()) for loop in loops]
            yield made
            made.services.closing.set()
            for task in running:
                task.cancel()


def _assemble(ground: _Ground) -> tuple[Platform, tuple[Loop, ...]]:
    """The platform, and the loops that keep it going."""
    database, engine, clock = ground.database, ground.engine, ground.tuning.clock
    store, tokens = SqlSessionStore(database), SqlTokenStore(database)
    log = SqlEventLog(database, clock)
    reconciler = Reconciler(store=store, engine=engine, clock=clock)
    source = TokenSource(store, tokens, clock, cache_seconds=ground.tuning.cache_seconds)

    metrics = Metrics()

    def refused(session: SessionId, error: AmbientError) -> None:
        metrics.runner_refused(error)
        care.rejected(session)

    def appended(session: SessionId, head: Head, events: int) -> None:
        metrics.appended(events)
        if not head.active_started or head.last_seq % FOLD_EVERY < events:
            reconciler.wake(session)

    client = HttpRunnerClient(source, on_rejected=refused, request_id=current_request_id)
    tailer = Tailer(client, log, clock, on_error=refused, on_append=appended)
    ports = Ports(
        store=store,
        log=log,
        tokens=tokens,
        engine=engine,
        runner=client,
        relay=tailer,
        clock=clock,
        new_id=new_id,
        mint=mint,
        launch_spec=launch_orders(f"{ground.url}/api"),
    )
    care = Care(ports, ground.tuning.rules, reconciler.wake)
    reconciler.add("life", Life(ports, ground.tuning.limits))
    reconciler.add("desired", Desire(ports))
    reconciler.add("handover", Handing(ports))
    reconciler.add("care", care)
    reconciler.add("folding", Folding(log, clock))
    services = replace(
        _services(ground, ports, reconciler.wake),
        loop_seen_at=lambda: reconciler.looked_at,
        metrics=metrics,
    )
    made = Platform(
        app=build_app(services, ground.settings),
        services=services,
        reconciler=reconciler,
        engine=engine,
        client=client,
        data=ground.data,
        url=ground.url,
    )
    return made, (reconciler.run, tailer.run, engine.run)


def _services(ground: _Ground, ports: Ports, wake: Callable[[SessionId], None]) -> Services:
    store, log, runner, clock = ports.store, ports.log, ports.runner, ports.clock
    sessions = Sessions(store=store, log=log, clock=clock, new_id=new_id, wake=wake)
    logins = Logins(
        keys=SqlKeyStore(ground.database),
        clock=clock,
        code_seconds=ground.settings.code_seconds,
        login_seconds=ground.settings.login_seconds,
    )
    return Services(
        sessions=sessions,
        projects=Projects(store=store, sessions=sessions, clock=clock),
        prompts=Prompts(store=store, log=log, runner=runner, clock=clock, new_id=new_id, wake=wake),
        streams=Streams(log=log),
        workspaces=Workspaces(store=store, log=log, engine=ports.engine, runner=runner),
        store=store,
        log=log,
        tokens=ports.tokens,
        runner=runner,
        authenticator=EmbeddedAuthenticator(
            owner_token=ground.data.owner_token(),
            logins=logins,
            verify_bot=lambda token: _whose(ground.bots.verify(token)),
            store=store,
        ),
        authorizer=OwnerIsAdmin(),
        logins=logins,
        clock=clock,
        new_id=new_id,
    )


def _whose(claim: BotClaim) -> tuple[SessionId, int]:
    return claim.session, claim.generation


async def _default_project(projects: Projects) -> None:
    """The project that commands use when none is named."""
    try:
        await projects.create(OWNER, DEFAULT_PROJECT, "Default")
    except AlreadyExists:
        return


async def serve(
    settings: ServerSettings,
    data: DataFolder,
    listener: socket.socket,
    ready: Callable[[Platform], None],
    tuning: Tuning | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. ready: called once requests are answered."""
    port = int(listener.getsockname()[1])
    async with platform(settings, data, port, tuning) as made:

        def started() -> None:
            data.write_server(made.url)
            ready(made)

        server = HttpServer(made.app, drain_seconds=settings.drain_seconds, started=started)

        def end() -> None:
            made.services.closing.set()
            server.should_exit = True

        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, end)
        async with metrics_served(made.services, settings):
            await server.serve(sockets=[listener])


def run(
    settings: ServerSettings,
    data: DataFolder,
    listener: socket.socket,
    ready: Callable[[Platform], None],
    tuning: Tuning | None = None,
) -> None:
    """`ambient up`: serve on a listener that is bound already, over a data folder that is held.

    settings: from `load_settings`. ready: called with the platform once requests are answered.
    """
    # The default shows the local variables of a traceback: tokens have no place in a log.
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    # The database's threads wait for the interpreter less long behind a busy event loop.
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, data, listener, ready, tuning))


__all__ = ["Platform", "SettingsInvalid", "Tuning", "load_settings", "platform", "run", "serve"]
