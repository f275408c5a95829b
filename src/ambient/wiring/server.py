"""The composition root of a server on a cluster: one copy of any number.

`ambient server` calls `run`. Wishes go into custom resources, everything else into PostgreSQL;
leases say which sessions are this copy's. Whoever makes and heals runners is the operator.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from fastapi import FastAPI

from ambient.contract.launch import LaunchSpec
from ambient.contract.tokens import mint
from ambient.core.errors import AmbientError, Unavailable
from ambient.core.model import Head, Session, SessionId
from ambient.core.ports import Clock
from ambient.core.reconcile.files import Files, Saving, SavingRelay
from ambient.core.reconcile.folding import FOLD_EVERY, Folding
from ambient.core.reconcile.handover import Handing
from ambient.core.reconcile.holding import Held, Holding, Parting, Tailing
from ambient.core.reconcile.loop import Concern, Reconciler
from ambient.core.reconcile.ports import LogPorts
from ambient.core.reconcile.serving import Draining, Prompting, Publishing, Telling
from ambient.core.service.fleet import Operator
from ambient.core.service.snapshots import SnapshotRules, Snapshots
from ambient.engines.kube.access import Access, find_access
from ambient.engines.kube.acting import ActingOperator
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.engine import KubeEngine, Sight
from ambient.engines.kube.index import Index, IndexOptions
from ambient.engines.kube.kind import NAMESPACE, POD
from ambient.engines.kube.manifest import RUNNERS
from ambient.engines.kube.options import KubeOptions
from ambient.engines.kube.place import claimant, count_ready
from ambient.engines.kube.project import labels_of
from ambient.engines.kube.secret import KubeTokenStore
from ambient.engines.kube.secrets_watch import SecretsWatch
from ambient.engines.kube.server_store import KubeSessionStore
from ambient.engines.kube.settings import ClusterSettings
from ambient.engines.kube.waiting import Signals
from ambient.engines.kube.watch import Cache, Watch
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tailer import Tailer
from ambient.relay.tokens import TokenSource
from ambient.server.app import build_app
from ambient.server.edge import current_request_id
from ambient.server.metrics import Metrics
from ambient.server.people import NoWayToSignIn
from ambient.server.services import Services
from ambient.server.settings import SettingsInvalid
from ambient.storage.database import Database
from ambient.storage.leases import SqlLeases
from ambient.storage.log import SqlEventLog
from ambient.storage.mirror import SqlMirror
from ambient.storage.session import SqlSessionStore
from ambient.wiring.bucket import bucket_of
from ambient.wiring.http_server import HttpServer
from ambient.wiring.metrics import metrics_served
from ambient.wiring.server_services import make_services
from ambient.wiring.settings import KubeServerSettings, load_server
from ambient.wiring.system import SystemClock, new_id

log = structlog.get_logger()

USER_AGENT: Final = "ambient-server"
SILENT_SECONDS: Final = 150.0
"""A cluster that gave no sign for so long is not there; bookmarks come about once a minute."""
NOT_SAVED: Final = "Workspaces are kept on their volume alone: no object store is set."
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """A copy that is put together, and runs as long as its context is open."""

    app: FastAPI
    services: Services
    reconciler: Reconciler
    holding: Holding
    index: Index
    store: KubeSessionStore
    client: KubeClient


class _Cluster:
    """What a copy sees of the cluster by itself: its projects' names, their Secrets, runners."""

    def __init__(self, settings: KubeServerSettings, client: KubeClient, clock: Clock) -> None:
        self.client = client
        self._settings = settings
        self._clock = clock
        self.secrets = SecretsWatch(client, clock, cache_seconds=settings.token_cache_seconds)
        self.namespaces = Cache(
            Watch(client, NAMESPACE, clock, selector=settings.managed_selector),
            on_change=lambda _key: self.secrets.namespaces(
                {one["metadata"]["name"] for one in self.namespaces.values()}
            ),
        )
        self.pods = Cache(Watch(client, POD, clock, selector=RUNNERS))
        sight = Sight(pods=self.pods, secrets=self.secrets, changed=Signals())
        self.engine = KubeEngine(client, KubeOptions(image=""), clock, sight)

    @property
    def alive(self) -> bool:
        """Whether the API has given a sign of life lately."""
        seen = self.namespaces.watch.heard_at
        return seen is not None and self._clock.monotonic() - seen < SILENT_SECONDS

    async def count_warm(self, project: str | None) -> int:
        """How many places are ready for a session yet to come, as the watch of Pods says. project:
        its namespace; None: everywhere."""
        pods = self.pods.values()
        return count_ready(one for one in pods if project in (None, one["metadata"]["namespace"]))

    async def operator(self) -> Operator:
        """Which operator acts, as its Lease says."""
        settings = self._settings
        namespace = settings.lease_namespace or self.client.namespace
        return await ActingOperator(self.client, self._clock, settings.lease_name, namespace).read()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What keeps it fresh."""
        return (self.namespaces.run, self.pods.run, self.secrets.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What everything else rests on."""

    settings: KubeServerSettings
    database: Database
    cluster: _Cluster
    clock: Clock
    name: str


@asynccontextmanager
async def server(
    settings: KubeServerSettings, access: Access, clock: Clock | None = None
) -> AsyncIterator[ServerParts]:
    """Put a copy together and keep its loops going. Raises StorageUnavailable, NoWayToSignIn."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        url = settings.database_url.get_secret_value()
        database = await stack.enter_async_context(await Database.open(url))
        client = KubeClient(access, clock, user_agent=USER_AGENT)
        stack.push_async_callback(client.aclose)
        ground = _Ground(
            settings=settings,
            database=database,
            cluster=_Cluster(settings, client, clock),
            clock=clock,
            name=f"{socket.gethostname()}-{new_id()[:8]}",
        )
        made, runner, loops = _assemble(ground)
        stack.push_async_callback(runner.aclose)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(loop()) for loop in loops]
            yield made
            made.services.closing.set()
            for task in running:
                task.cancel()


def _assemble(ground: _Ground) -> tuple[ServerParts, HttpRunnerClient, tuple[Loop, ...]]:
    database, clock, cluster = ground.database, ground.clock, ground.cluster

    def changed(session: SessionId) -> None:
        reconciler.wake(session)

    mirror = SqlMirror(database, clock, wake=changed)
    store = KubeSessionStore(
        cluster.client,
        SqlSessionStore(database),
        mirror,
        clock,
        new_id,
        managed=labels_of(ground.settings.managed_selector),
    )
    life = ground.settings.copy_lease_seconds
    leases = SqlLeases(database, clock, ground.name, timedelta(seconds=life))
    log_of_all = SqlEventLog(database, clock)
    reconciler = Reconciler(store=store, engine=cluster.engine, clock=clock)
    metrics = Metrics()
    telling = Telling(store, clock, store.token_refused)
    reconciler.add("telling", telling)
    ports, runner, tailer = _ports(ground, store, leases, reconciler.wake, metrics, telling)
    snapshots = _snapshots(ground, runner)
    holding = Holding(leases, clock, wake=reconciler.wake, lost=tailer.unfollow, life_seconds=life)
    options = IndexOptions(ground.settings.managed_selector, life)
    index = Index(cluster.client, mirror, leases, clock, take=store.take, options=options)
    services = replace(
        make_services(
            cluster.client,
            database,
            ports,
            log=log_of_all,
            wake=reconciler.wake,
            settings=ground.settings,
            snapshots=snapshots,
            claimant=lambda namespace, name: claimant(cluster.pods.get(namespace, name)),
        ),
        loop_seen_at=lambda: reconciler.looked_at,
        warm_places=cluster.count_warm,
        operator=cluster.operator,
        metrics=metrics,
        checks=lambda: _checks(index, cluster),
        mode="kubernetes",
    )
    _add_concerns(reconciler, ports, holding, services, store, snapshots)
    database.listen(holding.heard)
    made = ServerParts(
        app=build_app(services, ground.settings),
        services=services,
        reconciler=reconciler,
        holding=holding,
        index=index,
        store=store,
        client=cluster.client,
    )
    loops = (reconciler.run, tailer.run, holding.run, index.run, *cluster.loops)
    return made, runner, loops


def _ports(
    ground: _Ground,
    store: KubeSessionStore,
    leases: SqlLeases,
    wake: Callable[[SessionId], None],
    metrics: Metrics,
    telling: Telling,
) -> tuple[LogPorts, HttpRunnerClient, Tailer]:
    """What the concerns act on. What they say and hand over is refused once a lease is lost."""
    database, clock, cluster = ground.database, ground.clock, ground.cluster

    def refused(session: SessionId, error: AmbientError) -> None:
        metrics.runner_refused(error)
        wake(session)

    def appended(session: SessionId, head: Head, events: int) -> None:
        metrics.appended(events)
        if not head.active_started or head.last_seq % FOLD_EVERY < events:
            wake(session)

    def rejected(session: SessionId, error: AmbientError) -> None:
        telling.refused(session)
        refused(session, error)

    tokens = KubeTokenStore(cluster.client, store, mirror=cluster.secrets)
    source = TokenSource(store, tokens, clock, cache_seconds=0, on_forget=tokens.forget)
    runner = HttpRunnerClient(source, on_rejected=rejected, request_id=current_request_id)
    tailer = Tailer(
        runner, SqlEventLog(database, clock), clock, on_error=refused, on_append=appended
    )
    ports = LogPorts(
        store=store,
        log=SqlEventLog(database, clock, leases.fence),
        tokens=tokens,
        engine=cluster.engine,
        runner=runner,
        relay=tailer,
        clock=clock,
        new_id=new_id,
        mint=mint,
        launch_spec=_never,
    )
    return ports, runner, tailer


def _add_concerns(
    reconciler: Reconciler,
    ports: LogPorts,
    holding: Holding,
    services: Services,
    store: KubeSessionStore,
    snapshots: Snapshots | None,
) -> None:
    log_of_all, clock = services.log, ports.clock
    files = Files(
        store=store,
        log=log_of_all,
        uploads=services.uploads,
        clock=clock,
        say=store.say_condition,
        saving=Saving(snapshots=snapshots, no_store=None if snapshots else NOT_SAVED),
    )
    relay = SavingRelay(ports.relay, lambda: files, store)
    concerns: dict[str, Concern] = {
        "tailing": Tailing(store, ports.relay),
        "draining": Draining(store, log_of_all, relay, store.drained),
        "prompting": Prompting(store, log_of_all, clock, new_id),
        "files": files,
        "handover": Handing(ports, files.in_place),
        "publishing": Publishing(store, log_of_all, clock, store.publish),
        "folding": Folding(log_of_all, clock),
        "parting": Parting(store, log_of_all, holding),
    }
    for name, concern in concerns.items():
        reconciler.add(name, Held(concern, holding))


def _snapshots(ground: _Ground, runner: HttpRunnerClient) -> Snapshots | None:
    """None without an object store: a copy has no disk that another one sees."""
    settings = ground.settings
    bucket = bucket_of(settings, Path()) if settings.workspaces == "s3" else None
    if bucket is None:
        return None
    rules = SnapshotRules(
        max_bytes=settings.workspace_max_mib << 20, exclude=settings.workspace_exclude
    )
    return Snapshots(bucket=bucket, runner=runner, clock=ground.clock, rules=rules)


def _checks(index: Index, cluster: _Cluster) -> Mapping[str, str]:
    return {
        "index": "ok" if index.fresh else "failed",
        "cluster": "ok" if cluster.alive else "degraded",
    }


async def _never(session: Session) -> LaunchSpec:
    raise Unavailable(f"{session.id} is launched by the operator.")


async def serve(settings: KubeServerSettings, access: Access, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with server(settings, access) as made:
        served = HttpServer(
            made.app,
            drain_seconds=settings.drain_seconds,
            started=lambda: log.info("serving", port=listener.getsockname()[1]),
        )

        def end() -> None:
            made.services.closing.set()
            served.should_exit = True

        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, end)
        async with metrics_served(made.services, settings):
            await served.serve(sockets=[listener])


def run() -> None:
    """`ambient server`. Raises SettingsInvalid, ClusterRefused, StorageUnavailable, NoWayToSignIn,
    OSError."""
    settings, access = load_server(), find_access(ClusterSettings())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    with bound, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, access, bound))


__all__ = [
    "AmbientError",
    "NoWayToSignIn",
    "ServerParts",
    "SettingsInvalid",
    "run",
    "serve",
    "server",
]
