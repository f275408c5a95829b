"""A refusal that one process meets and another heals (reconcile/serving.py, reconcile/care.py)."""

from dataclasses import replace
from datetime import datetime

import pytest

from ambient.contract.names import TOKEN_REFUSED_AT
from ambient.contract.runner_api import Capabilities
from ambient.core.errors import SessionNotFound
from ambient.core.model import Session, SessionId
from ambient.core.reconcile.serving import TELL_SECONDS, Telling
from ambient.engines.kube.resource import is_reserved, session_of
from support.world import RefusesToken, ScriptedRunner, World


class Tried(RefusesToken):
    """Counts how often somebody tried the token; takes it until it is told not to."""

    tried = 0
    healed = True

    async def capabilities(self, session: SessionId) -> Capabilities:
        self.tried += 1
        return await super().capabilities(session)


async def running(runner: type[ScriptedRunner] = ScriptedRunner) -> tuple[World, SessionId]:
    world = World(runner=runner)
    await world.project()
    return world, await world.running()


async def told(world: World, session: SessionId) -> None:
    """Another process says that it was refused; the loop looks."""
    found = await world.get(session)
    await world.store.update(replace(found, token_refused_at=world.clock.now()))
    await world.settle(session)


def tried(world: World) -> int:
    assert isinstance(world.runner, Tried)
    return world.runner.tried


async def test_what_another_process_met_is_tried_once_each_time() -> None:
    world, session = await running(Tried)
    before = tried(world)
    await told(world, session)
    await world.settle(session)
    assert tried(world) == before + 1
    assert world.condition(await world.get(session), "TokenAccepted") == "True"
    world.clock.advance(60)
    await told(world, session)
    assert tried(world) == before + 2


async def test_a_runner_that_another_process_met_and_nobody_heals_is_replaced() -> None:
    world, session = await running(Tried)
    world.runner.healed = False  # type: ignore[attr-defined]
    await told(world, session)
    assert world.condition(await world.get(session), "TokenAccepted") == "False"
    for _ in range(6):
        world.clock.advance(30)
        await world.settle(session)
    found = await world.get(session)
    assert (found.generation, found.phase) == (2, "Running")
    assert world.condition(found, "TokenAccepted") == "True"


class Teller:
    """A copy of the server, and what it told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[datetime] = []
        self.telling = Telling(world.store, world.clock, self._tell)

    async def _tell(self, session: Session, at: datetime) -> None:
        self.told.append(at)
        await self.world.store.update(replace(session, token_refused_at=at))


async def test_copies_tell_together_at_most_once_in_a_while_and_again_as_it_goes_on() -> None:
    world, session = await running()
    one, two = Teller(world), Teller(world)
    assert await one.telling.look(session) is None
    for _ in range(4):
        for copy in (one, two):
            copy.telling.refused(session)
            await copy.telling.look(session)
        world.clock.advance(TELL_SECONDS / 4)
    assert len(one.told + two.told) == 1
    assert await two.telling.look(session) is None
    assert len(one.told + two.told) == 2
    assert await one.telling.look(session) == TELL_SECONDS


async def test_of_a_runner_that_is_over_nothing_is_told() -> None:
    world, session = await running()
    found = await world.get(session)
    await world.store.update(replace(found, fenced_generation=found.generation))
    copy = Teller(world)
    copy.telling.refused(session)
    assert await copy.telling.look(session) is None
    await world.store.delete(session)
    copy.telling.refused(session)
    with pytest.raises(SessionNotFound):
        await copy.telling.look(session)
    assert copy.told == []


def test_the_annotation_is_the_platforms_own_and_read_as_a_time() -> None:
    assert is_reserved(TOKEN_REFUSED_AT)
    marks = {TOKEN_REFUSED_AT: "2026-01-01T12:00:00.000Z"}
    meta = {"namespace": "p", "name": "s", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    found = session_of({"metadata": {**meta, "annotations": marks}})
    assert found.token_refused_at is not None
    assert found.token_refused_at.hour == 12
    assert found.annotations == {}
