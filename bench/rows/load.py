"""Reads and writes of the API at a steady pace, and what a session costs the server."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.platform import Platform, Refused, platform
from bench.process import cpu_seconds, memory
from bench.row import Row, bench, milliseconds, per_second, percentile, reached

SESSIONS = 100
CALLERS = 32


@bench("mixed", seconds=60)
async def mixed(quick: bool) -> Sequence[Row]:
    """500 reads and 500 writes a second, whether they are answered in time or not."""
    seconds = 3 if quick else 10
    async with platform() as one:
        names = await _stopped(one, 20 if quick else SESSIONS, "mixed")
        used = cpu_seconds(one.pid)
        late, refused, took = await _pace(one, names, seconds)
        busy = (cpu_seconds(one.pid) - used) / took
    p99, rate = percentile(late, 0.99), len(late) / took
    return [
        Row(
            name="API mixed load, half reads, half writes",
            reach="≥ 1,000/s, p99 ≤ 100 ms",
            measured=f"{per_second(rate)}, p50 {milliseconds(percentile(late, 0.5))}, "
            f"p99 {milliseconds(p99)}, {len(refused)} refused",
            verdict=reached(ok=rate >= 950 and p99 <= 0.1 and not refused),
            reference="published: LangGraph takes 25 CPUs for that",
            note=f"{seconds} s, open loop, {CALLERS} callers; reads: session, list, runs; writes: "
            f"display name, labels; server {busy:.0%} of one core, "
            f"{busy / rate * 1000:.1f} ms a request{_first(refused)}",
        )
    ]


def _first(refused: Sequence[Refused]) -> str:
    return f"; first refusal: {refused[0]}" if refused else ""


async def _pace(
    one: Platform, names: Sequence[str], seconds: int
) -> tuple[list[float], list[Refused], float]:
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
    refused: list[Refused] = []
    total = 1000 * seconds
    numbers = iter(range(total))
    begun = time.perf_counter()

    async def caller() -> None:
        for number in numbers:
            due = begun + number / 1000
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            try:
                await kinds[number % len(kinds)](names[number % len(names)], number)
            except Refused as exc:
                refused.append(exc)
            late.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(caller())
    return late, refused, time.perf_counter() - begun


@bench("memory", seconds=120)
async def per_session(quick: bool) -> Sequence[Row]:
    """The server's growth per running session, and per session that has ended.

    The first crowd of each kind warms the allocator up; the growth is the second one's.
    """
    count = 20 if quick else 100
    async with platform() as one:
        await _stopped(one, count, "first")
        start = memory(one.pid)
        await _stopped(one, count, "ended")
        ended = (memory(one.pid) - start) / count / 1e3
        start = memory(one.pid)
        await _crowd(one, count, "running")
        running = (memory(one.pid) - start) / count / 1e3
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
            measured=f"{ended:.1f} kB",
            verdict=reached(ok=ended <= 10),
            note=f"{count} sessions that ran and were stopped, after as many before them; within "
            "10 kB counts as 0: the resident set moves by whole pages",
        ),
    ]


async def _crowd(one: Platform, count: int, prefix: str) -> list[str]:
    names = [await one.create("say hi", name=f"{prefix}-{n}") for n in range(count)]
    for name in names:
        await one.until(name, "RUN_FINISHED")
    await asyncio.sleep(1)
    return names


async def _stopped(one: Platform, count: int, prefix: str) -> list[str]:
    names = await _crowd(one, count, prefix)
    for name in names:
        await one.call("POST", one.path(name, "/stop"), {})
    for name in names:
        await one.until_phase(name, "Stopped")
    return names
