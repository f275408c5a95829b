"""What is asked of lists of sessions, and what they and the feed of their changes say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ambient.core.lifecycle import Phase
from ambient.core.model import Head, Session, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A page of sessions (api.md 2.3). sort: field, `-` before it for descending; by `attention`,
    those that need a person come first."""

    project: str
    """Empty: of all projects, or of those in `projects`."""
    projects: tuple[str, ...] | None = None
    search: str = ""
    phases: tuple[str, ...] = ()
    agent_statuses: tuple[str, ...] = ()
    creator: str | None = None
    owner_only: str | None = None
    """A bot's list: only sessions of this owner."""
    labels: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Selector terms (key, operator, values); operators =, !=, in, notin, exists, !exists."""
    model: str | None = None
    runner: str | None = None
    repo: str | None = None
    """A repository's address or name, in any case."""
    created_after: datetime | None = None
    min_cost: float | None = None
    """US dollars; a session whose cost is not known is left out."""
    sort: str = "-createdAt"
    limit: int = 20
    offset: int = 0

    @property
    def filtered(self) -> bool:
        """Whether it asks for less than the whole project."""
        narrowed = (
            *(self.phases, self.agent_statuses, self.labels, self.creator, self.owner_only),
            *(self.model, self.runner, self.repo, self.created_after, self.min_cost),
        )
        return bool(self.search) or any(part not in (None, ()) for part in narrowed)


COUNT_CAP: Final = 10_000
"""Where counting stops under a filter (api.md 2.3)."""


KIND_CAP: Final = 1_000
"""Where sessions of one kind are counted no further."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many sessions of a project are of which kind, in the order `attention`; each at most
    KIND_CAP, so cost does not grow with a project. rest: ready, stopped, done. Those being deleted
    are left out."""

    needs_you: int = 0
    failed: int = 0
    working: int = 0
    starting: int = 0
    rest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of a list: the session and what its log says."""

    session: Session
    head: Head
    rev: int = 0
    """Counts up, over all sessions, whenever a row becomes another one; 0: not from a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How many sessions are alike in this. agent_status: as Head.concern. stopping: a stop is
    wanted."""

    phase: Phase
    agent_status: str
    stopping: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of all projects, without the sessions that are being deleted. queued: prompts that wait.
    size: bytes that the database takes; None: not known."""

    groups: tuple[Group, ...] = ()
    queued: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A session as it is now, because it changed. listed: None, it is gone. cursor: of a reader
    who has seen this."""

    session: SessionId
    rev: int
    cursor: str
    listed: Listed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """items: by rev, each session at most once. reset: the cursor is none of ours, or too old:
    read the lists again, then go on from `cursor`."""

    cursor: str
    items: tuple[Change, ...] = ()
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """items in the order asked for. total is exact unless total_is_lower_bound."""

    items: tuple[Listed, ...]
    total: int
    total_is_lower_bound: bool = False
