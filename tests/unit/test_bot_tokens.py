"""Bot tokens: who they are for, how they end, and that their files are renewed in time."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from ambient.core.errors import TokenExpired, Unauthenticated
from ambient.core.memory import ManualClock, MemoryDatabase, MemoryKeyStore
from ambient.core.model import SessionId
from ambient.engines.local import delivery
from ambient.engines.local.bot_tokens import KEY_LIFE, LIFE, RENEWAL, BotTokens
from ambient.engines.local.care import BotTokenCare
from ambient.engines.local.place import Place

S = SessionId("p/s")


class World:
    """Tokens, their clock, and one living place."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.keys = MemoryKeyStore(MemoryDatabase())
        self.tokens = BotTokens(self.keys, self.clock)
        self.place = Place(folder / "place")
        self.place.make()
        self.living = [(S, 1, self.place)]
        self.care = BotTokenCare(self.tokens, self.clock, lambda: self.living, renewal=RENEWAL)

    @property
    def in_file(self) -> str:
        return delivery.bot_token_of(self.place) or ""


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    await made.tokens.load()
    await made.care.renew()
    return made


def test_a_token_says_whose_it_is(world: World) -> None:
    claim = world.tokens.verify(world.tokens.issue(S, 3))
    assert (claim.session, claim.generation) == (S, 3)
    assert claim.issued_at == world.clock.now().replace(microsecond=0)


def test_a_token_lives_fifteen_minutes(world: World) -> None:
    token = world.tokens.issue(S, 1)
    world.clock.advance(LIFE.total_seconds() - 1)
    assert world.tokens.verify(token).session == S
    world.clock.advance(1)
    with pytest.raises(TokenExpired):
        world.tokens.verify(token)


def test_an_earlier_incarnation_is_refused(world: World) -> None:
    token = world.tokens.issue(S, 1)
    assert world.tokens.verify(token, current_generation=1).generation == 1
    with pytest.raises(TokenExpired, match="earlier runner"):
        world.tokens.verify(token, current_generation=2)


def test_a_token_from_before_the_clock_was_set_back_is_over(world: World) -> None:
    token = world.tokens.issue(S, 1)
    world.clock.jump(timedelta(seconds=-30))
    assert world.tokens.verify(token).session == S
    world.clock.jump(timedelta(days=-1))
    with pytest.raises(TokenExpired):
        world.tokens.verify(token)


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u00e4.\u00f6.\u00fc", "W10.e30.x"]
)
def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    with pytest.raises(Unauthenticated):
        world.tokens.verify(token)


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "somebody-else"},
        {"sub": "user:ann"},
        {"sub": None},
        {"gen": "1"},
        {"iat": None},
        {"exp": "tomorrow"},
    ],
)
async def test_a_token_of_ours_with_other_claims_is_refused(
    world: World, wrong: dict[str, object]
) -> None:
    stored = await world.keys.get_key("bot-signing-keys") or b""
    kid, secret = stored.decode().split('"')[3], stored.decode().split('"')[7]
    now = int(world.clock.now().timestamp())
    claims = {"sub": "session:p/s", "aud": "ambient-backend", "gen": 1, "iat": now, "exp": now + 60}
    header = {"alg": "HS256", "kid": kid}
    key = OctKey.import_key(secret)
    assert world.tokens.verify(jwt.encode(header, claims, key)).session == S
    with pytest.raises(Unauthenticated):
        world.tokens.verify(jwt.encode(header, claims | wrong, key))


def test_a_signature_of_another_key_is_refused(world: World) -> None:
    header, claims, _ = world.tokens.issue(S, 1).split(".")
    forged = jwt.encode({"alg": "HS256", "kid": "x"}, {}, OctKey.import_key("k" * 32)).split(".")
    with pytest.raises(Unauthenticated, match="signature"):
        world.tokens.verify(".".join((header, claims, forged[2])))


async def test_a_change_of_keys_refuses_nobody_and_a_second_one_ends_the_first(
    world: World,
) -> None:
    first = world.tokens.issue(S, 1)
    await world.tokens.change_key()
    second = world.tokens.issue(S, 1)
    assert world.tokens.verify(first) == world.tokens.verify(second)
    await world.tokens.change_key()
    assert world.tokens.verify(second).session == S
    with pytest.raises(Unauthenticated):
        world.tokens.verify(first)


async def test_the_signing_keys_outlive_the_server(world: World) -> None:
    token = world.tokens.issue(S, 1)
    successor = BotTokens(world.keys, world.clock)
    await successor.load()
    assert successor.verify(token).session == S


async def test_a_file_is_renewed_every_five_minutes_and_not_before(world: World) -> None:
    first = world.in_file
    world.clock.advance(RENEWAL.total_seconds() - 1)
    await world.care.look()
    assert world.in_file == first
    world.clock.advance(1)
    await world.care.look()
    assert world.in_file != first
    assert world.tokens.is_fresh(world.in_file, S, 1)


@pytest.mark.parametrize("days", [1, -1, 400, -400])
async def test_a_jump_of_the_wall_clock_renews_every_file_at_the_next_look(
    world: World, days: int
) -> None:
    world.clock.jump(timedelta(days=days))
    with pytest.raises(TokenExpired):
        world.tokens.verify(world.in_file)
    world.clock.advance(1)
    await world.care.look()
    assert world.tokens.verify(world.in_file).session == S


async def test_an_old_key_is_changed_and_every_file_signed_anew(world: World) -> None:
    before = world.tokens.newest_kid
    world.clock.advance(KEY_LIFE.total_seconds())
    await world.care.look()
    assert world.tokens.newest_kid != before
    assert world.tokens.is_fresh(world.in_file, S, 1)


async def test_a_file_that_cannot_be_written_is_tried_again_at_the_next_look(
    world: World, tmp_path: Path
) -> None:
    blocked = Place(tmp_path / "blocked")
    blocked.make()
    (blocked.folder / "bot-token").mkdir()
    world.living.insert(0, (SessionId("p/blocked"), 1, blocked))
    world.clock.advance(RENEWAL.total_seconds())
    await world.care.look()
    assert world.tokens.is_fresh(world.in_file, S, 1), "one place's trouble is not another's"
    (blocked.folder / "bot-token").rmdir()
    world.clock.advance(1)
    await world.care.look()
    token = delivery.bot_token_of(blocked)
    assert world.tokens.is_fresh(token, SessionId("p/blocked"), 1)


async def test_a_place_that_went_meanwhile_is_no_trouble(world: World, tmp_path: Path) -> None:
    world.living.append((SessionId("p/gone"), 1, Place(tmp_path / "gone")))
    first = world.in_file
    world.clock.advance(RENEWAL.total_seconds())
    await world.care.look()
    renewed = world.in_file
    assert renewed != first
    world.clock.advance(1)
    await world.care.look()
    assert world.in_file == renewed


async def test_the_loop_looks_every_second(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(world.care.run())
        await world.clock.asleep()
        world.clock.jump(timedelta(days=1))
        world.clock.advance(1)
        await world.clock.asleep()
        loop.cancel()
    assert world.tokens.verify(world.in_file).session == S


def test_a_file_that_others_may_read_is_none(world: World) -> None:
    (world.place.folder / "bot-token").chmod(0o640)
    assert delivery.bot_token_of(world.place) is None
