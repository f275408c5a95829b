"""Reads and writes of the API at a steady pace, and what a session costs the server."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.platform import Platform, platform
from bench.process import cpu_seconds, memory
from bench.row import Row, bench, milliseconds, per_second, percentile, reached

SESSIONS = 20
CALLERS = 32


@bench("mixed", seconds=60)
async def mixed(quick: bool) -> Sequence[Row]:
    """500 reads and 500 writes a second, whether they are answered in time or not."""
    seconds = 3 if quick else 10
    async with platform() as one:
        names = [await one.create() for _ in range(SESSIONS)]
        for name in names:
            await one.call("POST", one.path(name, "/stop"), {})
            await one.until_phase(name, "Stopped")
        used = cpu_seconds(one.pid)
        late, took = await _pace(one, names, seconds)
        busy = (cpu_seconds(one.pid) - used) / took
    p99, rate = percentile(late, 0.99), len(late) / took
    return [
        Row(
            name="API mixed load, half reads, half writes",
            reach="≥ 1,000/s, p99 ≤ 100 ms",
            measured=f"{per_second(rate)}, p50 {milliseconds(percentile(late, 0.5))}, "
            f"p99 {milliseconds(p99)}",
            verdict=reached(ok=rate >= 950 and p99 <= 0.1),
            reference="published: LangGraph takes 25 CPUs for that",
            note=f"{seconds} s, open loop, {CALLERS} callers; reads: session, list, runs; writes: "
            f"display name, labels; server {busy:.0%} of one core",
        )
    ]


async def _pace(one: Platform, names: Sequence[str], seconds: int) -> tuple[list[float], float]:
    """Requests are due at fixed times; a late start counts as lateness of the reply."""
    kinds: list[Callable[[str, int], Awaitable[object]]] = [
        lambda name, _: one.call("GET", one.path(name)),
        lambda name, n: one.call("PUT", one.path(name, "/displayname"), {"displayName": f"n{n}"}),
        lambda name, _: one.call("GET", f"{one.path()}?limit=20"),
        lambda name, n: one.call("PATCH", one.path(name), {"metadata": {"labels": {"n": str(n)}}}),
        lambda name, _: one.call("GET", one.path(name, "/agui/runs")),
        lambda name, n: one.call("PUT", one.path(name, "/displayname"), {"displayName": f"m{n}"}),
    ]
    late: list[float] = []
    total = 1000 * seconds
    numbers = iter(range(total))
    begun = time.perf_counter()

    async def caller() -> None:
        for number in numbers:
            due = begun + number / 1000
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            await kinds[number % len(kinds)](names[number % len(names)], number)
            late.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(caller())
    return late, time.perf_counter() - begun


@bench("memory", seconds=90)
async def per_session(quick: bool) -> Sequence[Row]:
    """The server's growth per running session, and per ended one."""
    count = 20 if quick else 100
    async with platform() as one:
        await _crowd(one, 10, "before")
        start = memory(one.pid)
        names = await _crowd(one, count, "running")
        running = (memory(one.pid) - start) / count / 1e3
        for name in names:
            await one.call("POST", one.path(name, "/stop"), {})
        for name in names:
            await one.until_phase(name, "Stopped")
        ended = (memory(one.pid) - start) / count / 1e3
    return [
        Row(
            name="control plane memory, running session",
            reach="≤ 100 kB",
            measured=f"{running:.0f} kB",
            verdict=reached(ok=running <= 100),
            reference="existing operator OOM-killed 128 times at 4,300 sessions",
            note=f"resident set of the server, {count} sessions that had a run, journals tailed",
        ),
        Row(
            name="control plane memory, ended session",
            reach="0 beyond its row",
            measured=f"{ended:.0f} kB",
            verdict=reached(ok=ended <= running),
            note="the same sessions, stopped; what Python keeps for later is counted",
        ),
    ]


async def _crowd(one: Platform, count: int, prefix: str) -> list[str]:
    names = [await one.create("say hi", name=f"{prefix}-{n}") for n in range(count)]
    for name in names:
        await one.until(name, "RUN_FINISHED")
    await asyncio.sleep(1)
    return names
