"""The digests that requests are verified against, read again when their file changes.

`verifier` asks for them on every request, `watch` keeps them fresh. A set once read is replaced
only by another whole one: a file that is gone or malformed later leaves the last good set.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from ambient.contract.tokens import Digest, DigestsInvalid, digest, kid, read_digests
from ambient.runner.clock import Clock
from ambient.runner.errors import NoDigest
from ambient.runner.watched import LOOK_EVERY_SECONDS, WatchedFile

log = logging.getLogger(__name__)

Retired = Callable[[frozenset[Digest]], None]
"""Told the digests that are no longer accepted."""


class DigestSet:
    """The accepted digests. Built with at least one, or not at all: raises NoDigest."""

    def __init__(self, file: Path, token: str | None, *, clock: Clock) -> None:
        self._file = WatchedFile(file)
        self._file.has_changed()
        self._clock = clock
        self._on_retired: list[Retired] = []
        self._looked = clock.monotonic()
        self._complaint: str | None = None
        self._accepted = _read_at_start(file, token)

    def on_retired(self, tell: Retired) -> None:
        """Have `tell` called with what a reload took away."""
        self._on_retired.append(tell)

    @property
    def complaint(self) -> str | None:
        """Why the file as it is cannot be used, while the last good set stays in force."""
        return self._complaint

    def accepted(self) -> tuple[Digest, ...]:
        """The set in force; looks at the file first if nobody did for too long (a freeze)."""
        if self._clock.monotonic() - self._looked > 2 * LOOK_EVERY_SECONDS:
            self.look()
        return self._accepted

    def look(self) -> None:
        """Read the file again if it is another one than before."""
        self._looked = self._clock.monotonic()
        if not self._file.has_changed():
            return
        try:
            found = read_digests(self._file.path.read_text())
        except (OSError, DigestsInvalid, UnicodeDecodeError) as exc:
            self._complaint = f"the digests file is unusable, the last good set stays: {exc}"
            log.warning("%s", self._complaint)
            return
        self._complaint = None
        self._take(found)

    def _take(self, found: tuple[Digest, ...]) -> None:
        retired = frozenset(self._accepted) - frozenset(found)
        self._accepted = found
        log.info("accepting %s", ", ".join(kid(one) for one in found))
        for tell in self._on_retired if retired else ():
            tell(retired)


def _read_at_start(file: Path, token: str | None) -> tuple[Digest, ...]:
    if file.exists():
        try:
            return read_digests(file.read_text())
        except (OSError, DigestsInvalid, UnicodeDecodeError) as exc:
            raise NoDigest(f"no usable session token digest: {file.name}: {exc}") from exc
    if token:
        return (digest(token),)
    raise NoDigest(
        f"no session token digest: neither the file {file} nor AGUI_TOKEN is there, "
        "so no request could be verified"
    )
