"""Requests for a rotation by somebody whose clock is minutes off: each is answered, once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambient.contract.tokens import RotationState, TokenRecord
from ambient.core.model import SessionId
from ambient.core.service.doctor import token_facts
from support.world import World

SKEW = timedelta(minutes=7)


async def running() -> tuple[World, SessionId]:
    world = World()
    await world.project()
    return world, await world.running()


async def later(world: World, session: SessionId) -> TokenRecord:
    """The record after a minute."""
    for _ in range(30):
        await world.reconciler.reconcile(session)
        world.clock.advance(2)
    found = await world.tokens.get_token(session)
    assert found is not None
    assert found.state is RotationState.STEADY
    return found


@pytest.mark.parametrize("ahead", [-SKEW, timedelta(0), SKEW])
@pytest.mark.parametrize("field", ["rotation_asked_at", "leak_reported_at"])
async def test_every_request_is_answered_once_whatever_the_clocks(
    field: str, ahead: timedelta
) -> None:
    world, session = await running()
    first = await later(world, session)
    for number in (1, 2):
        found = await world.get(session)
        asked: Any = {field: world.clock.now() + ahead}
        await world.store.update(replace(found, **asked))
        assert (await later(world, session)).token_generation == first.token_generation + number
        world.restart()
        assert (await later(world, session)).token_generation == first.token_generation + number
    assert (await world.get(session)).generation == 1


async def test_a_new_runner_answers_what_was_asked_of_the_one_before() -> None:
    world, session = await running()
    found = await world.get(session)
    asked = world.clock.now() + SKEW
    await world.sessions.replace_runner(session, "test")
    found = await world.get(session)
    await world.store.update(replace(found, rotation_asked_at=asked))
    record = await later(world, session)
    assert (await world.get(session)).generation == 2
    assert (record.begun_at, record.token_generation) == (asked, 2)


async def test_the_doctor_says_of_a_leak_only_until_the_runner_has_the_new_token() -> None:
    world, session = await running()
    await later(world, session)
    found = await world.get(session)
    asked = world.clock.now()
    await world.store.update(replace(found, leak_reported_at=asked))
    settled = await later(world, session)
    assert settled.leaked_at == asked
    assert not token_facts(settled).leaked
    waiting = replace(settled, state=RotationState.RETIRING, updated_at=asked)
    assert token_facts(waiting).leaked
