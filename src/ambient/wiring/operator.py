"""The composition root of an operator: watches, the reconcile loop, the engine, the lease.

`ambient operator` calls `run`. Any number may run; one acts, by Lease. It has no database and
serves nothing: what is wanted and what is lives in custom resources.
"""

import asyncio
import logging
import signal
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import structlog
import uvloop

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import RUNNER_SECRETS, SETTINGS_NAME, pod_name, token_secret_name
from ambient.contract.registry import CLAUDE, runner_type
from ambient.contract.tokens import mint
from ambient.core.decide import Limits
from ambient.core.errors import AmbientError, ClusterRefused, Invalid
from ambient.core.model import Session, SessionId, UserId, session_id
from ambient.core.ports import Clock
from ambient.core.reconcile.care import Care
from ambient.core.reconcile.desired import Desire
from ambient.core.reconcile.life import Life
from ambient.core.reconcile.loop import Reconciler
from ambient.core.reconcile.ports import Ports
from ambient.core.rotation import Rules
from ambient.core.service.runners import Runners
from ambient.engines.kube.access import Access, find_access
from ambient.engines.kube.adoption import Adoption
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.engine import KubeEngine, Sight
from ambient.engines.kube.grants import Grants
from ambient.engines.kube.handshake import Handshake
from ambient.engines.kube.kind import NAMESPACE, POD, SESSION, SETTINGS, Kind
from ambient.engines.kube.lease import Leadership, LeaseOptions
from ambient.engines.kube.manifest import RUNNERS
from ambient.engines.kube.operator_log import OperatorLog
from ambient.engines.kube.operator_store import KubeRecords, keep_active
from ambient.engines.kube.options import KubeOptions, RunnerImage
from ambient.engines.kube.place import claimant, is_place
from ambient.engines.kube.pool import Around, Pool
from ambient.engines.kube.project import is_going
from ambient.engines.kube.project_care import ProjectCare
from ambient.engines.kube.resource import INVALID
from ambient.engines.kube.runner_keys import RunnerKeys
from ambient.engines.kube.secret import KubeTokenStore
from ambient.engines.kube.secrets_watch import SecretsWatch
from ambient.engines.kube.settings import (
    ClusterSettings,
    OperatorSettings,
    SettingsInvalid,
    load_operator,
)
from ambient.engines.kube.waiting import Signals
from ambient.engines.kube.watch import Cache, Key, Watch, key_of
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tokens import TokenSource
from ambient.wiring.orders import GitOrders, launch_orders
from ambient.wiring.system import SystemClock, new_id

log = structlog.get_logger()

USER_AGENT: Final = "ambient-operator"
WORKERS: Final = 128
"""Sessions looked at together; a stop waits for its Pod's end in one of them."""
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorParts:
    """An operator that is put together. client: its writes are gated by the lease."""

    reconciler: Reconciler
    engine: KubeEngine
    records: KubeRecords
    tokens: KubeTokenStore
    client: KubeClient
    runner: HttpRunnerClient
    pool: Pool
    filled: Loop
    """Returns when the watches have seen all that is there once."""
    watches: tuple[Loop, ...] = field(repr=False)


class _Watches:
    """What an operator sees of the cluster. engine: woken, once there is one."""

    def __init__(self, settings: OperatorSettings, client: KubeClient, clock: Clock) -> None:
        def watch(kind: Kind, selector: str = "") -> Watch:
            return Watch(client, kind, clock, selector=selector)

        self.changed = Signals()
        self.objects = Cache(watch(SESSION), keep=keep_active, on_change=self._session)
        self.settings = Cache(watch(SETTINGS), on_change=lambda key: self.projects.changed(key[0]))
        self.namespaces = Cache(
            watch(NAMESPACE, settings.managed_selector), on_change=self._namespace
        )
        self.secrets = SecretsWatch(
            client, clock, cache_seconds=settings.token_cache_seconds, on_change=self._secret
        )
        self.pods = Cache(watch(POD, RUNNERS), on_change=self._pod)
        self.claimants: dict[Key, str] = {}
        self.grants = Grants(
            client,
            clock,
            platform=client.namespace,
            roles=settings.secret_roles,
            then=self.secrets.namespaces,
        )
        self.projects = ProjectCare(
            client,
            clock,
            settings=self._settings_of,
            projects=lambda: [key_of(one)[0] for one in self.settings.values()],
            requests=settings.runner_requests,
            limits=settings.runner_limits,
        )
        self.engine: KubeEngine | None = None
        self.pool: Pool | None = None

    async def filled(self) -> None:
        """Return when all that is there was seen once."""
        for one in (self.objects, self.settings, self.namespaces, self.pods):
            await one.filled()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What keeps them fresh."""
        caches = (self.objects, self.settings, self.namespaces, self.secrets, self.pods)
        return (*(one.run for one in caches), self.grants.run, self.projects.run)

    def here(self) -> list[str]:
        """The managed namespaces that stay."""
        return [one["metadata"]["name"] for one in self.namespaces.values() if not is_going(one)]

    def manages(self, namespace: str) -> bool:
        """Whether a namespace is the operator's business."""
        return self.namespaces.get("", namespace) is not None

    def runner_secrets(self, namespace: str) -> str:
        """Name of the Secret whose values its runners get."""
        found = self.settings.get(namespace, SETTINGS_NAME) or {}
        return str((found.get("spec") or {}).get("runnerSecretsName") or RUNNER_SECRETS)

    def _session(self, key: Key) -> None:
        self.changed.changed(key)
        self._wake(session_id(*key))

    def place_secrets(self, namespace: str) -> Iterable[Object]:
        """Of warm places."""
        found = self.secrets.values(namespace)
        return [one for one in found if is_place(one["metadata"]["name"])]

    def _secret(self, key: Key) -> None:
        if is_place(key[1]):
            self._place(key)
        else:
            self._wake(session_id(key[0], key[1].removeprefix(token_secret_name(""))))

    def _pod(self, key: Key) -> None:
        if self.engine is not None and self.manages(key[0]):
            self.engine.pod_changed(key)
        if is_place(key[1]):
            self._place(key)
        else:
            self._wake(session_id(key[0], key[1].removesuffix(pod_name(""))))

    def _place(self, key: Key) -> None:
        """Something of a warm place has changed: wake the session that claimed it, or the pool."""
        pod = self.pods.get(*key)
        known = claimant(pod) or self.claimants.get(key)
        if pod is None:
            self.claimants.pop(key, None)
        elif known is not None:
            self.claimants[key] = known
        if known is not None:
            self._wake(session_id(key[0], known))
        elif self.pool is not None:
            self.pool.noticed()

    def _settings_of(self, namespace: str) -> Object | None:
        return self.settings.get(namespace, SETTINGS_NAME) if self.manages(namespace) else None

    def _namespace(self, changed: Key) -> None:
        self.projects.changed(changed[1])
        self.grants.namespaces({str(one["metadata"]["name"]) for one in self.namespaces.values()})
        if self.pool is not None:
            self.pool.noticed()
        for one in self.objects.values():
            if one["metadata"]["namespace"] == changed[1]:
                self._wake(session_id(*key_of(one)))

    def _wake(self, session: SessionId) -> None:
        if self.engine is not None and self.manages(session.partition("/")[0]):
            self.engine.wake(session)


def assemble(settings: OperatorSettings, client: KubeClient, clock: Clock) -> OperatorParts:
    """Put it together; nothing runs yet."""
    options, sight = options_of(settings), _Watches(settings, client, clock)
    pool = sight.pool = _pool(settings, client, clock, options, sight)
    seen = Sight(
        pods=sight.pods,
        secrets=sight.secrets,
        changed=sight.changed,
        runner_secrets=sight.runner_secrets,
        pool=sight.pool,
    )
    engine = sight.engine = KubeEngine(client, options, clock, seen)
    records = KubeRecords(
        client,
        sight.objects,
        sight.settings,
        default_type=settings.default_runner_type,
        manages=sight.manages,
    )
    tokens = KubeTokenStore(client, records, mirror=sight.secrets)
    reconciler = Reconciler(store=records, engine=engine, clock=clock, workers=WORKERS)
    source = TokenSource(records, tokens, clock, cache_seconds=0, on_forget=tokens.forget)
    runner = HttpRunnerClient(source, on_rejected=lambda session, _error: care.rejected(session))
    ports = Ports(
        store=records,
        log=OperatorLog(client, records, clock, new_id),
        tokens=tokens,
        engine=engine,
        runner=runner,
        relay=Handshake(client, records, sight.changed),
        clock=clock,
        new_id=new_id,
        mint=mint,
        launch_spec=_orders(
            settings.backend_url, options, RunnerKeys(client, sight.runner_secrets)
        ),
    )
    care = Care(ports, _rules(settings), reconciler.wake)
    life = Life(ports, _limits(settings))
    reconciler.add("life", Adoption(records, tokens, engine, clock, life))
    reconciler.add("desired", Desire(ports))
    reconciler.add("care", care)
    return OperatorParts(
        reconciler=reconciler,
        engine=engine,
        records=records,
        tokens=tokens,
        client=client,
        runner=runner,
        pool=pool,
        filled=sight.filled,
        watches=sight.loops,
    )


def _pool(
    settings: OperatorSettings,
    client: KubeClient,
    clock: Clock,
    options: KubeOptions,
    sight: _Watches,
) -> Pool:
    def kind_of(namespace: str) -> str:
        found = sight.settings.get(namespace, SETTINGS_NAME) or {}
        chosen = (found.get("spec") or {}).get("defaultRunnerType")
        return str(chosen or settings.default_runner_type)

    around = Around(
        pods=sight.pods,
        namespaces=sight.here,
        kind_of=kind_of,
        runner_secrets=sight.runner_secrets,
        place_secrets=sight.place_secrets,
    )
    return Pool(client, options, clock, around, size=settings.warm_places)


def options_of(settings: OperatorSettings) -> KubeOptions:
    """What the settings say of runners."""
    return KubeOptions(
        image=settings.runner_image,
        images=_images(settings),
        pull_policy=settings.runner_pull_policy,
        pull_secrets=settings.runner_pull_secrets,
        endpoints=settings.endpoints,
        workspace=settings.workspace,
        workspace_size=settings.workspace_size,
        storage_class=settings.storage_class,
        requests=settings.runner_requests,
        limits=settings.runner_limits,
        grace_seconds=settings.stop_grace_seconds,
        peers=settings.runner_peers,
    )


def _images(settings: OperatorSettings) -> dict[str, RunnerImage]:
    entry = runner_type(CLAUDE)
    found = {}
    if settings.claude_image and entry is not None:
        features = frozenset(entry.features)
        found[CLAUDE] = RunnerImage(image=settings.claude_image, features=features)
    for name, one in settings.runner_images.items():
        found[name] = RunnerImage(
            image=one.image,
            port=one.port,
            features=one.features,
            needs_old_bot_token=one.needs_old_bot_token,
        )
    return found


def _limits(settings: OperatorSettings) -> Limits:
    return Limits(
        start=timedelta(seconds=settings.start_seconds),
        stop_grace=timedelta(seconds=settings.stop_grace_seconds),
        drain=timedelta(seconds=settings.stop_grace_seconds),
    )


def _rules(settings: OperatorSettings) -> Rules:
    return Rules(
        max_age=timedelta(seconds=settings.token_max_age_seconds),
        quiet=timedelta(seconds=settings.token_quiet_seconds),
    )


def _orders(
    backend_url: str, options: KubeOptions, keys: RunnerKeys
) -> Callable[[Session], Awaitable[LaunchSpec]]:
    """LaunchSpecs; a spec that no runner can be made of raises Invalid, and RunnerSecretMissing
    while its project has no key for it. Secret values are not in them: Pods get those by
    reference."""
    base = launch_orders(backend_url, Runners(), GitOrders())

    async def orders(session: Session) -> LaunchSpec:
        if session.reason == INVALID:
            raise Invalid(session.message)
        options.image_of(session.spec.runner_type or "")
        await keys.require(session.project, session.spec.runner_type or "")
        who = session.spec.user_context
        named = replace(session, owner=UserId(who.user_id) if who else None)
        spec = await base(named)
        before = session.start_time is not None  # also under another platform, which did not count
        return spec.model_copy(update={"is_resume": spec.is_resume or before})

    return orders


class Operator:
    """One process: stands by, acts while it holds the lease, stands by again."""

    def __init__(self, settings: OperatorSettings, access: Access, clock: Clock) -> None:
        self._settings = settings
        self._access = access
        self._clock = clock
        self._bare = KubeClient(access, clock, user_agent=USER_AGENT)
        self.leadership = Leadership(
            self._bare,
            clock,
            f"{socket.gethostname()}-{new_id()[:8]}",
            LeaseOptions(
                name=settings.lease_name,
                namespace=settings.lease_namespace or access.namespace,
                life=settings.lease_seconds,
                renew=settings.lease_renew_seconds,
                margin=settings.lease_margin_seconds,
            ),
        )
        self.parts: OperatorParts | None = None
        """Of the present term; None: it stands by."""

    def calls(self) -> Counter[tuple[str, str]]:
        """How often it asked the API each (verb, plural), in the present term and for the lease."""
        mine = self.parts.client.calls if self.parts is not None else Counter()
        return mine + self._bare.calls

    async def run(self) -> None:
        """Until cancelled; gives the lease up then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.leadership.run())
                while True:
                    await self._until(leading=True)
                    await self._term()
        finally:
            with suppress(AmbientError):
                await self.leadership.release()
            await self._bare.aclose()

    async def _term(self) -> None:
        """Act as long as the lease is held."""
        client = KubeClient(
            self._access, self._clock, user_agent=USER_AGENT, gate=self.leadership.require
        )
        parts = self.parts = assemble(self._settings, client, self._clock)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(loop()) for loop in parts.watches]
                later = (parts.reconciler.run, parts.pool.run)
                running += [tasks.create_task(_when(parts.filled, one)) for one in later]
                await self._until(leading=False)
                for task in running:
                    task.cancel()
        finally:
            self.parts = None
            await parts.runner.aclose()
            await client.aclose()

    async def _until(self, *, leading: bool) -> None:
        while self.leadership.leading is not leading:
            self.leadership.changed.clear()
            await self.leadership.changed.wait()


async def _when(ready: Loop, run: Loop) -> None:
    await ready()
    await run()


async def serve(settings: OperatorSettings, access: Access) -> None:
    """Until SIGINT or SIGTERM."""
    operator = Operator(settings, access, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(operator.run())
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, running.cancel)


def run() -> None:
    """`ambient operator`. Raises SettingsInvalid, ClusterRefused."""
    settings, access = load_operator(), find_access(ClusterSettings())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, access))


__all__ = [
    "ClusterRefused",
    "Operator",
    "SettingsInvalid",
    "assemble",
    "options_of",
    "run",
    "serve",
]
