"""The token Secrets of managed namespaces, each namespace by a watch of its own: the right to read
Secrets is given by namespace (api.md 2.5)."""

import asyncio
from collections.abc import Callable
from typing import Final

from ambient.core.ports import Clock
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.kind import SECRET
from ambient.engines.kube.secret import SELECTOR
from ambient.engines.kube.watch import Cache, Key, Watch

CACHE_SECONDS: Final = 90.0


class SecretsWatch:
    """Port `secret.Mirror`. An entry counts for a cache life after its watch's last live sign.

    on_change: told of each Secret that changed, by whomever.
    """

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        *,
        cache_seconds: float = CACHE_SECONDS,
        on_change: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._on_change = on_change
        self._caches: dict[str, Cache] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()
        self._new = asyncio.Event()

    def get(self, namespace: str, name: str) -> Object | None:
        cache = self._caches.get(namespace)
        alive = cache.watch.alive_at if cache is not None else None
        if cache is None or alive is None or not cache.complete:
            return None
        if self._clock.monotonic() - alive >= self._cache_seconds:
            return None
        found: Object | None = cache.get(namespace, name)
        return found

    def values(self, namespace: str) -> tuple[Object, ...]:
        """All that were seen in a namespace, in no order."""
        cache = self._caches.get(namespace)
        return cache.values() if cache is not None and cache.complete else ()

    def put(self, found: Object) -> None:
        namespace = found["metadata"]["namespace"]
        if namespace in self._caches:
            self._caches[namespace].put(found)

    def namespaces(self, wanted: set[str]) -> None:
        """Watch these, and no others."""
        self._wanted = set(wanted)
        self._new.set()

    async def run(self) -> None:
        """Without end."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for name in self._running.keys() - self._wanted:
                    self._running.pop(name).cancel()
                    del self._caches[name]
                for name in self._wanted - self._running.keys():
                    watch = Watch(
                        self._client, SECRET, self._clock, namespace=name, selector=SELECTOR
                    )
                    self._caches[name] = Cache(watch, on_change=self._on_change)
                    self._running[name] = tasks.create_task(self._caches[name].run())
                self._new.clear()
                await self._new.wait()
