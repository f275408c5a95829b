"""Bytes with `Range` (RFC 9110, one range), never something a browser would run."""

from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ambient.contract.span import Span, Unsatisfiable
from ambient.core.errors import RangeUnsatisfiable
from ambient.core.filing import Content

OCTETS: Final = "application/octet-stream"


def partial(data: bytes, asked: str | None) -> Response:
    """The whole, or the range asked for. A header that is not one byte range is ignored."""
    size, span = len(data), Span.of(asked)
    try:
        start, end = span.within(size) if span else (0, size)
    except Unsatisfiable:
        raise RangeUnsatisfiable(size=size) from None
    return Response(
        data[start:end],
        status_code=206 if span else 200,
        media_type=OCTETS,
        headers=_headers(start, end, size if span else None),
    )


class FileReply(StreamingResponse):
    """A file that comes while it is read; it is closed whatever happens."""

    def __init__(self, content: Content, *, part: bool) -> None:
        headers = _headers(content.start, content.end, content.size if part else None)
        headers["Content-Length"] = str(content.end - content.start)
        super().__init__(
            content.chunks,
            status_code=206 if part else 200,
            media_type=OCTETS,
            headers=headers,
        )
        self._file = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _headers(start: int, end: int, size: int | None) -> dict[str, str]:
    headers = {"Accept-Ranges": "bytes"}
    if size is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return headers
