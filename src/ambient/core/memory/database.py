"""What the in-memory ports share: one record a session, removed as a whole."""

import asyncio
from dataclasses import dataclass, field
from itertools import count

from ambient.contract.events import JournalId
from ambient.contract.tokens import TokenRecord
from ambient.core.errors import SessionNotFound
from ambient.core.model import Head, Project, Run, RunId, Session, SessionId


@dataclass(slots=True)
class Record:
    """All that belongs to one session. key: counts sessions, in the order they were made.

    changed: set, and replaced, when the log grows or the session goes.
    """

    key: int
    session: Session
    head: Head = field(default_factory=Head)
    events: list[bytes] = field(default_factory=list)
    journals: dict[JournalId, int] = field(default_factory=dict)
    runs: dict[RunId, Run] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)
    token: TokenRecord | None = None
    gone: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Wake who waits for the log."""
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryDatabase:
    """Handed to each in-memory port, as `storage.Database` is to the real ones."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.records: dict[SessionId, Record] = {}
        self.keys: dict[str, bytes] = {}
        self.next_key = count(1).__next__

    def record(self, session: SessionId) -> Record:
        """The session's record. Raises SessionNotFound."""
        try:
            return self.records[session]
        except KeyError:
            raise SessionNotFound(session) from None
