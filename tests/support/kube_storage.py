"""The store ports as a cluster has them: custom resources and Secrets on a real API server, rows
in PostgreSQL that a watch feeds.

A session has two writers there, and what a test writes goes to the API as each of them writes it:
wishes as the server does, what is observed as the operator does. What is read is what servers read.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ambient.contract.names import MANAGED_LABEL, token_secret_name
from ambient.core.errors import SessionNotFound
from ambient.core.lists import Changes, Counts, Page, Query, Tally
from ambient.core.memory import ManualClock
from ambient.core.model import Project, Session, SessionId
from ambient.core.ports import SessionStore
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.index import Index, IndexOptions
from ambient.engines.kube.kind import NAMESPACE, SECRET, SESSION, SETTINGS
from ambient.engines.kube.operator_store import KubeRecords
from ambient.engines.kube.secret import KubeTokenStore
from ambient.engines.kube.server_store import KubeSessionStore
from ambient.engines.kube.watch import Cache, Watch
from ambient.storage import Database, SqlLeases, SqlMirror, SqlSessionStore
from ambient.wiring.system import SystemClock, new_id
from support.kube import PREFIX
from support.real_operator import client_of_all, remove_namespace
from support.storage import COUNT_CAP, Storage, stored_in

SECONDS: Final = 30


class Both:
    """Port SessionStore. server: what it wants. operator: what it observes. rows: what is read."""

    def __init__(
        self, server: KubeSessionStore, operator: KubeRecords, rows: SessionStore, api: KubeClient
    ) -> None:
        self._server = server
        self._operator = operator
        self._rows = rows
        self._api = api

    async def create(self, session: Session) -> Session:
        made = await self._server.create(session)
        seen = replace(
            session,
            uid=made.uid,
            created_at=made.created_at,
            rev=made.rev,
            spec_generation=made.spec_generation,
        )
        return await self._settled(await self._operator.update(seen))

    async def update(self, session: Session) -> Session:
        before = await self._rows.get(session.id)
        wished = replace(
            before,
            rev=session.rev,
            spec=session.spec,
            labels=session.labels,
            annotations=session.annotations,
            wanted=session.wanted,
            wanted_at=session.wanted_at,
            stop_reason=session.stop_reason,
            deleted_at=session.deleted_at,
        )
        written = await self._server.update(wished)
        if wished.deleted_at is not None:
            return written
        observed = replace(
            session,
            rev=written.rev,
            owner=written.owner,
            spec_generation=written.spec_generation,
        )
        return await self._settled(await self._operator.update(observed))

    async def delete(self, session: SessionId) -> None:
        """As a deletion ends: the operator lets the object go, the cluster clears up after it, and
        the watch says so."""
        await self._server.delete(session)
        await self._operator.delete(session)
        project, _, name = session.partition("/")
        async with asyncio.timeout(SECONDS):
            while await self._is_known(session):
                await SystemClock().sleep(0.05)
            while await self._has_secret(project, name):
                await SystemClock().sleep(0.05)

    async def get(self, session: SessionId) -> Session:
        return await self._server.get(session)

    async def list(self, query: Query) -> Page:
        return await self._server.list(query)

    async def tally(self) -> Tally:
        return await self._server.tally()

    async def counts(self, projects: Sequence[str]) -> Mapping[str, Counts]:
        return await self._server.counts(projects)

    async def cursor(self) -> str:
        return await self._server.cursor()

    async def changes(self, after: str, limit: int = 200) -> Changes:
        return await self._server.changes(after, limit)

    async def wait_change(self, after: str) -> None:
        await self._server.wait_change(after)

    async def active(self) -> Sequence[SessionId]:
        return await self._server.active()

    async def create_project(self, project: Project) -> Project:
        return await self._server.create_project(project)

    async def update_project(self, project: Project) -> Project:
        return await self._server.update_project(project)

    async def delete_project(self, name: str) -> None:
        await self._server.delete_project(name)

    async def get_project(self, name: str) -> Project:
        return await self._server.get_project(name)

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        return await self._server.list_projects(search)

    async def ping(self) -> None:
        await self._server.ping()

    async def _settled(self, written: Session) -> Session:
        """As servers read it, once the watch has brought what the operator wrote."""
        async with asyncio.timeout(SECONDS):
            while (found := await self._rows.get(written.id)).rev < written.rev:
                await SystemClock().sleep(0.01)
        return found

    async def _is_known(self, session: SessionId) -> bool:
        try:
            await self._rows.get(session)
        except SessionNotFound:
            return False
        return True

    async def _has_secret(self, project: str, name: str) -> bool:
        try:
            await self._api.get(SECRET, project, token_secret_name(name))
        except ObjectNotFound:
            return False
        return True


@asynccontextmanager
async def on_a_cluster(url: str) -> AsyncIterator[Storage]:
    """Projects are namespaces with a prefix of the test's own, which go at the end."""
    async with AsyncExitStack() as stack:
        own = f"{PREFIX}-store-{new_id()[:6]}"
        client = await client_of_all()
        stack.push_async_callback(client.aclose)
        database = await stack.enter_async_context(await Database.open(url))
        stack.push_async_callback(_remove_all, client, own)
        clock, real = ManualClock(SystemClock().now()), SystemClock()
        mirror = SqlMirror(database, real)
        rows = SqlSessionStore(database, count_cap=COUNT_CAP)
        managed = {MANAGED_LABEL: own}
        server = KubeSessionStore(client, rows, mirror, clock, new_id, managed=managed)
        operator = KubeRecords(
            client,
            Cache(Watch(client, SESSION, real), keep=lambda found: None),
            Cache(Watch(client, SETTINGS, real)),
            default_type="demo",
        )
        index = Index(
            client,
            mirror,
            SqlLeases(database, real, own, timedelta(seconds=5)),
            real,
            take=server.take,
            options=IndexOptions(f"{MANAGED_LABEL}={own}", 5.0),
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        feeding = tasks.create_task(index.run())
        async with asyncio.timeout(SECONDS):
            while not index.fresh:
                await real.sleep(0.01)
        yield replace(
            stored_in(database, clock),
            sessions=Both(server, operator, rows, client),
            tokens=KubeTokenStore(client, operator),
            stamps_seconds=True,
            named=lambda name: f"{own}-{name}",
        )
        feeding.cancel()


async def _remove_all(client: KubeClient, own: str) -> None:
    """Namespaces that the test made, with sessions whose finalizers nobody carries out."""
    mine = await client.list(NAMESPACE, labelSelector=f"{MANAGED_LABEL}={own}")
    for namespace in mine["items"]:
        await remove_namespace(client, namespace["metadata"]["name"])
