"""How soon an end is an end: a stop that was asked for, and a runner that was killed."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence

from ambient.contract.events import kind_of
from ambient.contract.names import IDENTITY_FILE, READY_FILE
from bench.platform import Platform, platform
from bench.row import Row, bench, milliseconds, reached


@bench("stop", seconds=60)
async def stop(quick: bool) -> Sequence[Row]:
    """A talkative run is stopped; its last word is waited for."""
    worst = 0.0
    rounds = 1 if quick else 3
    async with platform() as one:
        for _ in range(rounds):
            worst = max(worst, await _last_word(one))
    return [
        Row(
            name="stop → last token",
            reach="≤ 2 s",
            measured=milliseconds(worst),
            verdict=reached(ok=worst <= 2),
            note=f"worst of {rounds}; a run at 100 events/s",
        )
    ]


async def _last_word(one: Platform) -> float:
    session = await one.create("emit 100000 100")
    await one.until(session, "TEXT_MESSAGE_CONTENT", times=50)
    last = asked = time.perf_counter()

    async def ask() -> None:
        nonlocal asked
        asked = time.perf_counter()
        await one.call("POST", one.path(session, "/stop"), {})

    async with (
        asyncio.timeout(30),
        asyncio.TaskGroup() as tasks,
        contextlib.aclosing(one.events(session)) as stream,
    ):
        tasks.create_task(ask())
        async for frame in stream:
            kind = kind_of(frame.data)
            if kind == "TEXT_MESSAGE_CONTENT":
                last = time.perf_counter()
            if kind in ("RUN_FINISHED", "RUN_ERROR"):
                break
    await one.delete(session)
    return max(0.0, last - asked)


@bench("killed", seconds=60)
async def killed(quick: bool) -> Sequence[Row]:
    """`kill -9` of a runner in the middle of a run."""
    worst, said = 0.0, ""
    rounds = 1 if quick else 3
    async with platform() as one:
        for _ in range(rounds):
            session = await one.create("emit 100000 100")
            at = await one.until(session, "TEXT_MESSAGE_CONTENT", times=50)
            os.kill(_pid(one, session), signal.SIGKILL)
            begun = time.perf_counter()
            end = await one.until(session, "RUN_ERROR", after=at)
            worst = max(worst, time.perf_counter() - begun)
            async with contextlib.aclosing(one.events(session, end - 1)) as stream:
                said = json.loads((await anext(stream)).data)["message"]
            await one.delete(session)
    return [
        Row(
            name="runner killed → session says so and why",
            reach="≤ 5 s",
            measured=milliseconds(worst),
            verdict=reached(ok=worst <= 5),
            reference="published: LangGraph 120 s, OpenHands 45 s",
            ratio=f"{worst / 45:.3f}",
            note=f"worst of {rounds}; it says: {said}",
        )
    ]


def _pid(one: Platform, session: str) -> int:
    """Whose place it is says ready.json: a warm place was there before its session."""
    for file in (one.data / "places").glob(f"*/{READY_FILE}"):
        if str(json.loads(file.read_text()).get("session", "")).endswith(session):
            return int(json.loads(file.with_name(IDENTITY_FILE).read_text())["pid"])
    raise LookupError(f"no place of {session}")
