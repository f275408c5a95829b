"""One range of bytes of a file, as `Range` asks for it (RFC 9110); the rest of that header's forms
are ignored, as the standard allows."""

import re
from typing import Final, NamedTuple, Self

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_GIVEN: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Unsatisfiable(ValueError):
    """The range begins beyond the end of the file."""


class Span(NamedTuple):
    """first, last: both included. No first: the `last` newest bytes. No last: to the end."""

    first: int | None
    last: int | None

    @classmethod
    def of(cls, header: str | None) -> Self | None:
        """What a Range header asks for; None: the whole."""
        found = _RANGE.fullmatch(header.strip()) if header else None
        if found is None or not (found[1] or found[2]):
            return None
        first, last = (int(part) if part else None for part in found.groups())
        backwards = first is not None and last is not None and last < first
        return None if backwards else cls(first, last)

    def header(self) -> str:
        """The Range header that asks for it."""
        first, last = ("" if part is None else str(part) for part in self)
        return f"bytes={first}-{last}"

    def within(self, size: int) -> tuple[int, int]:
        """Start and end (not included) in a file of this size. Raises Unsatisfiable."""
        if self.first is None:
            start, end = max(0, size - (self.last or 0)), size
        else:
            start = self.first
            end = size if self.last is None else min(size, self.last + 1)
        if start >= end:
            raise Unsatisfiable
        return start, end


def given(header: str | None) -> tuple[int, int, int] | None:
    """Start, end (not included) and size that a Content-Range header tells; None: it does not."""
    found = _GIVEN.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    start, last, size = (int(part) for part in found.groups())
    return (start, last + 1, size) if start <= last < size else None
