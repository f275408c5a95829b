"""An operator in the test's own process, on a real cluster: the product's, with shorter times, for
namespaces of the test's own; and sessions as kubectl makes them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from ambient.contract.events import FrameReader, decode
from ambient.contract.names import MANAGED_LABEL, OPERATOR_MANAGER, SESSION_TOKEN_HEADER
from ambient.core.model import Session
from ambient.core.ports import Clock
from ambient.engines.kube.access import Access, find_access
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.crd import definitions
from ambient.engines.kube.engine import KubeEngine
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import CRD, LEASE, NAMESPACE, POD, SECRET, SESSION, Kind
from ambient.engines.kube.resource import session_of
from ambient.engines.kube.settings import ClusterSettings, OperatorSettings, load_operator
from ambient.wiring.operator import Operator, assemble
from ambient.wiring.system import SystemClock, new_id
from support.kube import PREFIX, require_cluster

IMAGE: Final = "localhost/ambient-runner:{tag}"


def settings(tag: str, own: str, **values: Any) -> OperatorSettings:
    """For namespaces that are labelled with `own`."""
    found: dict[str, Any] = {
        "runner_image": IMAGE.format(tag=tag),
        "backend_url": "http://ambient-server.nowhere.svc/api",
        "managed_selector": f"{MANAGED_LABEL}={own}",
        "endpoints": "pod",
        "default_runner_type": "demo",
        "runner_requests": {"cpu": "10m", "memory": "64Mi"},
        "lease_name": own,
        "stop_grace_seconds": 3,
        "token_quiet_seconds": 2.0,
        "token_cache_seconds": 1.0,
        **values,
    }
    return load_operator(found)


@dataclass
class World:
    """A namespace, a client that may do everything, and operators that come and go."""

    client: KubeClient
    access: Access
    namespace: str
    own: str
    tag: str

    @asynccontextmanager
    async def operator(
        self, *, access: Access | None = None, clock: Clock | None = None, **values: Any
    ) -> AsyncIterator[Operator]:
        """One at work; ended in good order at the end."""
        async with self.at_work(self.made(access=access, clock=clock, **values)) as made:
            yield made

    def made(
        self, *, access: Access | None = None, clock: Clock | None = None, **values: Any
    ) -> Operator:
        """One that does not work yet."""
        found = settings(self.tag, self.own, **values)
        return Operator(found, access or self.access, clock or SystemClock())

    @asynccontextmanager
    async def at_work(self, made: Operator) -> AsyncIterator[Operator]:
        """Until the end."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(made.run())
            try:
                yield made
            finally:
                running.cancel()

    async def create(self, name: str = "s", **spec: Any) -> None:
        """A session, as kubectl makes one."""
        body = {"apiVersion": SESSION.api_version, "kind": SESSION.name, "metadata": {"name": name}}
        await self.client.create(SESSION, self.namespace, {**body, "spec": spec})

    async def patch(self, name: str = "s", **patch: Any) -> None:
        """What a person changes."""
        await self.client.patch(SESSION, self.namespace, name, patch)

    async def status(self, name: str = "s") -> Mapping[str, Any]:
        """Its status."""
        found = await self.client.get(SESSION, self.namespace, name)
        return dict(found.get("status") or {})

    async def found(self, kind: Kind, name: str) -> Object | None:
        """An object; None: it is not there."""
        try:
            return await self.client.get(kind, self.namespace, name)
        except ObjectNotFound:
            return None

    async def pod(self, name: str = "s") -> Object:
        """The session's Pod."""
        return await self.client.get(POD, self.namespace, f"{name}-runner")

    async def secret(self, name: str = "s") -> Object:
        """The session's token Secret."""
        return await self.client.get(SECRET, self.namespace, f"ambient-runner-token-{name}")

    async def token(self, name: str = "s") -> str:
        """What callers send."""
        data = (await self.secret(name))["data"]["agui-token"]
        return base64.b64decode(data).decode()

    async def ask(self, path: str, token: str | None = None, name: str = "s") -> int:
        """The status of a request to the session's runner, as its callers send it."""
        url = (await self.status(name))["runnerEndpoint"]
        headers = {SESSION_TOKEN_HEADER: token} if token is not None else {}
        async with aiohttp.ClientSession() as http, http.get(url + path, headers=headers) as reply:
            return reply.status

    async def say(self, text: str, name: str = "s") -> list[dict[str, Any]]:
        """Give the session's runner a prompt, as its callers do; return when the run has ended, or
        the runner, with the events up to then."""
        url = (await self.status(name))["runnerEndpoint"]
        headers = {SESSION_TOKEN_HEADER: await self.token(name)}
        order = {"messages": [{"role": "user", "content": text}]}
        frames, found = FrameReader(), []
        async with aiohttp.ClientSession() as http:
            with suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
                async with http.post(f"{url}/", headers=headers, json=order) as reply:
                    assert reply.status == 200, await reply.text()
                    async for piece in reply.content.iter_any():
                        found += [decode(frame.data) for frame in frames.feed(piece)]
        return found

    async def until(
        self, is_so: Callable[[Mapping[str, Any]], Any], name: str = "s", seconds: float = 40
    ) -> Mapping[str, Any]:
        """The status, when it is so."""
        seen: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while not is_so(seen := await self.status(name)):
                    await SystemClock().sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{name} was not so after {seconds} s: {seen}") from None
        return seen

    async def until_phase(
        self, phase: str, name: str = "s", *, generation: int = 0, seconds: float = 40
    ) -> Mapping[str, Any]:
        """The status, when it has this phase with at least this incarnation."""
        return await self.until(
            lambda one: one.get("phase") == phase and one.get("runnerGeneration", 0) >= generation,
            name,
            seconds,
        )

    async def until_pod(self, name: str = "s", seconds: float = 40) -> Object:
        """The session's Pod, when it is there: `Creating` is said before it is made."""
        try:
            async with asyncio.timeout(seconds):
                while (found := await self.found(POD, f"{name}-runner")) is None:
                    await SystemClock().sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{name} has no Pod after {seconds} s") from None
        return found

    async def until_gone(self, kind: Kind, name: str, seconds: float = 40) -> None:
        """Return when there is no such object."""
        try:
            async with asyncio.timeout(seconds):
                while await self.found(kind, name) is not None:
                    await SystemClock().sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{kind.name} {name} is still there after {seconds} s") from None


@asynccontextmanager
async def engine_alone(made: World) -> AsyncIterator[tuple[KubeEngine, Callable[[int], Session]]]:
    """An engine with its watches and no loop, and the session `s` of the world's namespace in any
    incarnation."""
    await made.create("s", environmentVariables={"RUNNER_TYPE": "demo"})
    found = session_of(await made.client.get(SESSION, made.namespace, "s"))
    parts = assemble(settings(made.tag, made.own), made.client, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(loop()) for loop in parts.watches]
        try:
            await parts.filled()
            yield parts.engine, lambda generation: replace(found, generation=generation)
        finally:
            for task in running:
                task.cancel()
            await parts.runner.aclose()


async def client_of_all() -> KubeClient:
    """A client that may do everything, on a cluster that knows our kinds."""
    require_cluster()
    client = KubeClient(find_access(ClusterSettings()), SystemClock(), user_agent="ambient-test")
    for one in definitions().values():
        await client.apply(CRD, None, one, manager="test")
    return client


@asynccontextmanager
async def world(name: str, tag: str) -> AsyncIterator[World]:
    """A namespace of its own, gone at the end with all that is in it."""
    client = await client_of_all()
    own = f"{PREFIX}-{name[:24].strip('-')}-{new_id()[:6]}"
    access = replace(find_access(ClusterSettings()), namespace="default")
    made = World(client, access, own, own, tag)
    await client.create(
        NAMESPACE, None, {"metadata": {"name": own, "labels": {MANAGED_LABEL: own}}}
    )
    try:
        yield made
    finally:
        await remove_namespace(client, own)
        with suppress(ObjectNotFound):
            await client.delete(LEASE, "default", own)
        await client.aclose()


async def remove_namespace(client: KubeClient, namespace: str) -> None:
    """Ask for its removal, also when the operator is gone that would carry the finalizers out."""
    for one in (await client.list(SESSION, namespace))["items"]:
        if not one["metadata"].get("finalizers"):
            continue
        with suppress(ObjectNotFound):
            await client.patch(
                SESSION,
                namespace,
                one["metadata"]["name"],
                {"metadata": {"finalizers": None}},
                manager=OPERATOR_MANAGER,
            )
    with suppress(ObjectNotFound):
        await client.delete(NAMESPACE, None, namespace)
