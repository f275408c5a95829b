"""What the in-memory ports share: one record a session, removed as a whole."""

import asyncio
from dataclasses import dataclass, field
from itertools import count

from ambient.contract.events import JournalId
from ambient.contract.tokens import TokenRecord
from ambient.core.errors import SessionNotFound
from ambient.core.model import Head, Kept, Project, Run, RunId, Session, SessionId, Staged, Upload


@dataclass(slots=True)
class Record:
    """All that belongs to one session. key: counts sessions, in the order they were made.

    changed: set, and replaced, when the log grows or the session goes. rev: when its row in a list
    last became another one.
    """

    key: int
    session: Session
    head: Head = field(default_factory=Head)
    events: list[bytes] = field(default_factory=list)
    journals: dict[JournalId, int] = field(default_factory=dict)
    runs: dict[RunId, Run] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, tuple[Upload, bytes]] = field(default_factory=dict)
    token: TokenRecord | None = None
    gone: bool = False
    rev: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Wake who waits for the log."""
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Lease:
    """holder: which copy; until: by the store's clock, monotonic. term: counts holders."""

    holder: str
    until: float
    term: int


class MemoryDatabase:
    """Handed to each in-memory port, as `storage.Database` is to the real ones."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.records: dict[SessionId, Record] = {}
        self.keys: dict[str, bytes] = {}
        self.objects: dict[tuple[str, str, str], Kept] = {}
        self.staged: dict[str, tuple[str, Staged, bytes]] = {}
        self.spent: dict[tuple[str, int], float] = {}
        self.leases: dict[SessionId, Lease] = {}
        self.servers: dict[str, float] = {}
        self.revs = 0
        self.forgotten: dict[SessionId, int] = {}
        self.moved = asyncio.Event()
        self.next_key = count(1).__next__

    def touch(self, record: Record) -> None:
        """Its row in a list became another one."""
        record.rev = self._next_rev()

    def forget(self, session: SessionId) -> None:
        """It is gone from lists."""
        self.forgotten[session] = self._next_rev()

    def _next_rev(self) -> int:
        self.revs += 1
        self.moved.set()
        self.moved = asyncio.Event()
        return self.revs

    def record(self, session: SessionId) -> Record:
        """The session's record. Raises SessionNotFound."""
        try:
            return self.records[session]
        except KeyError:
            raise SessionNotFound(session) from None
