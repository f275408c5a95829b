"""Notices when the credential files of a living runner were touched by somebody else.

One loop for all places, a few `stat` calls each: what it notices is only a reason to look; the
care for the token then delivers what belongs there (tokens.md, Faults).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ambient.contract.names import BOT_TOKEN_KEY, DIGESTS_KEY, TOKEN_KEY
from ambient.core.ports import Clock

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
GUARDED: Final = (DIGESTS_KEY, TOKEN_KEY, BOT_TOKEN_KEY)
Signature = tuple[tuple[int, int, int, int] | None, ...]


class FileGuard:
    """places: the folders to watch by place id. notice: told of the places that changed."""

    def __init__(
        self,
        clock: Clock,
        places: Callable[[], Mapping[str, Path]],
        notice: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._places = places
        self._notice = notice
        self._seen: dict[str, Signature] = {}

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Notice what changed since the last look. A place seen for the first time counts too:
        what was done to it before nobody has seen."""
        places = self._places()
        found = await asyncio.to_thread(_signatures, places)
        for place, signature in found.items():
            if self._seen.get(place) != signature:
                self._notice(place)
        self._seen = found


def _signatures(places: Mapping[str, Path]) -> dict[str, Signature]:
    return {
        place: tuple(_signature(folder / name) for name in GUARDED)
        for place, folder in places.items()
    }


def _signature(file: Path) -> tuple[int, int, int, int] | None:
    """Inode, size, time and mode; None: it is not there."""
    try:
        seen = file.lstat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_mode
