"""From the wish for a session to the first thing its agent says."""

import asyncio
import time
from collections.abc import Sequence

from bench.platform import Platform, platform
from bench.row import Row, bench, median, milliseconds, per_second, percentile, reached

COLD = {"AMBIENT_WARM_PLACES": "0"}


@bench("create", seconds=90)
async def create(quick: bool) -> Sequence[Row]:
    """One session after the other, with a warm pool and without."""
    count = 5 if quick else 30
    async with platform() as one:
        warm = await _first_events(one, count)
    async with platform(COLD) as one:
        cold = await _first_events(one, count)
    p50, p95 = median(warm), percentile(warm, 0.95)
    cold95 = percentile(cold, 0.95)
    return [
        Row(
            name="create → first event, warm pool",
            reach="p50 ≤ 50 ms, p95 ≤ 100 ms",
            measured=f"p50 {milliseconds(p50)}, p95 {milliseconds(p95)}",
            verdict=reached(ok=p50 <= 0.05 and p95 <= 0.1),
            reference="published: microVM record 48 ms",
            ratio=f"{p50 / 0.048:.2f}",
            note=f"{count} sessions; first RUN_STARTED at a reader, from before the POST",
        ),
        Row(
            name="create → first event, no pool",
            reach="p95 ≤ 1 s",
            measured=f"p50 {milliseconds(median(cold))}, p95 {milliseconds(cold95)}",
            verdict=reached(ok=cold95 <= 1),
            note=f"{count} sessions",
        ),
    ]


async def _first_events(one: Platform, count: int) -> list[float]:
    times = []
    await one.delete(await _session(one))
    for _ in range(count):
        await asyncio.sleep(0.3)  # the pool is filled again
        begun = time.perf_counter()
        session = await _session(one)
        times.append(time.perf_counter() - begun)
        await one.delete(session)
    return times


async def _session(one: Platform) -> str:
    session = await one.create("say hi")
    await one.until(session, "RUN_STARTED")
    return session


@bench("creates", seconds=90)
async def creates(quick: bool) -> Sequence[Row]:
    """Everyone comes at once."""
    count = 40 if quick else 300
    async with platform() as one:
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(one.create("say hi", name=f"at-once-{number}"))
        accepted = time.perf_counter() - begun
        await one.wait_for(
            lambda: one.call("GET", f"{one.path()}?phase=Running&limit=1"),
            lambda page: page["totalCount"] >= count,
        )
        seconds = time.perf_counter() - begun
        failed = (await one.call("GET", f"{one.path()}?phase=Failed&limit=1"))["totalCount"]
    return [
        Row(
            name=f"{count} creates at once",
            reach="none fails, ≥ 30/s, the last within 10 s",
            measured=f"{per_second(count / seconds)}, last after {seconds:.1f} s, {failed} failed",
            verdict=reached(ok=not failed and count / seconds >= 30 and seconds <= 10),
            reference="published: JupyterHub 13 starts/s",
            ratio=f"{count / seconds / 13:.1f}",
            note=f"all accepted after {accepted:.1f} s",
        )
    ]
