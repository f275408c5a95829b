"""The workspace's files."""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Final

from ambient.contract.runner_api import WriteFile
from ambient.contract.span import Span, Unsatisfiable
from ambient.runner.app import Handler
from ambient.runner.errors import BodyTooLarge, FileTooLarge, InvalidRequest
from ambient.runner.http import Reply, Request, Stream, json_reply
from ambient.runner.place import Place
from ambient.runner.workspace import pieces

MAX_FILE_BYTES: Final = 100 << 20
"""The most that a deployment may allow (api.md 11); the server keeps its own, lower limit."""
MAX_BODY_BYTES: Final = MAX_FILE_BYTES * 4 // 3 + 4096


class FileRoutes:
    """Handlers of /content/*."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "list_files": self.list_files,
            "read_file": self.read_file,
            "put_file": self.put_file,
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
        span = Span.of(request.header("range"))
        try:
            start, end = span.within(size) if span else (0, size)
        except Unsatisfiable:
            os.close(fd)
            return Reply(status=416, headers=[(b"content-range", b"bytes */%d" % size)])
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % (end - start)),
            (b"accept-ranges", b"bytes"),
        ]
        if span is None:
            return Stream(pieces(fd, 0, size), headers=headers)
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
        return Stream(pieces(fd, start, end - start), 206, headers)

    async def put_file(self, request: Request) -> Reply:
        """Replace a file by the body."""
        files = self._place.session().workspace
        path = request.query.get("path", "")
        try:
            await files.receive(path, request.stream(MAX_FILE_BYTES))
        except BodyTooLarge as exc:
            raise FileTooLarge(f"The file is larger than {MAX_FILE_BYTES} bytes.") from exc
        return json_reply({"message": "ok"})

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
