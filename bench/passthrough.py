"""The reference for the event row: frames from a source through a bare proxy to one reader.

`python -m bench.passthrough source|proxy PORT_FILE [UPSTREAM]`: no log, no numbering, no commit;
what is left is what two processes and one HTTP stream cost on this machine.
"""

import socket
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

from ambient.contract.events import frames

EVENT = (
    b'{"type":"TEXT_MESSAGE_CONTENT","timestamp":1766000000000,"messageId":'
    b'"3b5c1a52-7a53-4c3b-9f7e-0d1f7c5e9a11","delta":"word "}'
)
BATCH = 200


async def source(request: web.Request) -> web.StreamResponse:
    """Frames as fast as they are taken."""
    reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await reply.prepare(request)
    for first in range(1, int(request.query["count"]) + 1, BATCH):
        await reply.write(frames(first, [EVENT] * BATCH))
    return reply


def proxy(upstream: str) -> web.Application:
    """Bytes in, bytes out."""

    async def passed(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(read_bufsize=1 << 20, timeout=timeout) as http,
            http.get(upstream + str(request.rel_url)) as found,
        ):
            async for chunk in found.content.iter_any():
                await reply.write(chunk)
        return reply

    app = web.Application()
    app.router.add_get("/events", passed)
    return app


def main() -> None:
    """Serve on a free port and write it down."""
    role, port_file, *rest = sys.argv[1:]
    if role == "source":
        app = web.Application()
        app.router.add_get("/events", source)
    else:
        app = proxy(rest[0])

    listening = socket.create_server(("127.0.0.1", 0))
    Path(port_file).write_text(str(listening.getsockname()[1]))
    web.run_app(app, sock=listening, print=None)


if __name__ == "__main__":
    main()
