"""How soon a leaked token is dead, counted from the change of the digests file."""

import asyncio
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from ambient.contract.tokens import mint
from bench.http import Connection
from bench.row import Row, bench, milliseconds, reached
from bench.runner import Runner, runner


@bench("revocation", seconds=90)
async def revocation(quick: bool) -> Sequence[Row]:
    """The worst of a few: new requests refused, an open stream cut."""
    refused, cut = [], []
    for _ in range(2 if quick else 5):
        async with runner() as one:
            stream = _open_stream(one)
            one.show(mint())
            changed = time.perf_counter()
            streams = asyncio.to_thread(_until_cut, stream, changed)
            requests = asyncio.to_thread(_until_refused, one, changed)
            async with asyncio.TaskGroup() as tasks:
                first, second = tasks.create_task(requests), tasks.create_task(streams)
            refused.append(first.result())
            cut.append(second.result())
    return [
        Row(
            name="revocation: new requests refused",
            reach="≤ 1 s",
            measured=milliseconds(max(refused)),
            verdict=reached(ok=max(refused) <= 1),
            note=f"worst of {len(refused)}, from the file's change",
        ),
        Row(
            name="revocation: open streams cut",
            reach="≤ 5 s",
            measured=milliseconds(max(cut)),
            verdict=reached(ok=max(cut) <= 5),
            note=f"worst of {len(cut)}, from the file's change",
        ),
    ]


def _open_stream(one: Runner) -> socket.socket:
    parts = urlsplit(one.url)
    stream = socket.create_connection((parts.hostname, parts.port), timeout=20)
    lines = "".join(f"{name}: {value}\r\n" for name, value in one.headers.items())
    stream.sendall(f"GET /events HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode())
    head = stream.recv(65536)
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"no stream: {head[:300]!r}")
    return stream


def _until_cut(stream: socket.socket, since: float) -> float:
    with stream:  # over: the connection is, or the last chunk of the reply has come
        while (data := stream.recv(65536)) and not data.endswith(b"0\r\n\r\n"):
            pass
    return time.perf_counter() - since


def _until_refused(one: Runner, since: float) -> float:
    connection = Connection(one.url, one.headers)
    while connection.request("GET", "/capabilities")[0] != 401:
        time.sleep(0.001)
    connection.close()
    return time.perf_counter() - since
