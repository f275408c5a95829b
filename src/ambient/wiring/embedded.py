"""The composition root of one machine: server, reconcile loop, relay, SQLite and local engine.

`ambient up` calls `run`. Everything is one process but the runners, which outlive it: a server that
comes back over the same data folder finds and adopts them.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, Final

import structlog
import uvloop
from fastapi import FastAPI

from ambient.contract.launch import LaunchSpec
from ambient.contract.registry import runner_type
from ambient.contract.tokens import mint
from ambient.core.decide import Limits
from ambient.core.errors import AlreadyExists, AmbientError
from ambient.core.model import Head, Session, SessionId
from ambient.core.ports import Clock, SessionStore
from ambient.core.reconcile.care import Care
from ambient.core.reconcile.desired import Desire
from ambient.core.reconcile.files import Files, Saving, SavingRelay
from ambient.core.reconcile.folding import FOLD_EVERY, Folding
from ambient.core.reconcile.handover import Handing
from ambient.core.reconcile.life import Life
from ambient.core.reconcile.loop import Reconciler
from ambient.core.reconcile.ports import LogPorts, nothing_saved
from ambient.core.rotation import Rules
from ambient.core.service.access_keys import AccessKeys
from ambient.core.service.accounts import Accounts
from ambient.core.service.drafts import Drafts
from ambient.core.service.permissions import Permissions
from ambient.core.service.places import Workspaces
from ambient.core.service.preferences import Preferences
from ambient.core.service.projects import Projects
from ambient.core.service.prompts import Prompts
from ambient.core.service.runners import Runners
from ambient.core.service.secrets import Secrets
from ambient.core.service.sharing import Sharing
from ambient.core.service.snapshots import SnapshotRules, Snapshots
from ambient.core.service.staging import Staging
from ambient.core.service.streams import Streams
from ambient.core.service.uploads import Uploads
from ambient.core.service.watch import Watch
from ambient.core.service.workflows import SavedWorkflows
from ambient.engines.local.bot_tokens import LIFE, BotClaim, BotTokens
from ambient.engines.local.engine import LocalEngine
from ambient.engines.local.options import LocalOptions
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tailer import Tailer
from ambient.relay.tokens import CACHE_SECONDS, TokenSource
from ambient.server.app import build_app
from ambient.server.auth import OWNER, EmbeddedAuthenticator, OwnerAlone, OwnerIsAdmin
from ambient.server.catalogue import Catalogue
from ambient.server.edge import current_request_id
from ambient.server.keys import KeysByGrant, WithKeys
from ambient.server.links import Links
from ambient.server.logins import Logins
from ambient.server.metrics import Metrics
from ambient.server.outbound import Outbound
from ambient.server.services import Services
from ambient.server.settings import ServerSettings, SettingsInvalid
from ambient.server.settings import load as load_settings
from ambient.storage.database import Database
from ambient.storage.log import SqlEventLog
from ambient.storage.object import SqlObjectStore
from ambient.storage.seal import AesSealer
from ambient.storage.secret import SqlKeyStore, SqlTokenStore
from ambient.storage.session import SqlSessionStore
from ambient.storage.staging import SqlStagingStore
from ambient.storage.upload import SqlUploadStore
from ambient.wiring.bucket import bucket_of, no_store
from ambient.wiring.catalogue import workflows_of
from ambient.wiring.data import DataFolder
from ambient.wiring.flags import flags_by
from ambient.wiring.http_server import HttpServer
from ambient.wiring.metrics import metrics_served
from ambient.wiring.orders import GitOrders, launch_orders
from ambient.wiring.sessions import sessions_of
from ambient.wiring.system import SystemClock, new_id

Loop = Callable[[], Coroutine[Any, Any, None]]
SWITCH_SECONDS: Final = 0.0005
DEFAULT_PROJECT: Final = "default"
SAVED_FOLDER: Final = "saved"


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
        logins = self.services.logins
        if not isinstance(logins, Logins):
            raise TypeError("a machine has the logins of its owner")
        return f"{self.url}/#code={logins.code()}"


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
    snapshots = _snapshots(ground, client)
    ports = LogPorts(
        store=store,
        log=log,
        tokens=tokens,
        engine=engine,
        runner=client,
        relay=SavingRelay(tailer, lambda: files, store),
        clock=clock,
        new_id=new_id,
        mint=mint,
        launch_spec=_orders(ground),
        forget_files=snapshots.remove if snapshots else nothing_saved,
    )
    care = Care(ports, ground.tuning.rules, reconciler.wake)
    reconciler.add("life", Life(ports, ground.tuning.limits))
    services = replace(
        _services(ground, ports, reconciler.wake, snapshots),
        loop_seen_at=lambda: reconciler.looked_at,
        warm_places=engine.count_warm,
        metrics=metrics,
    )
    files = _files(ground, ports, services.uploads, snapshots)
    reconciler.add("files", files)
    reconciler.add("desired", Desire(ports))
    reconciler.add("handover", Handing(ports, files.in_place))
    reconciler.add("care", care)
    reconciler.add("folding", Folding(log, clock))
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


def _orders(ground: _Ground) -> Callable[[Session], Awaitable[LaunchSpec]]:
    return launch_orders(
        f"{ground.url}/api",
        _runners(ground),
        GitOrders(ca_bundle=ground.settings.ca_bundle, cache_mib=ground.settings.git_cache_mib),
    )


def _files(
    ground: _Ground, ports: LogPorts, uploads: Uploads, snapshots: Snapshots | None
) -> Files:
    return Files(
        store=ports.store,
        log=ports.log,
        uploads=uploads,
        clock=ports.clock,
        say=ports.set_condition,
        saving=Saving(
            snapshots=snapshots,
            no_store=no_store(ground.settings),
            save_every=timedelta(seconds=ground.settings.workspace_save_seconds),
        ),
    )


def _snapshots(ground: _Ground, runner: HttpRunnerClient) -> Snapshots | None:
    bucket = bucket_of(ground.settings, ground.data.folder / SAVED_FOLDER)
    if bucket is None:
        return None
    rules = SnapshotRules(
        max_bytes=ground.settings.workspace_max_mib << 20,
        exclude=ground.settings.workspace_exclude,
    )
    return Snapshots(bucket=bucket, runner=runner, clock=ground.tuning.clock, rules=rules)


def _services(
    ground: _Ground,
    ports: LogPorts,
    wake: Callable[[SessionId], None],
    snapshots: Snapshots | None,
) -> Services:
    store, log, runner, clock = ports.store, ports.log, ports.runner, ports.clock
    authorizer = KeysByGrant(OwnerIsAdmin())
    objects = SqlObjectStore(ground.database)
    access_keys = AccessKeys(store=store, objects=objects, clock=clock)
    drafts = Drafts(store=store, objects=objects, clock=clock)
    flags = flags_by(ground.settings, objects, store)
    runners = replace(_runners(ground), switches=flags)
    staging = Staging(staged=SqlStagingStore(ground.database), clock=clock, new_id=new_id)
    sessions = sessions_of(ports, log, wake, runners, drafts, staging)
    logins, secrets, members = _logins(ground), _secrets(ground), OwnerAlone()
    workspaces = Workspaces(
        store=store, log=log, engine=ports.engine, runner=runner, snapshots=snapshots
    )
    outbound = Outbound(ground.settings.outbound_allow, ground.settings.ca_bundle)
    return Services(
        sessions=sessions,
        runners=runners,
        projects=Projects(
            store=store, sessions=sessions, secrets=secrets, members=members, clock=clock
        ),
        sharing=Sharing(store=store, members=members),
        secrets=secrets,
        drafts=drafts,
        permissions=Permissions(log=log, clock=clock),
        flags=flags,
        preferences=Preferences(objects),
        access_keys=access_keys,
        prompts=Prompts(store=store, log=log, runner=runner, clock=clock, new_id=new_id, wake=wake),
        streams=Streams(log=log),
        watch=Watch(store=store, log=log, authorizer=authorizer),
        workspaces=workspaces,
        accounts=_accounts(ground, ports),
        outbound=outbound,
        catalogue=Catalogue(workflows_of(ground.settings), outbound, clock),
        workflows=SavedWorkflows(objects=objects, store=store),
        staging=staging,
        uploads=_uploads(ground, ports, workspaces),
        store=store,
        log=log,
        tokens=ports.tokens,
        runner=runner,
        authenticator=WithKeys(access_keys, _authenticator(ground, store, logins)),
        authorizer=authorizer,
        logins=logins,
        links=Links(keys=SqlKeyStore(ground.database), clock=clock),
        clock=clock,
        new_id=new_id,
    )


def _logins(ground: _Ground) -> Logins:
    return Logins(
        owner=OWNER,
        keys=SqlKeyStore(ground.database),
        clock=ground.tuning.clock,
        code_seconds=ground.settings.code_seconds,
        login_seconds=ground.settings.login_seconds,
    )


def _authenticator(ground: _Ground, store: SessionStore, logins: Logins) -> EmbeddedAuthenticator:
    return EmbeddedAuthenticator(
        owner_token=ground.data.owner_token(),
        logins=logins,
        verify_bot=lambda token: _whose(ground.bots.verify(token)),
        store=store,
    )


def _accounts(ground: _Ground, ports: LogPorts) -> Accounts:
    return Accounts(
        keys=SqlKeyStore(ground.database),
        sealer=AesSealer(ground.data.account_key()),
        store=ports.store,
        log=ports.log,
        clock=ports.clock,
    )


def _uploads(ground: _Ground, ports: LogPorts, workspaces: Workspaces) -> Uploads:
    return Uploads(
        store=ports.store,
        uploads=SqlUploadStore(ground.database),
        workspaces=workspaces,
        runner=ports.runner,
        clock=ports.clock,
        new_id=new_id,
    )


def _secrets(ground: _Ground) -> Secrets:
    return Secrets(SqlObjectStore(ground.database), ground.tuning.clock)


def _runners(ground: _Ground) -> Runners:
    def is_installed(kind: str) -> bool:
        entry = runner_type(kind)
        return entry is None or not entry.package or find_spec(entry.package) is not None

    return Runners(
        secrets=_secrets(ground), host=ground.settings.for_runners(), is_installed=is_installed
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
