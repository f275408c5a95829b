"""A folder of a workspace as one zip file, which is made while it is sent.

Links to folders are not followed, so nothing is in it twice. What cannot be read is named in the
archive itself, with the reason: it was begun already, so no status could say so.
"""

import re
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ambient.contract.runner_api import FileEntry, FileList
from ambient.core.errors import AmbientError, TooLarge
from ambient.core.filing import Content

MOST_ENTRIES: Final = 20_000
LEFT_OUT: Final = "ambient-left-out.txt"
MEDIA: Final = "application/zip"
_UNPLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
"""What no name of a file to be saved holds, whatever a folder is called."""
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""Before it a zip file knows no time."""

List = Callable[[str], Awaitable[FileList]]
Open = Callable[[str], Awaitable[Content]]


class FolderTooLarge(TooLarge):
    """The folder holds more than fits into one archive."""

    hint = "Take a folder of it, or single files."


class ArchiveReply(StreamingResponse):
    """An archive that comes while it is made; whoever goes away ends it."""

    def __init__(self, chunks: AsyncGenerator[bytes], name: str) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{_UNPLAIN.sub("_", name)}.zip"'}
        super().__init__(chunks, media_type=MEDIA, headers=headers)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._chunks):
            await super().__call__(scope, receive, send)


async def entries(list_folder: List, path: str) -> list[FileEntry]:
    """Everything below a folder, its own entries first. Raises FileNotFound, FolderTooLarge."""
    found: list[FileEntry] = []
    folders = [path]
    while folders:
        listed = await list_folder(folders.pop(0))
        found += listed.items
        if listed.truncated or len(found) > MOST_ENTRIES:
            raise FolderTooLarge(f"There are more than {MOST_ENTRIES} files in it.")
        folders += [one.path for one in listed.items if one.is_dir and not one.is_link]
    return found


async def zipped(found: list[FileEntry], base: str, open_file: Open) -> AsyncGenerator[bytes]:
    """The archive's bytes. base: the folder that the names in it are relative to."""
    sink = _Sink()
    left_out = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in found:
            name = one.path[len(base) + 1 :] if base else one.path
            if one.is_dir:
                if one.is_link:
                    left_out.append(f"{name}: is a link to a folder")
                else:
                    archive.writestr(_info(name + "/", one), b"")
                continue
            try:
                content = await open_file(one.path)
            except AmbientError as exc:
                left_out.append(f"{name}: {exc}")
                continue
            async with aclosing(_member(archive, _info(name, one), content, sink)) as pieces:
                async for piece in pieces:
                    yield piece
        if left_out:
            archive.writestr(LEFT_OUT, "\n".join(left_out) + "\n")
    yield sink.taken()


async def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: Content, sink: "_Sink"
) -> AsyncGenerator[bytes]:
    try:
        with archive.open(info, "w", force_zip64=True) as member:
            async for chunk in content.chunks:
                member.write(chunk)
                yield sink.taken()
    finally:
        content.close()


def _info(name: str, entry: FileEntry) -> zipfile.ZipInfo:
    at = datetime.fromisoformat(entry.modified_at).astimezone(UTC).timetuple()[:6]
    info = zipfile.ZipInfo(name, max(at, _EARLIEST))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o40755 << 16) | 0x10 if entry.is_dir else 0o100644 << 16
    return info


class _Sink:
    """Where the archive is written; what is there is taken and sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What is left is still to be taken."""

    def taken(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found
