"""Address, generation and token: read together, kept for a cache life, never mixed."""

from dataclasses import replace

import pytest

from ambient.contract.tokens import Token
from ambient.core.errors import RunnerUnavailable, SessionNotFound, TokenUnavailable
from ambient.core.memory import ManualClock, MemoryDatabase, MemorySessionStore, MemoryTokenStore
from ambient.core.model import Project, Session, SessionId, UserId
from ambient.relay.tokens import CACHE_SECONDS, TokenSource
from support.local import a_record, a_session

S = SessionId("p/s")


class World:
    """A session, its record, and the source over both."""

    def __init__(self) -> None:
        database = MemoryDatabase()
        self.clock = ManualClock()
        self.sessions = MemorySessionStore(database)
        self.tokens = MemoryTokenStore(database)
        self.source = TokenSource(self.sessions, self.tokens, self.clock)

    async def create(self) -> None:
        now = self.clock.now()
        await self.sessions.create_project(
            Project(name="p", created_at=now, created_by=UserId("ann"))
        )
        await self.sessions.create(replace(a_session(), endpoint="http://there"))

    async def change(self, **fields: object) -> Session:
        found = await self.sessions.get(S)
        return await self.sessions.update(replace(found, **fields))  # type: ignore[arg-type]

    async def rotate(self) -> Token:
        old = await self.tokens.get_token(S)
        fresh = replace(a_record(), version=old.version if old else 0)
        return (await self.tokens.put_token(S, fresh)).current


@pytest.fixture
async def world() -> World:
    made = World()
    await made.create()
    return made


async def test_a_snapshot_is_of_one_incarnation(world: World) -> None:
    token = await world.rotate()
    assert await world.source.snapshot(S) == ("http://there", 1, token)


async def test_without_a_record_there_is_no_snapshot(world: World) -> None:
    with pytest.raises(TokenUnavailable, match="no token record"):
        await world.source.snapshot(S)


async def test_a_record_of_another_incarnation_is_never_sent(world: World) -> None:
    await world.rotate()
    await world.change(generation=2)
    with pytest.raises(TokenUnavailable, match="belongs to runner 1"):
        await world.source.snapshot(S)


async def test_a_session_without_a_runner_has_no_address(world: World) -> None:
    await world.rotate()
    await world.change(endpoint=None)
    with pytest.raises(RunnerUnavailable):
        await world.source.snapshot(S)


async def test_an_unknown_session_is_said_to_be_unknown(world: World) -> None:
    with pytest.raises(SessionNotFound):
        await world.source.snapshot(SessionId("p/other"))


async def test_a_snapshot_is_kept_for_a_cache_life_by_the_monotonic_clock(world: World) -> None:
    old = await world.rotate()
    assert (await world.source.snapshot(S))[2] == old
    new = await world.rotate()
    world.clock.advance(CACHE_SECONDS - 0.01)
    assert (await world.source.snapshot(S))[2] == old
    world.clock.advance(0.01)
    assert (await world.source.snapshot(S))[2] == new


async def test_what_was_forgotten_is_read_afresh(world: World) -> None:
    await world.rotate()
    await world.source.snapshot(S)
    new = await world.rotate()
    world.source.forget(S)
    assert (await world.source.snapshot(S))[2] == new


async def test_a_failure_is_not_kept(world: World) -> None:
    with pytest.raises(TokenUnavailable):
        await world.source.snapshot(S)
    token = await world.rotate()
    assert (await world.source.snapshot(S))[2] == token
