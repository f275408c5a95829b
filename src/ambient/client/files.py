"""The files of a session's workspace."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from ambient.client.model import FileItem
from ambient.client.transport import Request, Transport


class Files:
    """Paths are relative to the workspace, with `/`."""

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path

    async def list(self, path: str = "") -> tuple[FileItem, ...]:
        """The entries of a folder. Raises NotFound when there is none."""
        params = {"path": path} if path else None
        found = await self._transport.json("GET", self._path, params=params)
        return tuple(FileItem.model_validate(one) for one in found["items"])

    async def read(self, path: str) -> bytes:
        """A file's content, whole."""
        return b"".join([chunk async for chunk in self.chunks(path)])

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """A file's content while it comes."""
        async with self._transport.open(Request(method="GET", path=self._at(path))) as body:
            async for chunk in body.chunks():
                yield chunk

    async def download(self, path: str, to: Path | str) -> int:
        """Copy a file here; how many bytes. What was at `to` is replaced when all has come."""
        target = Path(to)
        part = target.with_name(f".{target.name}.part")
        size = 0
        try:
            with part.open("wb") as file:
                async for chunk in self.chunks(path):
                    size += file.write(chunk)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return size

    async def write(self, path: str, content: bytes) -> None:
        """Write a file; the session must run."""
        await self._transport.call(
            Request(method="PUT", path=self._at(path), content=content, safe=True)
        )

    async def delete(self, path: str) -> None:
        """Delete a file."""
        await self._transport.call(Request(method="DELETE", path=self._at(path)))

    def _at(self, path: str) -> str:
        return f"{self._path}/{quote(path.lstrip('/'))}"
