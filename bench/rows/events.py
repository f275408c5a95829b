"""How many events a second get from a runner's journal through the log to a reader."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from ambient.contract.events import FrameReader, kind_of
from bench.platform import Platform, platform
from bench.process import cpu_seconds, started
from bench.row import Row, bench, per_second, reached


@bench("events", seconds=90)
async def events(quick: bool) -> Sequence[Row]:
    """A run that says one word after the other, as fast as it is taken."""
    count = 20_000 if quick else 200_000
    async with platform() as one:
        rate, busy = await _through_the_log(one, count)
    bare = await _bare(count)
    return [
        Row(
            name="events: runner journal → committed → one reader",
            reach="≥ 40,000/s, ≥ 40 % of bare",
            measured=per_second(rate),
            verdict=reached(ok=rate >= 40_000 and rate >= 0.4 * bare),
            reference=f"bare aiohttp pass-through {per_second(bare)}",
            ratio=f"{rate / bare:.0%}",
            note=f"{count:,} events of one run, live; server {busy:.0%} of one core",
        )
    ]


async def _through_the_log(one: Platform, count: int) -> tuple[float, float]:
    session = await one.create("say ready")
    await one.until(session, "RUN_FINISHED")
    await one.prompt(session, f"emit {count}")
    seen, begun, used = 0, 0.0, 0.0
    async with contextlib.aclosing(one.events(session)) as stream:
        async for frame in stream:
            if kind_of(frame.data) != "TEXT_MESSAGE_CONTENT":
                continue
            if not seen:
                begun, used = time.perf_counter(), cpu_seconds(one.pid)
            seen += 1
            if seen >= count:
                break
    seconds = time.perf_counter() - begun
    return seen / seconds, (cpu_seconds(one.pid) - used) / seconds


async def _bare(count: int) -> float:
    async with _served("source") as source, _served("proxy", source) as proxy:
        reader, seen = FrameReader(), 0
        async with aiohttp.ClientSession(read_bufsize=1 << 20) as http:
            begun = time.perf_counter()
            async with http.get(f"{proxy}/events?count={count}") as reply:
                async for chunk in reply.content.iter_any():
                    seen += sum(kind_of(frame.data) != "" for frame in reader.feed(chunk))
            return seen / (time.perf_counter() - begun)


@contextlib.asynccontextmanager
async def _served(role: str, *more: str) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        arguments = ("-m", "bench.passthrough", role, str(port), *more)
        async with started(*arguments, log=Path(folder) / "log"):
            while not (port.exists() and port.read_text()):
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port.read_text()}"
