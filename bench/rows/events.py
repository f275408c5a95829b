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
from bench.runner import runner


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
            reference=f"same run through a bare proxy {per_second(bare)}",
            ratio=f"{rate / bare:.0%}",
            note=_note(rate, bare, count, busy),
        )
    ]


def _note(rate: float, bare: float, count: int, busy: float) -> str:
    note = f"{count:,} events of one run, live; server {busy:.0%} of one core"
    if rate >= 40_000 and rate < 0.4 * bare:
        note += "; the rate is reached, the share is not: the proxy neither numbers nor commits"
    return note


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
    """The same runner, the same run, the same reader; in between a proxy that does nothing."""
    async with runner() as one, _proxy(one.url) as url:
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            headers=one.headers, read_bufsize=1 << 20, timeout=timeout
        ) as http:
            message = {"id": "m", "role": "user", "content": f"emit {count}"}
            body = {"threadId": "bench", "runId": "r", "messages": [message]}
            accept = {"Accept": "application/json"}
            (await http.post(f"{one.url}/", json=body, headers=accept)).raise_for_status()
            async with http.get(f"{url}/events") as reply:
                return await _rate(reply, count)


async def _rate(reply: aiohttp.ClientResponse, count: int) -> float:
    reader, seen, begun = FrameReader(), 0, 0.0
    async for chunk in reply.content.iter_any():
        for frame in reader.feed(chunk):
            seen += kind_of(frame.data) == "TEXT_MESSAGE_CONTENT"
        begun = begun or time.perf_counter()
        if seen >= count:
            break
    return seen / (time.perf_counter() - begun)


@contextlib.asynccontextmanager
async def _proxy(upstream: str) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        arguments = ("-m", "bench.passthrough", str(port), upstream)
        async with started(*arguments, log=Path(folder) / "log"):
            while not (port.exists() and port.read_text()):
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port.read_text()}"
