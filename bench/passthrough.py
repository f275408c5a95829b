"""The reference for the event row: a bare proxy between a runner's journal and its reader.

`python -m bench.passthrough PORT_FILE UPSTREAM`: no log, no numbering, no commit, no look at what
passes; what is left is what another process and another HTTP stream cost on this machine.
"""

import socket
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

from ambient.contract.names import SESSION_TOKEN_HEADER


def proxy(upstream: str) -> web.Application:
    """Bytes in, bytes out."""

    async def passed(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        timeout = aiohttp.ClientTimeout(total=None)
        token = {SESSION_TOKEN_HEADER: request.headers[SESSION_TOKEN_HEADER]}
        async with (
            aiohttp.ClientSession(read_bufsize=1 << 20, timeout=timeout, headers=token) as http,
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
    port_file, upstream = sys.argv[1:]
    listening = socket.create_server(("127.0.0.1", 0))
    Path(port_file).write_text(str(listening.getsockname()[1]))
    web.run_app(proxy(upstream), sock=listening, print=None)


if __name__ == "__main__":
    main()
