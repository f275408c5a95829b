"""What a reader pays that comes back to a long history."""

import contextlib
import time
from collections.abc import Sequence

from bench.platform import Platform, platform
from bench.row import Row, bench, median, milliseconds, percentile, reached


@bench("resume", seconds=90)
async def resume(quick: bool) -> Sequence[Row]:
    """First frame after a reconnect, with a short history and a long one; and the prelude."""
    count = 10_000 if quick else 100_000
    async with platform() as one:
        short, long = await _history(one, 100), await _history(one, count)
        near = await _first_frames(one, *short)
        far = await _first_frames(one, *long)
        prelude = await _first_frames(one, long[0], None)
    p95 = percentile(far, 0.95)
    return [
        Row(
            name=f"resume after {count:,} events",
            reach="first frame ≤ 50 ms, whatever the history",
            measured=f"p50 {milliseconds(median(far))}, p95 {milliseconds(p95)}",
            verdict=reached(ok=p95 <= 0.05),
            reference=f"after 100 events: p50 {milliseconds(median(near))}",
            ratio=f"{median(far) / median(near):.2f}",
            note="20 new connections each, 10 events behind",
        ),
        Row(
            name=f"prelude of {count:,} events",
            reach="first frame ≤ 50 ms",
            measured=f"p50 {milliseconds(median(prelude))}, worst {milliseconds(max(prelude))}",
            verdict=reached(ok=median(prelude) <= 0.05),
            note="20 readers without a cursor, one after the other",
        ),
    ]


async def _history(one: Platform, count: int) -> tuple[str, int]:
    session = await one.create(f"emit {count}")
    return session, await one.until(session, "RUN_FINISHED")


async def _first_frames(one: Platform, session: str, end: int | None) -> list[float]:
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        after = None if end is None else end - 10
        async with contextlib.aclosing(one.events(session, after, raw=end is not None)) as stream:
            await anext(stream)
            times.append(time.perf_counter() - begun)
    return times
