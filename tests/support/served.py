"""An application on a port of its own, in the test's own process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from ambient.wiring.http_server import HttpServer


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Its address."""
    listening = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HttpServer(app, drain_seconds=1, started=listening.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            await listening.wait()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True
