"""Feeds the mirror: one copy of the server watches sessions, namespaces and settings for all.

Which one says the lease `index`. The others read the rows that it writes; what any copy writes
itself is mirrored by that copy at once, and the newer revision wins.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from ambient.contract.names import SETTINGS_NAME
from ambient.core.errors import AmbientError
from ambient.core.leases import Leases
from ambient.core.model import Project, SessionId, session_id
from ambient.core.ports import Clock
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.kind import NAMESPACE, SESSION, SETTINGS
from ambient.engines.kube.project import is_going, project_of
from ambient.engines.kube.watch import (
    PAGE,
    Cache,
    Change,
    Key,
    Watch,
    What,
    key_of,
    version_of,
)

log = structlog.get_logger()

Found = TypeVar("Found")

INDEX: Final = SessionId("index")
"""Name of the lease."""
SETTLE_SECONDS: Final = 1.0
"""Between two looks at projects whose objects change."""


class Rows(Protocol):
    """The mirror, as its feeder sees it."""

    async def known(self) -> Mapping[SessionId, int]:
        """All that is mirrored, with its revision."""
        ...

    async def gone(self, session: SessionId, uid: str | None = None) -> None:
        """It is there no more."""
        ...

    async def put_project(self, project: Project) -> None:
        """Take in how a project is now."""
        ...

    async def drop_project(self, name: str) -> None:
        """Its namespace is gone."""
        ...

    async def projects(self) -> tuple[str, ...]:
        """The names of all that are mirrored."""
        ...


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """selector: labels of the namespaces that are ours. life_seconds: of the lease."""

    selector: str
    life_seconds: float


class Index:
    """take: mirrors an object."""

    def __init__(
        self,
        client: KubeClient,
        rows: Rows,
        leases: Leases,
        clock: Clock,
        *,
        take: Callable[[Object], Awaitable[object]],
        options: IndexOptions,
    ) -> None:
        self._client = client
        self._rows = rows
        self._leases = leases
        self._clock = clock
        self._take = take
        self._selector = options.selector
        self._life = options.life_seconds
        self._projects_changed = asyncio.Event()
        self._entered: set[str] = set()
        self._seen_at: float | None = None
        self._complete = False
        self._mine = False

    @property
    def fresh(self) -> bool:
        """Whether the mirror is fed: here and complete once, or by another copy."""
        if self._seen_at is None or self._clock.monotonic() - self._seen_at > self._life:
            return False
        return self._complete or not self._mine

    async def run(self) -> None:
        """Until cancelled: stand by, feed while the lease is held."""
        while True:
            if await self._claim():
                await self._term()
            await self._clock.sleep(self._life / 3)

    async def _claim(self) -> bool:
        try:
            self._mine = INDEX in await self._leases.claim([INDEX])
            self._seen_at = self._clock.monotonic()
        except AmbientError as exc:
            log.warning("the lease of the index could not be asked for", error=str(exc))
            self._mine = False
        return self._mine

    async def _term(self) -> None:
        self._complete = False
        try:
            async with asyncio.TaskGroup() as tasks:
                feeding = tasks.create_task(self._feed())
                while await self._claim():
                    await self._clock.sleep(self._life / 3)
                feeding.cancel()
        finally:
            self._complete = False

    async def _feed(self) -> None:
        def changed(_key: Key) -> None:
            self._projects_changed.set()

        def came_or_went(key: Key) -> None:
            if namespaces.get(*key) is None:
                self._entered.discard(key[1])
            self._projects_changed.set()

        namespaces = Cache(
            Watch(self._client, NAMESPACE, self._clock, selector=self._selector),
            on_change=came_or_went,
        )
        settings = Cache(Watch(self._client, SETTINGS, self._clock), on_change=changed)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(namespaces.run())
            tasks.create_task(settings.run())
            await namespaces.filled()
            await settings.filled()
            self._entered = {one["metadata"]["name"] for one in namespaces.values()}
            self._projects_changed.set()
            tasks.create_task(self._keep_projects(namespaces, settings))
            await self._sessions(namespaces)

    async def _keep_projects(self, namespaces: Cache, settings: Cache) -> None:
        while True:
            await self._projects_changed.wait()
            self._projects_changed.clear()
            try:
                await self._mirror_projects(namespaces, settings)
            except AmbientError as exc:
                log.warning("projects could not be mirrored, will retry", error=str(exc))
                self._projects_changed.set()
            await self._clock.sleep(SETTLE_SECONDS)

    async def _mirror_projects(self, namespaces: Cache, settings: Cache) -> None:
        there = {one["metadata"]["name"]: one for one in namespaces.values()}
        for name, found in there.items():
            if is_going(found):
                continue  # who removed it through a server has dropped it already
            await self._rows.put_project(project_of(found, settings.get(name, SETTINGS_NAME)))
            if name not in self._entered:
                await self._enter(name)
        for name in await self._rows.projects():
            if name not in there and await self._is_gone(name):
                await self._rows.drop_project(name)

    async def _enter(self, namespace: str) -> None:
        """Sessions may have been there before their namespace was ours, or was known to be."""
        query = {"limit": str(PAGE)}
        while True:
            page = await self._client.list(SESSION, namespace, **query)
            for one in page.get("items") or ():
                await self._take(one)
            if not (more := (page.get("metadata") or {}).get("continue")):
                break
            query["continue"] = more
        self._entered.add(namespace)

    async def _is_gone(self, namespace: str) -> bool:
        """By the API's own word: one that another server has just made is not seen here yet, and
        one whose label somebody took away still has its history."""
        found = await self._client.list(NAMESPACE, fieldSelector=f"metadata.name={namespace}")
        return not found["items"]

    async def _sessions(self, namespaces: Cache) -> None:
        watch = Watch(self._client, SESSION, self._clock)
        known, seen = dict[SessionId, int](), set[SessionId]()
        async for change in watch.changes():
            if change.what is What.LISTING:
                known, seen = dict(await self._patiently(self._rows.known)), set[SessionId]()
            elif change.what is What.LISTED:
                await self._forget(set(known) - seen, known, version_of(change.object))
                self._complete = True
            elif change.what in (What.SET, What.GONE):
                await self._mirror(namespaces, change, known, seen)

    async def _mirror(
        self,
        namespaces: Cache,
        change: Change,
        known: Mapping[SessionId, int],
        seen: set[SessionId],
    ) -> None:
        key = key_of(change.object)
        session = session_id(*key)
        if change.what is What.GONE:
            uid = str(change.object["metadata"]["uid"])
            await self._patiently(lambda: self._rows.gone(session, uid))
            return
        seen.add(session)
        if namespaces.get("", key[0]) is None:
            return  # not ours; what is known from the time when it was stays as it is
        if known.get(session, -1) < version_of(change.object):
            await self._patiently(lambda: self._take(change.object))

    async def _forget(
        self, missing: set[SessionId], known: Mapping[SessionId, int], version: int
    ) -> None:
        for session in missing:
            if known[session] <= version:
                await self._patiently(partial(self._rows.gone, session))

    async def _patiently(self, what: Callable[[], Awaitable[Found]]) -> Found:
        """The watch waits for the database: nothing of it is passed over."""
        while True:
            try:
                return await what()
            except AmbientError as exc:
                log.warning("a session could not be mirrored, will retry", error=str(exc))
                await self._clock.sleep(SETTLE_SECONDS)
