"""Bytes with `Range` (RFC 9110, one range), never something a browser would run."""

import re
from typing import Final

from starlette.responses import Response

from ambient.core.errors import InvalidParameter

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
OCTETS: Final = "application/octet-stream"


class RangeUnsatisfiable(InvalidParameter):
    """The range begins beyond the end of the content."""


def partial(data: bytes, asked: str | None) -> Response:
    """The whole, or the range asked for. A header that is not one byte range is ignored."""
    found = _RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or not (found[1] or found[2]):
        return Response(data, media_type=OCTETS, headers={"Accept-Ranges": "bytes"})
    size = len(data)
    if found[1]:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first >= size or last < first:
        raise RangeUnsatisfiable(size=size)
    return Response(
        data[first : last + 1],
        status_code=206,
        media_type=OCTETS,
        headers={"Accept-Ranges": "bytes", "Content-Range": f"bytes {first}-{last}/{size}"},
    )
