"""The workspace's files."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Final

from ambient.contract.runner_api import WriteFile
from ambient.runner.app import Handler
from ambient.runner.errors import FileTooLarge, InvalidRequest
from ambient.runner.http import Reply, Request, Stream, json_reply
from ambient.runner.place import Place
from ambient.runner.workspace import pieces

MAX_FILE_BYTES: Final = 100 << 20
"""The most that a deployment may allow (api.md 11); the server keeps its own, lower limit."""
MAX_BODY_BYTES: Final = MAX_FILE_BYTES * 4 // 3 + 4096
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class FileRoutes:
    """Handlers of /content/*."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "list_files": self.list_files,
            "read_file": self.read_file,
            "write_file": self.write_file,
            "delete_file": self.delete_file,
        }

    async def list_files(self, request: Request) -> Reply:
        """A folder."""
        files = self._place.session().workspace
        return json_reply(await files.entries(request.query.get("path", "")))

    async def read_file(self, request: Request) -> Stream | Reply:
        """A file's bytes, or a part of them."""
        files = self._place.session().workspace
        fd, size = await files.open(request.query.get("path", ""))
        wanted = _range(request.header("range"), size)
        if wanted is None:
            os.close(fd)
            return Reply(status=416, headers=[(b"content-range", b"bytes */%d" % size)])
        start, end = wanted
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % (end - start)),
            (b"accept-ranges", b"bytes"),
        ]
        if end - start == size:
            return Stream(pieces(fd, 0, size), headers=headers)
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
        return Stream(pieces(fd, start, end - start), 206, headers)

    async def write_file(self, request: Request) -> Reply:
        """Replace a file."""
        files = self._place.session().workspace
        wanted = await request.model(WriteFile, MAX_BODY_BYTES)
        data = _content(wanted)
        if len(data) > MAX_FILE_BYTES:
            raise FileTooLarge(f"The file is larger than {MAX_FILE_BYTES} bytes.")
        await files.write(wanted.path, data)
        return json_reply({"message": "ok"})

    async def delete_file(self, request: Request) -> Reply:
        """Remove a file."""
        files = self._place.session().workspace
        body = await request.json()
        path = body.get("path") if isinstance(body, dict) else None
        path = path or request.query.get("path")
        if not isinstance(path, str):
            raise InvalidRequest(
                "Not acceptable: path.",
                details={"fields": [{"field": "path", "message": "a path is needed"}]},
            )
        await files.delete(path)
        return json_reply({"message": f"{path} is deleted."})


def _content(wanted: WriteFile) -> bytes:
    if wanted.encoding == "utf8":
        return wanted.content.encode(errors="surrogatepass")
    if wanted.encoding != "base64":
        raise InvalidRequest(
            "Not acceptable: encoding.",
            details={"fields": [{"field": "encoding", "message": "base64 or utf8"}]},
        )
    try:
        return base64.b64decode(wanted.content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest(
            "The content is not base64.",
            details={"fields": [{"field": "content", "message": str(exc)}]},
        ) from exc


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and end of what is asked for, the whole without a range; None: there is no such."""
    match = _RANGE.fullmatch(header) if header else None
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
    return (start, end) if start < end else None
