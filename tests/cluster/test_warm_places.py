"""Warm places on a real cluster: taken once, by one session, and gone when nobody needs them."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ambient.contract.names import BOT_AUDIENCE, PLACE_PREFIX
from ambient.core.errors import Unauthenticated, Unavailable
from ambient.core.model import CallerKind, Head
from ambient.engines.kube import place
from ambient.engines.kube.client import Object
from ambient.engines.kube.kind import ACCOUNT, POD, SECRET
from support.kube_server import servers
from support.postgres import Postgres
from support.real_operator import World, world
from support.waiting import until

DEMO: dict[str, Any] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}
SECONDS = 60
VALUE = "value-of-a-key-0123456789"


@pytest.fixture
async def here(tag: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    async with world(name, tag) as made:
        yield made


async def pods(here: World) -> list[Object]:
    found = (await here.client.list(POD, here.namespace))["items"]
    return [one for one in found if one["metadata"]["name"].startswith(PLACE_PREFIX)]


async def ready(here: World, count: int) -> list[str]:
    """The names of the places that wait, when there are so many, and no more."""

    async def look() -> list[str]:
        found = [one for one in await pods(here) if place.waits(one)]
        return [one["metadata"]["name"] for one in found if place.is_ready(one)]

    return await until(look, lambda names: len(names) == count, SECONDS)


def place_of(status: Any) -> str:
    return str(status["bookkeeping"]["trail"]["pod"])


async def test_a_session_runs_in_a_place_as_if_it_had_been_started_for_it(
    here: World, postgres: Postgres
) -> None:
    keys = {"metadata": {"name": "ambient-runner-secrets"}, "stringData": {"MY_KEY": VALUE}}
    await here.client.create(SECRET, here.namespace, keys)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(here.operator(warm_places=1))
        field = await stack.enter_async_context(servers(here, postgres.cleaned()))
        [waiting] = await ready(here, 1)
        copy = field.copies[0]
        await until(copy.store.list_projects, bool, SECONDS)
        await field.create("s", "say hello\nrun echo got $MY_KEY", runner_type="demo")

        async def head() -> Head:
            return await copy.services.log.head(field.id("s"))

        await until(head, lambda one: one.runs > 0 and one.active_run is None, SECONDS)
        status = await here.until_phase("Running")
        assert place_of(status) == waiting
        assert status["runnerEndpoint"].endswith(":8001")
        said = b"".join(one.data for one in await copy.services.log.read(field.id("s"), 0))
        assert b"hello" in said
        assert VALUE.encode() not in said, "it is redacted"
        assert b"got [" in said, "and is there"

        token = await here.client.create_token(here.namespace, waiting, BOT_AUDIENCE, 600)
        asked = {"authorization": f"Bearer {token}"}
        caller = await copy.services.authenticator.authenticate(asked)
        assert (caller.kind, caller.session) == (CallerKind.BOT, field.id("s"))
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped")
        await here.patch(spec={"desiredPhase": "Running"})
        again = await here.until_phase("Running", generation=2)
        assert place_of(again) != waiting, "a place is used once"
        assert again["tokenGeneration"] > status["tokenGeneration"]
        await until(lambda: refused(copy.services.authenticator, asked), bool, SECONDS)


async def refused(authenticator: Any, asked: dict[str, str]) -> bool:
    try:
        await authenticator.authenticate(asked)
    except (Unauthenticated, Unavailable):  # of a Pod that is gone nobody says whose it was
        return True
    return False


async def test_places_are_taken_by_one_each_replaced_when_they_die_and_gone_when_unwanted(
    here: World,
) -> None:
    async with here.operator(warm_places=2):
        first = await ready(here, 2)
        for name in ("s", "t"):
            await here.create(name, **DEMO)
        taken = {place_of(await here.until_phase("Running", name)) for name in ("s", "t")}
        assert taken == set(first)
        later = await ready(here, 2)
        assert not taken & set(later)
        await here.client.delete(POD, here.namespace, later[0], grace_seconds=0)
        await here.until_gone(SECRET, later[0])
        assert later[0] not in await ready(here, 2)
        await here.client.delete(POD, here.namespace, place_of(await here.status("t")))
        lost = await here.until_phase("Running", "t", generation=2)
        assert place_of(lost) not in taken
        waiting = await ready(here, 2)
    async with here.operator(warm_places=0):
        await ready(here, 0)
        for kind in (SECRET, ACCOUNT):
            for name in waiting:
                await here.until_gone(kind, name)
        running = await here.status("s")
        assert (running["phase"], running["runnerGeneration"]) == ("Running", 1)
        assert await here.ask("/capabilities", name="s", token=await token_of(here, "s")) == 200


async def token_of(here: World, name: str) -> str:
    secret = await here.client.get(SECRET, here.namespace, place_of(await here.status(name)))
    return base64.b64decode(secret["data"]["agui-token"]).decode()
