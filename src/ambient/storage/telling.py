"""How processes over one database hear of each other's commits: the port of notices.py."""

from collections.abc import Callable
from typing import Protocol

from ambient.core.model import SessionId

Heard = Callable[[SessionId | None], None]
"""Told which session another process has changed; None: it may have been any."""


class Telling(Protocol):
    """How other processes over the same database hear of commits."""

    def appended(self, session: SessionId, last_seq: int) -> None:
        """The session's log ends there now."""

    def changed(self, session: SessionId) -> None:
        """Something else of it is new: its queue, what is wanted, what is."""

    def gone(self, session: SessionId) -> None:
        """It was removed."""

    def listed(self, change: int) -> None:
        """A row in lists has changed; the number of the change in the feed."""

    def listen(self, heard: Heard) -> None:
        """Have this called, on the event loop, when another process has changed something."""

    async def close(self) -> None:
        """Tell and hear no more."""


class Nobody:
    """Telling for a database that one process has for itself."""

    def appended(self, session: SessionId, last_seq: int) -> None:
        """Nobody else."""

    def changed(self, session: SessionId) -> None:
        """Nobody else."""

    def gone(self, session: SessionId) -> None:
        """Nobody else."""

    def listed(self, change: int) -> None:
        """Nobody else."""

    def listen(self, heard: Heard) -> None:
        """Nobody else."""

    async def close(self) -> None:
        """Nothing to do."""
