"""Namespaces and projects: what a person does with kubectl, as servers see it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ambient.contract.names import MANAGED_LABEL
from ambient.core.errors import ProjectNotFound, SessionNotFound
from ambient.core.model import Session
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.kind import NAMESPACE, SESSION
from support.kube_storage import on_a_cluster
from support.postgres import Postgres
from support.real_operator import client_of_all, remove_namespace
from support.storage import Storage
from support.waiting import until

SECONDS = 30
NAME = "later"


@pytest.fixture
async def storage(cluster: None, postgres: Postgres) -> AsyncIterator[Storage]:
    async with on_a_cluster(postgres.cleaned()) as made:
        yield made


@pytest.fixture
async def kubectl(storage: Storage) -> AsyncIterator[KubeClient]:
    client = await client_of_all()
    yield client
    await remove_namespace(client, storage.named(NAME))
    await client.aclose()


async def label(kubectl: KubeClient, storage: Storage, value: str | None) -> None:
    patch: dict[str, Any] = {"metadata": {"labels": {MANAGED_LABEL: value}}}
    await kubectl.patch(NAMESPACE, None, storage.named(NAME), patch)


async def seen(storage: Storage, name: str = "s") -> Session | None:
    try:
        return await storage.sessions.get(storage.at(name, NAME))
    except SessionNotFound:
        return None


async def create(kubectl: KubeClient, storage: Storage, name: str = "s") -> None:
    body = {"apiVersion": SESSION.api_version, "kind": SESSION.name, "metadata": {"name": name}}
    await kubectl.create(SESSION, storage.named(NAME), {**body, "spec": {"initialPrompt": "hi"}})


async def test_a_namespace_that_becomes_a_project_brings_its_sessions_and_keeps_their_history(
    storage: Storage, kubectl: KubeClient
) -> None:
    await kubectl.create(NAMESPACE, None, {"metadata": {"name": storage.named(NAME)}})
    await create(kubectl, storage)
    own = storage.named("").rstrip("-")
    await label(kubectl, storage, own)
    found = await until(lambda: seen(storage), bool, SECONDS)
    assert found is not None
    await storage.log.enqueue(found.id, storage.prompt("r"))
    await label(kubectl, storage, None)
    await create(kubectl, storage, "t")
    await label(kubectl, storage, own)
    await until(lambda: seen(storage, "t"), bool, SECONDS)
    assert (await storage.log.head(found.id)).queued == 1


async def test_a_namespace_that_kubectl_deletes_is_no_project_any_more(
    storage: Storage, kubectl: KubeClient
) -> None:
    made = await storage.project(NAME)
    await kubectl.delete(NAMESPACE, None, made.name)

    async def gone() -> bool:
        try:
            await storage.sessions.get_project(made.name)
        except ProjectNotFound:
            return True
        return False

    await until(gone, bool, SECONDS)
