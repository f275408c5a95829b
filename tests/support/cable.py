"""A way to the cluster's API that can be cut and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from ambient.engines.kube.access import Access


class Cable:
    """A TCP proxy between an operator and the API server, which can be cut and mended."""

    def __init__(self, access: Access) -> None:
        found = urlsplit(access.url)
        self._host, self._port = str(found.hostname), int(found.port or 443)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_through = False
        self.port = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut_through:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, far_writer}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pipe(reader, far_writer))
            tasks.create_task(self._pipe(far_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    def cut(self) -> None:
        self.cut_through = True
        for one in self._open:
            one.transport.abort()
        self._open.clear()

    def mend(self) -> None:
        self.cut_through = False


@asynccontextmanager
async def cable(access: Access) -> AsyncIterator[tuple[Cable, Access]]:
    made = Cable(access)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made, replace(access, url=f"https://127.0.0.1:{made.port}")
        made.cut()
