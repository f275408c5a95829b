"""A line between a browser and a platform, which can be cut and mended."""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from support.real import PlatformProcess


class Cable:
    """Passes bytes on. Cut: what is on the way is lost, and nobody can connect."""

    def __init__(self, platform: PlatformProcess) -> None:
        self._platform = platform
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def end(self) -> PlatformProcess:
        """The platform, as it is reached through the cable."""
        self._platform.http()  # one for both, which the platform closes
        end = copy.copy(self._platform)
        end.port = self._port
        return end

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._platform.port)
        ends = {back, forth}
        self._writers |= ends
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(near, forth))
            both.create_task(_pass(far, back))
        self._writers -= ends


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while found := await reader.read(1 << 16):
            writer.write(found)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cable(platform: PlatformProcess) -> AsyncIterator[Cable]:
    """A whole one; cut at the end."""
    found = Cable(platform)
    await found.mend()
    try:
        yield found
    finally:
        await found.cut()
