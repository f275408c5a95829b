"""What sessions cost the API server while nothing happens, and many starts at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any, Final

import pytest

from ambient.core.lists import Query
from ambient.engines.kube.kind import SESSION
from ambient.wiring.operator import USER_AGENT
from ambient.wiring.server import USER_AGENT as SERVER_AGENT
from ambient.wiring.system import SystemClock
from support import kube
from support.counted import Counted, counted
from support.kube_server import Servers, servers
from support.postgres import Postgres
from support.real_operator import World, world
from support.waiting import until

DEMO: Final[dict[str, Any]] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}
RESTING: Final = 1000
RUNNING: Final = 5
AT_ONCE: Final = 15
SECONDS: Final = 20
QUIET_SECONDS: Final = 3
AS_DEPLOYED: Final[dict[str, Any]] = {"token_quiet_seconds": 120.0, "token_cache_seconds": 90.0}


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


async def in_parallel(here: World, count: int, **status: Any) -> None:
    """Make so many sessions, at most 20 at a time."""
    room = asyncio.Semaphore(20)

    async def one(number: int) -> None:
        async with room:
            await here.create(f"s{number}", **DEMO)
            if status:
                patch = {"status": status}
                await here.client.patch(SESSION, here.namespace, f"s{number}", patch, sub="status")

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(one(number))


async def asked_within(way: Counted, seconds: float, *agents: str) -> Counter[tuple[str, str]]:
    """What these asked the API in that time, as the API sees it; none named: operators. It begins
    when what they still had to say of the starts is said."""

    def of_all() -> Counter[tuple[str, str]]:
        return sum((way.of(agent) for agent in agents or (USER_AGENT,)), Counter())

    async def within(some: float) -> Counter[tuple[str, str]]:
        before = of_all()
        await SystemClock().sleep(some)
        return of_all() - before

    await until(lambda: within(QUIET_SECONDS), lambda found: not written(found), 60)
    return await within(seconds)


def written(found: Iterable[tuple[str, str]]) -> set[str]:
    """The paths that were written to, but for leases."""
    return {path for method, path in found if method != "GET" and "/leases/" not in path}


@pytest.mark.timeout(280)
async def test_a_thousand_sessions_at_rest_cost_less_than_a_request_a_second(
    here: World, postgres: Postgres
) -> None:
    await in_parallel(here, RESTING, phase="Stopped", completionTime="2026-01-01T00:00:00Z")
    async with (
        counted(here.access) as way,
        here.operator(access=way.access, **AS_DEPLOYED),
        servers(
            replace(here, access=way.access), postgres.cleaned(), 2, token_cache_seconds=90.0
        ) as field,
    ):
        await here.create("last", **DEMO)
        await here.until_phase("Running", "last", seconds=60)
        await until(lambda: mirrored(field), lambda count: count == RESTING + 1, 120)
        found = await asked_within(way, SECONDS, USER_AGENT, SERVER_AGENT)
    assert sum(way.of(USER_AGENT).values()) > 0
    assert sum(way.of(SERVER_AGENT).values()) > 0
    assert sum(found.values()) <= SECONDS, found


async def mirrored(field: Servers) -> int:
    """How many sessions a copy knows."""
    query = Query(project=field.world.namespace, limit=1)
    return (await field.copies[-1].store.list(query)).total


@pytest.mark.timeout(200)
async def test_running_sessions_cost_nothing_but_the_lease(here: World) -> None:
    async with (
        counted(here.access) as way,
        here.operator(access=way.access, **AS_DEPLOYED),
    ):
        await in_parallel(here, RUNNING)
        for number in range(RUNNING):
            await here.until_phase("Running", f"s{number}", seconds=60)
        found = await asked_within(way, SECONDS)
    assert sum(found.values()) <= SECONDS / 2, found
    assert written(found) == set(), found


@pytest.mark.timeout(200)
async def test_many_starts_at_once_all_run(here: World) -> None:
    async with here.operator():
        await in_parallel(here, AT_ONCE)
        for number in range(AT_ONCE):
            await here.until_phase("Running", f"s{number}", seconds=120)
        lost = [
            one
            for number in range(AT_ONCE)
            if (one := await here.status(f"s{number}"))["runnerGeneration"] != 1
        ]
    assert lost == []
