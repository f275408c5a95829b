"""Sizes, rates and counts (api.md 11)."""

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from support.api import ALL, ApiWorld, path, problem

MIB = 1 << 20


async def test_a_body_beyond_the_limit_is_refused_by_its_announced_size() -> None:
    world = ApiWorld()
    session = await world.ready()
    reply = await world.owner.post(ALL, b"x" * (MIB + 1))
    assert problem(reply, 413, "body_too_large")["details"]["limitBytes"] == MIB
    upload = f"{path(session)}/workspace/big.bin"
    problem(await world.owner.send("PUT", upload, b"x" * (10 * MIB + 1)), 413, "file_too_large")
    feedback = f"{path(session)}/agui/feedback"
    problem(await world.owner.post(feedback, b"x" * (256 * 1024 + 1)), 413, "body_too_large")


async def test_a_body_that_does_not_say_its_size_is_cut_off_as_it_comes() -> None:
    world = ApiWorld()
    await world.project()
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * (64 << 10)

    reply = await world.owner.send("POST", ALL, pieces=endless())  # type: ignore[arg-type]
    problem(reply, 413, "body_too_large")
    assert taken <= 18


async def test_a_stranger_is_turned_away_before_the_body_is_read() -> None:
    world = ApiWorld()
    taken = 0

    def body() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield b"x"

    problem(
        await world.nobody.send("POST", ALL, pieces=body()),  # type: ignore[arg-type]
        401,
        "unauthenticated",
    )
    assert taken == 0


async def test_a_prompt_may_be_large_but_not_larger_than_ten_mebibytes() -> None:
    world = ApiWorld()
    session = await world.ready()
    run = f"{path(session)}/agui/run"
    message = {"id": "m", "role": "user", "content": "x" * (10 * MIB - 200)}
    assert (await world.owner.post(run, {"messages": [message]})).status == 200
    message["content"] += "x" * 200
    problem(await world.owner.post(run, {"messages": [message]}), 413, "body_too_large")


async def test_the_owner_has_no_rate_limit_unless_told_so() -> None:
    free, bound = ApiWorld(), ApiWorld(limit_owner=True)
    for world in (free, bound):
        await world.project()
    for _ in range(350):
        assert (await free.owner.get("/api/me")).status == 200
    statuses = [(await bound.owner.get("/api/me")).status for _ in range(350)]
    assert (statuses.count(200), statuses.count(429)) == (300, 50)
    reply = await bound.owner.get("/api/me")
    problem(reply, 429, "rate_limited")
    assert int(reply.headers["retry-after"]) >= 1
    bound.clock.advance(timedelta(seconds=1))
    assert [(await bound.owner.get("/api/me")).status for _ in range(21)].count(200) == 20


async def test_health_is_answered_to_everybody_at_any_rate() -> None:
    world = ApiWorld(limit_owner=True)
    for _ in range(400):
        assert (await world.nobody.get("/health")).status == 200


async def test_a_runners_requests_are_limited_per_session() -> None:
    world = ApiWorld(bot_burst=5)
    session = await world.ready()
    other = await world.running()
    bot = world.as_bot(session)
    assert [(await bot.get("/api/me")).status for _ in range(6)] == [200] * 5 + [429]
    assert (await world.as_bot(other).get("/api/me")).status == 200


async def test_prompts_and_new_sessions_have_limits_of_their_own() -> None:
    world = ApiWorld(limit_owner=True, runs_burst=2, creates_burst=2)
    session = await world.ready()
    run = f"{path(session)}/agui/run"
    prompts = [
        await world.owner.post(run, {"messages": [{"role": "user", "content": str(n)}]})
        for n in range(3)
    ]
    assert [one.status for one in prompts] == [200, 200, 429]
    creates = [await world.owner.post(ALL, {}) for _ in range(3)]
    assert [one.status for one in creates] == [201, 201, 429]


async def test_open_streams_are_counted_and_given_back() -> None:
    world = ApiWorld(limit_owner=True, streams_per_session=2)
    session = await world.ready()
    events = f"{path(session)}/agui/events"
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(world.owner.open(events))
        problem(await world.owner.get(events), 429, "too_many_streams")
    async with world.owner.open(events) as reading:
        assert reading.reply.status == 200


@pytest.mark.parametrize("strategy", ["enqueue", None])
async def test_the_queue_takes_twenty(strategy: str | None) -> None:
    world = ApiWorld()
    session = await world.ready()
    run = f"{path(session)}/agui/run"
    replies = [
        await world.owner.post(
            run,
            {"messages": [{"role": "user", "content": str(n)}], "multitaskStrategy": strategy},
        )
        for n in range(21)
    ]
    assert [one.status for one in replies[:20]] == [200] * 20
    problem(replies[20], 429, "queue_full")
    assert int(replies[20].headers["retry-after"]) >= 1
