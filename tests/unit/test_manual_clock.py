import asyncio
from datetime import timedelta

from ambient.core.memory import ManualClock


async def test_a_sleeper_wakes_when_its_time_has_come_and_not_before() -> None:
    clock = ManualClock()
    woke: list[str] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woke.append(name)

    async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
        short = tasks.create_task(sleep("short", 2))
        tasks.create_task(sleep("long", 5))
        await clock.asleep(2)
        clock.advance(1.9)
        assert clock.sleeping == 2
        clock.advance(0.1)
        await short
        assert (woke, clock.sleeping) == (["short"], 1)
        clock.advance(timedelta(seconds=3))
    assert woke == ["short", "long"]


async def test_who_sleeps_for_no_time_lets_the_others_have_a_turn() -> None:
    clock = ManualClock()
    await clock.sleep(0)
    assert clock.monotonic() == 0


async def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = ManualClock()
    before = clock.now()
    clock.jump(timedelta(days=-1))
    assert (clock.now(), clock.monotonic()) == (before - timedelta(days=1), 0.0)


async def test_a_sleep_that_was_cancelled_is_forgotten() -> None:
    clock = ManualClock()
    async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
        sleeper = tasks.create_task(clock.sleep(5))
        await clock.asleep()
        sleeper.cancel()
        await asyncio.wait([sleeper])
        clock.advance(10)
    assert clock.sleeping == 0
