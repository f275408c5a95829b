"""Address, generation and token: read together, kept for a cache life, never mixed."""

from dataclasses import replace

import pytest

from ambient.contract.tokens import Token, TokenRecord
from ambient.core.errors import RunnerUnavailable, SessionNotFound, TokenUnavailable
from ambient.core.memory import ManualClock, MemoryDatabase, MemorySessionStore, MemoryTokenStore
from ambient.core.model import Project, Session, SessionId, UserId
from ambient.relay.tokens import CACHE_SECONDS, TokenSource
from support.local import a_record, a_session

S = SessionId("p/s")


class World:
    """A session, its record, and the source over both."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.clock = ManualClock()
        self.sessions = MemorySessionStore(self.database)
        self.tokens = MemoryTokenStore(self.database)
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


class LateTokens(MemoryTokenStore):
    """Knows what it once read, until it is told to forget, as a mirror does whose watch is late."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self._known: dict[SessionId, TokenRecord | None] = {}

    async def get_token(self, session: SessionId) -> TokenRecord | None:
        if session not in self._known:
            self._known[session] = await super().get_token(session)
        return self._known[session]

    def forget(self, session: SessionId) -> None:
        self._known.pop(session, None)


async def test_a_value_that_the_session_is_ahead_of_is_read_afresh(world: World) -> None:
    late = LateTokens(world.database)
    source = TokenSource(world.sessions, late, world.clock, cache_seconds=0, on_forget=late.forget)
    old = await world.rotate()
    assert (await source.snapshot(S))[2] == old
    new = await world.rotate()
    assert (await source.snapshot(S))[2] == old
    await world.change(token_generation=2)
    assert (await source.snapshot(S))[2] == new


async def test_a_failure_is_not_kept(world: World) -> None:
    with pytest.raises(TokenUnavailable):
        await world.source.snapshot(S)
    token = await world.rotate()
    assert (await world.source.snapshot(S))[2] == token
