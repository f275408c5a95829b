"""The files of a session's workspace."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from ambient.client.errors import ClientError
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
        return await _saved(self.chunks(path), Path(to))

    async def archive(self, to: Path | str, path: str = "") -> int:
        """Copy a folder here, as a zip file; how many bytes it has."""
        return await _saved(self._archived(path), Path(to))

    async def _archived(self, path: str) -> AsyncIterator[bytes]:
        at = f"{self._path.removesuffix('/workspace')}/archive"
        asked = Request(method="GET", path=at, params={"path": path} if path else None)
        async with self._transport.open(asked) as body:
            async for chunk in body.chunks():
                yield chunk

    async def write(self, path: str, content: bytes) -> None:
        """Write a file; the session must run."""
        await self._transport.call(
            Request(method="PUT", path=self._at(path), content=content, safe=True)
        )

    async def upload(self, path: str, content: bytes) -> None:
        """Give the session a file, in whatever phase it is; it is then at `file-uploads/<path>`."""
        at = f"{self._path.removesuffix('/workspace')}/file-uploads/{_plain(path)}"
        await self._transport.call(Request(method="PUT", path=at, content=content, safe=True))

    async def delete(self, path: str) -> None:
        """Delete a file."""
        await self._transport.call(Request(method="DELETE", path=self._at(path)))

    def _at(self, path: str) -> str:
        return f"{self._path}/{_plain(path)}"


async def _saved(chunks: AsyncIterator[bytes], target: Path) -> int:
    """Write a file once all of it has come; its size."""
    part = target.with_name(f".{target.name}.part")
    size = 0
    try:
        with part.open("wb") as file:
            async for chunk in chunks:
                size += file.write(chunk)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return size


def _plain(path: str) -> str:
    """A path for an address, in which `..` would lead elsewhere. Raises ClientError."""
    if ".." in path.split("/"):
        raise ClientError(f"{path} has `..` in it.", hint="Name a path inside the workspace.")
    return quote(path.lstrip("/"))
