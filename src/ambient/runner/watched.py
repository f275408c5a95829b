"""Files that others replace while we run: looked at often, read when they are other ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ambient.runner.clock import Clock
from ambient.runner.redactor import SecretValues

LOOK_EVERY_SECONDS: Final = 0.4
"""In force within a second of the file's change (tokens.md), with room for a busy machine."""


class WatchedFile:
    """A file and how it was when it was last looked at. Follows links, as volumes swap those."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None

    def has_changed(self) -> bool:
        """Whether it is another one than at the last call, or gone, or there again."""
        stamp = self._now()
        changed = stamp != self._stamp
        self._stamp = stamp
        return changed

    def _now(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


class SecretFile:
    """A file whose content is a secret that the redactor must know, whenever it changes."""

    def __init__(self, path: Path, values: SecretValues) -> None:
        self._file = WatchedFile(path)
        self._values = values

    def look(self) -> None:
        """Read it if it changed."""
        if self._file.has_changed():
            try:
                self._values.add(self._file.path.read_text())
            except (FileNotFoundError, UnicodeDecodeError, PermissionError):
                return  # what cannot be read cannot be shown either


async def watch(clock: Clock, *looks: Callable[[], None]) -> None:
    """Look at all of them, for ever."""
    while True:
        await clock.sleep(LOOK_EVERY_SECONDS)
        for look in looks:
            look()
