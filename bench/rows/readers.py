"""A thousand people watch one session, and one of them has fallen asleep."""

import asyncio
import re
import socket
import time
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlsplit

from bench.platform import Platform, platform
from bench.process import cpu_seconds, memory
from bench.row import Row, bench, milliseconds, percentile, reached

STAMP: Final = re.compile(rb'"timestamp":(\d+)')
RATE: Final = 100


class Reader(asyncio.Protocol):
    """Notes how late the oldest event of each chunk is; anything more would measure ourselves."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.late: list[float] = []
        self.events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(self.request)  # uvloop has its own classes

    def data_received(self, data: bytes) -> None:
        if found := STAMP.search(data):
            self.late.append(time.time() - int(found[1]) / 1000)
            self.events += data.count(b'"type":"TEXT_MESSAGE_CONTENT"')


@bench("readers", seconds=90)
async def readers(quick: bool) -> Sequence[Row]:
    """Appended → read, at 100 events a second; once more with a reader that never reads."""
    count, seconds = (100, 3) if quick else (1000, 8)
    async with platform() as one:
        alone = await _watched(one, count, seconds, stalled=0)
        before = memory(one.pid)
        beside = await _watched(one, count, seconds, stalled=1)
        grown = (memory(one.pid) - before) / 1e6
    p99, with_stalled = percentile(alone.late, 0.99), percentile(beside.late, 0.99)
    return [
        Row(
            name=f"events to {count:,} readers",
            reach="p99 append → reader ≤ 50 ms at 100 events/s",
            measured=f"p50 {milliseconds(percentile(alone.late, 0.5))}, p99 {milliseconds(p99)}",
            verdict=reached(ok=p99 <= 0.05 and alone.complete),
            note=f"{alone.events:,} deliveries, {'all' if alone.complete else 'NOT all'} of them; "
            f"server {alone.busy:.0%} of one core, the readers share the machine",
        ),
        Row(
            name="… with one stalled reader beside them",
            reach="adds 0 and ≤ 1 MB",
            measured=f"p99 {milliseconds(with_stalled)}, {grown:+.1f} MB",
            verdict=reached(ok=with_stalled <= max(0.05, 1.2 * p99) and beside.complete),
            reference=f"without it p99 {milliseconds(p99)}",
            ratio=f"{with_stalled / p99:.2f}",
            note="memory: the whole server's, so an upper bound",
        ),
    ]


class Seen:
    """What all readers saw together."""

    def __init__(self, found: Sequence[Reader], expected: int, busy: float) -> None:
        self.late = [late for reader in found for late in reader.late]
        self.events = sum(reader.events for reader in found)
        self.complete = all(reader.events == expected for reader in found)
        self.busy = busy


async def _watched(one: Platform, count: int, seconds: int, *, stalled: int) -> Seen:
    session = await one.create("say ready")
    end = await one.until(session, "RUN_FINISHED")
    parts, loop = urlsplit(one.url), asyncio.get_running_loop()
    host, port = str(parts.hostname), int(parts.port or 80)
    request = (
        f"GET {one.path(session, '/agui/events')}?after={end} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {one.token}\r\nAccept: text/event-stream\r\n\r\n"
    ).encode()
    sleepers = [_stalled(host, port, request) for _ in range(stalled)]
    opened = [
        await loop.create_connection(lambda: Reader(request), host, port) for _ in range(count)
    ]
    expected, used = RATE * seconds, cpu_seconds(one.pid)
    await one.prompt(session, f"emit {expected} {RATE}")
    await one.until(session, "RUN_FINISHED", after=end)
    busy = (cpu_seconds(one.pid) - used) / seconds
    await asyncio.sleep(0.5)  # for the slowest of the readers
    for transport, _ in opened:
        transport.close()
    for sleeper in sleepers:
        sleeper.close()
    await one.delete(session)
    # The prompt itself is one event of the same kind.
    return Seen([reader for _, reader in opened], expected + 1, busy)


def _stalled(host: str, port: int, request: bytes) -> socket.socket:
    sleeper = socket.socket()
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sleeper.connect((host, port))
    sleeper.sendall(request)
    return sleeper
