"""Server copies and an operator on a real cluster: sessions through real Pods, read on any copy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest

from ambient.core.errors import SessionNotFound
from ambient.core.lifecycle import Phase
from ambient.core.model import Head
from support.cable import cable
from support.kube_server import ANN, Servers, servers
from support.postgres import Postgres
from support.real_operator import world
from support.waiting import until

Seen = TypeVar("Seen")
SECONDS = 60


@pytest.fixture
async def field(
    tag: str, postgres: Postgres, request: pytest.FixtureRequest
) -> AsyncIterator[Servers]:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world(name, tag))
        await stack.enter_async_context(made.operator())
        copies = await stack.enter_async_context(servers(made, postgres.cleaned(), 2))

        async def known() -> Any:
            return await copies.copies[0].store.list_projects()

        await until(known, bool, SECONDS)
        yield copies


async def ended(field: Servers, name: str, runs: int = 1) -> Head:
    """The head of its log, read on the last copy, once so many runs have ended."""
    log = field.copies[-1].services.log

    async def look() -> Head | None:
        try:
            return await log.head(field.id(name))
        except SessionNotFound:
            return None

    found = await until(
        look,
        lambda head: head is not None and head.runs >= runs and head.active_run is None,
        SECONDS,
    )
    assert found is not None
    return found


async def phase(field: Servers, name: str, wanted: Phase) -> None:
    async def look() -> Phase:
        return (await field.copies[-1].store.get(field.id(name))).phase

    await until(look, lambda one: one is wanted, SECONDS)


async def log_of(field: Servers, name: str) -> list[bytes]:
    rows = await field.copies[-1].services.log.read(field.id(name), 0)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [row.data for row in rows]


async def eventually(look: Callable[[], Awaitable[Seen]], is_so: Callable[[Seen], bool]) -> Seen:
    return await until(look, is_so, SECONDS)


@pytest.mark.timeout(240)
async def test_a_session_runs_stops_drained_and_resumes_read_on_any_copy(field: Servers) -> None:
    made = await field.create("s", "say hello\nwrite a.txt: hi", runner_type="demo")
    assert made.owner == ANN.user_id
    await ended(field, "s")
    said = await log_of(field, "s")
    assert any(b"hello" in one for one in said)
    first, second = field.copies
    await second.services.sessions.stop(field.id("s"))
    await phase(field, "s", Phase.STOPPED)
    status = await field.world.status("s")
    assert status["journalDrained"]["generation"] == 1
    await field.world.until(lambda one: one.get("activity", {}).get("runs") == 1)
    await first.services.sessions.start(field.id("s"))
    await phase(field, "s", Phase.RUNNING)
    body = {"messages": [{"id": "m2", "role": "user", "content": "say again"}]}
    await second.services.prompts.send(ANN, field.id("s"), body)
    await ended(field, "s", 2)
    assert any(b"again" in one for one in await log_of(field, "s"))


@pytest.mark.timeout(240)
async def test_a_session_made_by_kubectl_gets_its_first_prompt_once_and_has_no_owner(
    field: Servers,
) -> None:
    await field.world.create(
        "s", initialPrompt="say from afar", environmentVariables={"RUNNER_TYPE": "demo"}
    )
    await ended(field, "s")
    found = await field.copies[0].store.get(field.id("s"))
    assert found.owner is None
    said = await log_of(field, "s")
    assert sum(b"RUN_STARTED" in one for one in said) == 1


@pytest.mark.timeout(240)
async def test_copies_replaced_under_a_run_lose_and_double_nothing(field: Servers) -> None:
    prompt = "\n".join(f"say line {number}\nsleep 0.2" for number in range(40))
    await field.create("s", prompt, runner_type="demo")
    for _ in range(3):
        log = field.copies[0].services.log
        before = (await log.head(field.id("s"))).last_seq
        await eventually(lambda log=log: log.head(field.id("s")), lambda one: one.last_seq > before)  # type: ignore[misc]  # noqa: B023
        await field.start()
        await field.stop(field.copies[0])
    await ended(field, "s")
    text = b"".join(await log_of(field, "s"))
    said = [text.count(b'"delta":"line %d"' % number) for number in range(40)]
    assert sum(b"RUN_FINISHED" in one for one in await log_of(field, "s")) == 1
    assert max(said) <= 1


@pytest.mark.timeout(240)
async def test_what_is_removed_in_the_cluster_is_gone_everywhere(field: Servers) -> None:
    await field.create("s", "say hello", runner_type="demo")
    await ended(field, "s")
    await field.copies[1].services.sessions.delete(field.id("s"))

    async def gone() -> bool:
        try:
            await field.copies[0].store.get(field.id("s"))
        except SessionNotFound:
            return True
        return False

    await eventually(gone, bool)


async def test_a_copy_whose_cluster_is_away_is_degraded_and_well_again_after(
    field: Servers,
) -> None:
    async with cable(field.world.access) as (wire, through):
        made = await field.start(through)
        checks = made.services.checks

        async def look() -> dict[str, str]:
            return dict(checks())

        await eventually(look, lambda one: one == {"index": "ok", "cluster": "ok"})
        wire.cut()
        await eventually(look, lambda one: one == {"index": "ok", "cluster": "degraded"})
        assert await made.store.list_projects()
        wire.mend()
        await eventually(look, lambda one: one == {"index": "ok", "cluster": "ok"})


async def test_a_copy_says_that_it_is_ready(field: Servers) -> None:
    async def look() -> dict[str, str]:
        return dict(field.copies[0].services.checks())

    await eventually(look, lambda one: one == {"index": "ok", "cluster": "ok"})
    await asyncio.wait_for(field.copies[0].store.ping(), 5)
