"""The workspace as a whole: taking stock, giving out content, being filled."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final

from ambient.contract.snapshot import (
    GONE,
    MOST_CHUNKS_ASKED,
    ChunksRequest,
    RestoreReply,
    ScanRequest,
    frame,
)
from ambient.runner.app import Handler
from ambient.runner.errors import InvalidRequest
from ambient.runner.http import JSON, Reply, Request, Stream, json_reply
from ambient.runner.place import Place
from ambient.runner.restore import restore
from ambient.runner.snapshot import Stock

OCTETS: Final = (b"content-type", b"application/octet-stream")
MOST_BODY_BYTES: Final = 1 << 40


class SnapshotRoutes:
    """Handlers of /workspace. One works at a time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = asyncio.Lock()

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "scan_workspace": self.scan,
            "workspace_chunks": self.chunks,
            "restore_workspace": self.restore,
        }

    async def scan(self, request: Request) -> Reply:
        """What there is. The last scan before a stop ends the run, so that nothing moves."""
        session = self._place.session()
        wanted = await request.model(ScanRequest)
        if wanted.final:
            await session.runs.drain()
            session.processes.kill_all()
        async with self._lock:
            found = await asyncio.to_thread(session.stock.scan, wanted)
            return Reply(await asyncio.to_thread(found.encode), headers=[JSON])

    async def chunks(self, request: Request) -> Stream:
        """Content of files, of the last scan."""
        session = self._place.session()
        wanted = await request.model(ChunksRequest)
        if len(wanted.refs) > MOST_CHUNKS_ASKED:
            raise InvalidRequest(f"At most {MOST_CHUNKS_ASKED} chunks at once.")
        return Stream(_frames(session.stock, wanted.refs), headers=[OCTETS])

    async def restore(self, request: Request) -> Reply:
        """Fill the workspace, if it was empty when this runner began."""
        session = self._place.session()
        async with self._lock, session.desired.held():
            if not session.stock.may_fill:
                return json_reply(RestoreReply(restored=False))
            root = Path(session.launch.workspace)
            await restore(root, request.stream(MOST_BODY_BYTES))
            session.stock.may_fill = False
            await session.runs.renew_agent()
        return json_reply(RestoreReply(restored=True))


async def _frames(stock: Stock, refs: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    for ref in refs:
        data = await asyncio.to_thread(stock.chunk, ref)
        yield GONE.to_bytes(4, "big") if data is None else frame(data)
