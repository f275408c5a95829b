"""A runner that refuses the servers while no operator looks: it is told, and heals it."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ambient.contract.names import TOKEN_REFUSED_AT
from ambient.contract.tokens import digest, mint, write_digests
from ambient.core.errors import RunnerRejectedToken, SessionNotFound
from ambient.engines.kube.kind import POD, SECRET, SESSION
from support.kube_server import servers
from support.postgres import Postgres
from support.real_operator import World, world
from support.waiting import until

DEMO: dict[str, Any] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}
SECONDS = 60


@pytest.fixture
async def here(tag: str) -> AsyncIterator[World]:
    async with world("token-told", tag) as made:
        yield made


async def spoil(here: World) -> None:
    """The runner takes another's digests, as soon as its node brings them."""
    junk = base64.b64encode(write_digests([digest(mint())]).encode()).decode()
    patch = {"data": {"agui-token-digests": junk}}
    await here.client.patch(SECRET, here.namespace, "ambient-runner-token-s", patch)
    mark = {"metadata": {"annotations": {"test": "bring it early"}}}
    await here.client.patch(POD, here.namespace, "s-runner", mark)
    token = await here.token()
    await until(lambda: here.ask("/capabilities", token), lambda status: status == 401, SECONDS)


async def test_a_refusal_that_a_server_meets_is_told_and_healed_by_the_next_operator(
    here: World, postgres: Postgres
) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
    async with servers(here, postgres.cleaned()) as field:
        runner, session = field.copies[0].services.runner, field.id("s")

        async def answers() -> bool:
            try:
                await runner.capabilities(session)
            except (RunnerRejectedToken, SessionNotFound):
                return False
            return True

        await until(answers, bool, SECONDS)
        await spoil(here)
        assert not await answers()

        async def told() -> str | None:
            found = await here.client.get(SESSION, here.namespace, "s")
            marks: dict[str, str] = found["metadata"].get("annotations") or {}
            return marks.get(TOKEN_REFUSED_AT)

        assert await until(told, bool, SECONDS)
        async with here.operator():
            await until(answers, bool, SECONDS)
            await here.until(
                lambda one: any(
                    found["type"] == "TokenAccepted" and found["status"] == "True"
                    for found in one["conditions"]
                )
            )
            assert (await here.status())["phase"] == "Running"
