"""A mirror's source: everything that is there, page by page, then every change as it comes.

Level-triggered readers use it to know which object to look at, and caches to hold what they need
of each. Bookmarks keep the position fresh and are signs of life; 410 means to read all again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import uniform
from typing import Any, Final

import msgspec
import structlog

from ambient.core.errors import ClusterRefused, ClusterUnavailable
from ambient.core.ports import Clock
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import HistoryGone, ObjectNotFound, Silent, event_error
from ambient.engines.kube.kind import Kind

log = structlog.get_logger()

PAGE: Final = 500
OPEN_SECONDS: Final = 300
FIRST_DELAY: Final = 0.25
LAST_DELAY: Final = 15.0


class What(StrEnum):
    """LISTING: all of it follows as SET, then LISTED: what was not named since is gone. SET: the
    object is like this. GONE: it is there no more. ALIVE: nothing has changed up to now."""

    LISTING = "listing"
    SET = "set"
    LISTED = "listed"
    GONE = "gone"
    ALIVE = "alive"


@dataclass(frozen=True, slots=True)
class Change:
    """object: of SET, and the last known one of GONE; of LISTED, the list's resourceVersion."""

    what: What
    object: Object = field(default_factory=dict)


class Watch:
    """Objects of one kind. namespace None: of all. selector: by label.

    alive_at: monotonic time at which it last was up to date; None: it was not since it broke off.
    heard_at: of the API's last answer, that a watch is open included; None: none since then.
    """

    def __init__(
        self,
        client: KubeClient,
        kind: Kind,
        clock: Clock,
        *,
        namespace: str | None = None,
        selector: str = "",
    ) -> None:
        self._client = client
        self._kind = kind
        self._clock = clock
        self._namespace = namespace
        self._selector = {"labelSelector": selector} if selector else {}
        self._version = ""
        self.alive_at: float | None = None
        self.heard_at: float | None = None

    async def changes(self) -> AsyncIterator[Change]:
        """Without end, whatever happens to the API: what breaks is logged and tried again."""
        delay = FIRST_DELAY
        while True:
            try:
                async for change in self._once():
                    delay = FIRST_DELAY
                    yield change
            except HistoryGone:
                self._version = ""
            except Silent:
                self.alive_at = None  # opened anew at once: whether the API is there, shows then
            except (ClusterUnavailable, ClusterRefused, ObjectNotFound) as exc:
                log.warning("watch broke off", kind=self._kind.plural, error=str(exc))
                self.alive_at = self.heard_at = None
                await self._clock.sleep(delay * uniform(0.5, 1.5))  # noqa: S311  # spreads callers
                delay = min(delay * 2, LAST_DELAY)

    async def _once(self) -> AsyncIterator[Change]:
        if not self._version:
            async for change in self._list():
                yield change
        async for change in self._follow():
            yield change

    async def _list(self) -> AsyncIterator[Change]:
        yield Change(What.LISTING)
        query = {"limit": str(PAGE), **self._selector}
        while True:
            page = await self._client.list(self._kind, self._namespace, **query)
            for one in page.get("items") or ():
                yield Change(What.SET, one)
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                break
            query["continue"] = meta["continue"]
        self._version = str(meta.get("resourceVersion") or "")
        self._live()
        yield Change(What.LISTED, {"metadata": {"resourceVersion": self._version}})

    async def _follow(self) -> AsyncIterator[Change]:
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(OPEN_SECONDS + int(uniform(0, 60))),  # noqa: S311  # spread
            **self._selector,
        }
        async with self._client.watch(self._kind, self._namespace, query) as lines:
            self.heard_at = self._clock.monotonic()
            async for line in lines:
                said: Object = msgspec.json.decode(line)
                found = said.get("object") or {}
                if said.get("type") == "ERROR":
                    raise event_error(found)
                self._version = str(found["metadata"]["resourceVersion"])
                self._live()
                yield Change(_WHAT[str(said.get("type"))], found)

    def _live(self) -> None:
        self.alive_at = self.heard_at = self._clock.monotonic()


_WHAT: Final = {
    "ADDED": What.SET,
    "MODIFIED": What.SET,
    "DELETED": What.GONE,
    "BOOKMARK": What.ALIVE,
}


Key = tuple[str, str]
"""Namespace and name."""


def key_of(found: Object) -> Key:
    """Where an object is."""
    meta = found["metadata"]
    return str(meta.get("namespace") or ""), str(meta["name"])


class Cache:
    """What a watch says, kept: for each object what `keep` makes of it; None: nothing is kept.

    on_change: told which object to look at again, also after a break, and when it is gone.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        keep: Callable[[Object], Any | None] = lambda found: found,
        on_change: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self.watch = watch
        self._keep = keep
        self._on_change = on_change
        self._kept: dict[Key, Any] = {}
        self._versions: dict[Key, int] = {}
        self._seen: set[Key] = set()
        self._filled = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether all that is there was seen once."""
        return self._filled.is_set()

    async def filled(self) -> None:
        """Return when it is complete."""
        await self._filled.wait()

    def get(self, namespace: str, name: str) -> Any | None:
        """What is kept of it; None: nothing, or it is not there."""
        return self._kept.get((namespace, name))

    def put(self, found: Object) -> None:
        """Keep what a write answered, so that the writer reads what it wrote."""
        self._set(found)

    def values(self) -> tuple[Any, ...]:
        """All that is kept, in no order."""
        return tuple(self._kept.values())

    async def run(self) -> None:
        """Without end."""
        async for change in self.watch.changes():
            self.take(change)

    def take(self, change: Change) -> None:
        """Keep what a change says."""
        match change.what:
            case What.LISTING:
                self._seen = set()
            case What.SET:
                self._seen.add(key_of(change.object))
                self._set(change.object)
                self._on_change(key_of(change.object))
            case What.GONE:
                self._gone(change.object)
            case What.LISTED:
                self._listed(version_of(change.object))
            case What.ALIVE:
                pass

    def _set(self, found: Object) -> None:
        """What is older than what is kept comes late, and changes nothing."""
        key, version = key_of(found), version_of(found)
        if version < self._versions.get(key, 0):
            return
        self._versions[key] = version
        kept = self._keep(found)
        if kept is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = kept

    def _listed(self, version: int) -> None:
        """What was kept before the list was made and is not named in it is gone."""
        for key, mine in list(self._versions.items()):
            if key not in self._seen and mine <= version:
                self._drop(key)
        self._filled.set()

    def _gone(self, found: Object) -> None:
        if version_of(found) >= self._versions.get(key_of(found), 0):
            self._drop(key_of(found))

    def _drop(self, key: Key) -> None:
        self._kept.pop(key, None)
        self._versions.pop(key, None)
        self._on_change(key)


def version_of(found: Object) -> int:
    """Its resourceVersion as a number: newer is larger on every API server that stores in etcd."""
    return int(found["metadata"].get("resourceVersion") or 0)
