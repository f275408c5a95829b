"""A file of numbered lines, read from any number on without reading what is before it.

The journal's own file and those of earlier processes are read this way. A last line without its
newline was torn by a crash and does not count.
"""

import os
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Final

MARK_EVERY: Final = 256
"""Lines between two marks of the index: 16 bytes for so many events."""
CHUNK_BYTES: Final = 256 << 10


class Lines:
    """The lines of `fd`, numbered from 1. total: how many are whole; size: their bytes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._numbers = array("Q", [1])
        self._offsets = array("Q", [0])
        self.total = 0
        self.size = 0

    def grew(self, lines: int, size: int) -> None:
        """So many whole lines of so many bytes were written at the end."""
        if self.total + 1 - self._numbers[-1] >= MARK_EVERY:
            self._numbers.append(self.total + 1)
            self._offsets.append(self.size)
        self.total += lines
        self.size += size

    def read(self, after: int) -> list[bytes]:
        """Some of the lines after number `after`, in order; at least one if there is one."""
        if after >= self.total:
            return []
        mark = bisect_right(self._numbers, after + 1) - 1
        number, offset = self._numbers[mark], self._offsets[mark]
        rest = b""
        while True:
            chunk = os.pread(self._fd, min(CHUNK_BYTES, self.size - offset), offset)
            offset += len(chunk)
            found = (rest + chunk).split(b"\n")
            rest = found.pop()
            wanted = found[max(0, after + 1 - number) :]
            if wanted or not chunk:
                return wanted
            number += len(found)

    def scan(self) -> None:
        """Index a file that another process wrote."""
        rest = 0
        offset = 0
        while chunk := os.pread(self._fd, CHUNK_BYTES, offset):
            offset += len(chunk)
            end = chunk.rfind(b"\n") + 1
            if end:
                self.grew(chunk.count(b"\n", 0, end), rest + end)
                rest = 0
            rest += len(chunk) - end


class OldJournal:
    """The file of an earlier process, opened and indexed when first read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.stem
        self._fd: int | None = None
        self._lines: Lines | None = None

    def lines(self) -> Lines:
        """Its lines; reads the whole file the first time."""
        if self._lines is None:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            self._lines = Lines(self._fd)
            self._lines.scan()
        return self._lines

    def forget(self) -> None:
        """Remove it: somebody else has all of it."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = self._lines = None
        self.path.unlink(missing_ok=True)
