"""What the port `Engine` promises, on every engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ambient.core.memory import MemoryEngine
from ambient.core.model import Observed, Session
from ambient.core.ports import Engine
from support.kube import images
from support.local import a_record, a_session, a_spec, local
from support.real_operator import engine_alone, world

GRACE = timedelta(seconds=5)


@dataclass(frozen=True)
class Subject:
    """An engine, and the session that it is tried with, in any incarnation."""

    engine: Engine
    session: Callable[[int], Session]


@asynccontextmanager
async def in_memory(_home: Path) -> AsyncIterator[Subject]:
    yield Subject(MemoryEngine(), lambda generation: a_session(generation=generation))


@asynccontextmanager
async def on_this_machine(home: Path) -> AsyncIterator[Subject]:
    async with local(home) as found:
        yield Subject(found.engine, lambda generation: a_session(generation=generation))


@asynccontextmanager
async def on_a_cluster(_home: Path) -> AsyncIterator[Subject]:
    async with world("engine", images()) as found, engine_alone(found) as (engine, session):
        yield Subject(engine, session)


ENGINES: dict[str, Callable[[Path], AbstractAsyncContextManager[Subject]]] = {
    "memory": in_memory,
    "local": on_this_machine,
    "kube": on_a_cluster,
}


@pytest.fixture(
    params=["memory", "local", pytest.param("kube", marks=pytest.mark.cluster)],
)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with ENGINES[request.param](tmp_path) as made:
        yield made
        for generation in (1, 2):
            await made.engine.remove(made.session(generation), everything=True)


async def launch(engine: Engine, session: Session) -> Session:
    """Launch, and keep the trail as the reconciler does."""
    spec = a_spec(session).model_copy(update={"runner_type": "demo"})
    steps = engine.launch(session, spec, a_record(session.generation))
    async for trail in steps:
        session = replace(session, trail=dict(trail))
    return session


async def until_ready(engine: Engine, session: Session) -> Observed:
    async with asyncio.timeout(30):
        changes = engine.changes()
        while not (seen := await engine.observe(session)).ready:
            await anext(changes)
    return seen


async def test_before_a_launch_there_is_nothing(subject: Subject) -> None:
    engine = subject.engine
    seen = await engine.observe(subject.session(1))
    assert (seen.placed, seen.alive, seen.ready, seen.endpoint) == (False, False, False, None)


async def test_a_launch_leaves_a_trail_and_a_runner_that_becomes_ready(subject: Subject) -> None:
    engine = subject.engine
    session = await launch(engine, subject.session(1))
    seen = await until_ready(engine, session)
    assert session.trail
    assert (seen.placed, seen.alive, seen.generation, seen.ending) == (True, True, 1, None)
    assert seen.endpoint


async def test_an_incarnation_is_not_taken_for_the_next_one(subject: Subject) -> None:
    engine = subject.engine
    session = await launch(engine, subject.session(1))
    await until_ready(engine, session)
    later = replace(session, generation=2, trail={})
    seen = await engine.observe(later)
    assert (seen.placed, seen.alive, seen.generation) == (False, False, 2)


async def test_a_stop_leaves_what_there_is_to_say_and_may_be_repeated(subject: Subject) -> None:
    engine = subject.engine
    session = await launch(engine, subject.session(1))
    await until_ready(engine, session)
    for _ in range(2):
        await engine.stop(session, grace=GRACE)
        seen = await engine.observe(session)
        assert (seen.placed, seen.alive, seen.ready, seen.endpoint) == (True, False, False, None)
        assert seen.ending is not None
        assert seen.ending.code == 143


async def test_a_removal_leaves_nothing_and_may_be_repeated(subject: Subject) -> None:
    engine = subject.engine
    session = await launch(engine, subject.session(1))
    for everything in (False, False, True, True):
        await engine.remove(session, everything=everything)
        cleared = replace(session, trail={})
        assert not (await engine.observe(cleared)).placed
        assert [batch async for batch in engine.leftovers(session)] == []
        assert await engine.logs(session, 0) == ""


async def test_what_was_never_there_can_be_stopped_delivered_to_and_removed(
    subject: Subject,
) -> None:
    engine = subject.engine
    session = subject.session(1)
    await engine.stop(session, grace=GRACE)
    await engine.deliver(session, a_record())
    await engine.remove(session, everything=True)
    assert await engine.read_blob(session, "0" * 64) is None
    assert not (await engine.observe(session)).placed


async def test_without_warm_places_there_is_none_to_take(subject: Subject) -> None:
    engine = subject.engine
    assert await engine.take_place(subject.session(1)) is None
