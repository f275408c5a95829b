"""How long a runner takes to be ready, and what it weighs while it waits."""

import asyncio
import sys
import time
from collections.abc import Sequence

from bench.process import memory
from bench.row import Row, bench, median, milliseconds, reached
from bench.runner import runner


@bench("start")
async def start(quick: bool) -> Sequence[Row]:
    """Process start → ready, a fresh interpreter each; and memory once it is."""
    times, sizes, imports = [], [], []
    for _ in range(2 if quick else 7):
        async with runner() as one:
            times.append(one.seconds)
            sizes.append(memory(one.pid))
        imports.append(await _import_alone())
    mid, alone, size = median(times), median(imports), median(sizes) / 1e6
    return [
        Row(
            name="runner: process start → ready",
            reach="≤ 0.6 s",
            measured=milliseconds(mid),
            verdict=reached(ok=mid <= 0.6),
            reference=f"import of Starlette + uvicorn alone {milliseconds(alone)}",
            ratio=f"{mid / alone:.2f}",
            note=f"median of {len(times)}, fresh interpreter; forked ones are in row create",
        ),
        Row(
            name="runner: idle memory, no agent extras",
            reach="≤ 45 MB",
            measured=f"{size:.0f} MB",
            verdict=reached(ok=size <= 45),
            reference="published: existing runner 70 MB",
            ratio=f"{size / 70:.2f}",
            note="resident set of a runner of its own interpreter",
        ),
    ]


async def _import_alone() -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import starlette.applications, uvicorn.config, uvicorn.server"
    )
    await process.wait()
    return time.perf_counter() - begun
