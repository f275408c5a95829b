"""The tables, as SQLAlchemy knows them; migrations/ makes them, and a test compares the two.

Times are microseconds since 1970, UTC. What only travels is one JSON document; what is looked for
has a column. Rows that a list reads are narrow, and the documents stand in a table of their own, so
that a page costs a page.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA: Final = MetaData()

# On SQLite only INTEGER is the row's own number; everywhere else a session outlives 31 bits.
_Key: Final = BigInteger().with_variant(Integer, "sqlite")
# In the order of its letters' numbers everywhere, whatever the language of a PostgreSQL server.
_Name: Final = Text().with_variant(Text(collation="C"), "postgresql")

projects: Final = Table(
    "projects",
    METADATA,
    Column("name", _Name, primary_key=True),
    Column("search", Text, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
)
"""sessions: how many a list of all of them has."""

sessions: Final = Table(
    "sessions",
    METADATA,
    Column("key", _Key, primary_key=True),
    Column("project", _Name, nullable=False),
    Column("name", _Name, nullable=False),
    Column("uid", _Name, nullable=False),
    Column("owner", _Name),
    Column("phase", _Name, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("display_name", _Name, nullable=False),
    Column("agent_status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("active_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("resting", Boolean(create_constraint=False), nullable=False),
    Column("rev", _Key, nullable=False),
    Column("model", Text, nullable=False, server_default=""),
    Column("runner", Text, nullable=False, server_default=""),
    Column("cost", BigInteger, nullable=False, server_default="-1"),
    Column("attention", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("project", "name", name="sessions_name"),
    sqlite_autoincrement=True,
)
"""key: never used twice, so nothing of a removed session is taken for its successor's.
active_at: last activity to the second, or the creation. cost: in millionths of a dollar; -1: not
known. attention: who needs a person first, lowest first (storage/attention.py). changed: when its
row in a list last became another one, in the numbers of `feed`."""

_LISTED: Final = text("deleted_at IS NULL")
_LIVE: Final = text("resting = 0")


def _listed(name: str, *columns: str) -> Index:
    return Index(
        name,
        sessions.c.project,
        *(sessions.c[column] for column in columns),
        sqlite_where=_LISTED,
        postgresql_where=_LISTED,
    )


_listed("sessions_created", "created_at")
_listed("sessions_activity", "active_at")
_listed("sessions_title", "display_name")
_listed("sessions_phase", "phase", "created_at")
_listed("sessions_owner", "owner", "created_at")
_listed("sessions_attention", "attention")
_listed("sessions_cost", "cost")
_listed("sessions_model", "model", "created_at")
_listed("sessions_runner", "runner", "created_at")


def _everywhere(name: str, column: str) -> None:
    """For lists over all projects."""
    Index(name, sessions.c[column], sqlite_where=_LISTED, postgresql_where=_LISTED)


_everywhere("sessions_all_created", "created_at")
_everywhere("sessions_all_activity", "active_at")
_everywhere("sessions_all_attention", "attention")
Index("sessions_changed", sessions.c.changed)
Index(
    "sessions_live",
    sessions.c.project,
    sessions.c.name,
    sqlite_where=_LIVE,
    postgresql_where=text("NOT resting"),
)

_WORKING: Final = text("agent_status = 'working'")
Index(
    "sessions_working",
    sessions.c.project,
    sessions.c.name,
    sqlite_where=_WORKING,
    postgresql_where=_WORKING,
)

documents: Final = Table(
    "documents",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("doc", LargeBinary, nullable=False),
)

session_labels: Final = Table(
    "session_labels",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("name", _Name, primary_key=True),
    Column("value", _Name, nullable=False),
    Column("project", _Name, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "session_labels_value",
    session_labels.c.project,
    session_labels.c.name,
    session_labels.c.value,
    session_labels.c.session,
)

session_repos: Final = Table(
    "session_repos",
    METADATA,
    Column("session", _Key, primary_key=True),
    Column("repo", Text, primary_key=True),
    Column("project", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What a repository may be looked for by: its address and its name, lower case."""
Index(
    "session_repos_repo",
    session_repos.c.project,
    session_repos.c.repo,
    session_repos.c.session,
)

feed: Final = Table(
    "feed",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("nonce", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
)
"""One row that counts changes of rows in lists. nonce: tells this count from any other. floor:
removals up to here are not kept any more."""

forgotten: Final = Table(
    "forgotten",
    METADATA,
    Column("changed", BigInteger, primary_key=True, autoincrement=False),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
)
"""Sessions that are gone, for readers of the feed that come back."""

objects: Final = Table(
    "objects",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Small things that people keep: drafts, preferences, views, access keys, members."""

search_texts: Final = Table(
    "search_texts",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)
"""Lower case; triggers keep the trigram index `search_index` beside it."""

heads: Final = Table(
    "heads",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_activity_at", BigInteger),
    Column("doc", LargeBinary, nullable=False),
)
"""doc: the whole head; the two columns are newer than what it says of them."""

events: Final = Table(
    "events",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

journals: Final = Table(
    "journals",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("journal", _Name, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

runs: Final = Table(
    "runs",
    METADATA,
    Column("id", _Key, primary_key=True),
    Column("session", _Key, nullable=False),
    Column("run_id", _Name, nullable=False),
    Column("auto_key", Text),
    Column("status", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
    UniqueConstraint("session", "run_id", name="runs_run_id"),
    UniqueConstraint("session", "auto_key", name="runs_auto_key"),
    sqlite_autoincrement=True,
)
"""id: in the order they came."""
Index("runs_newest", runs.c.session, runs.c.id)
_QUEUED: Final = text("status = 'queued'")
Index(
    "runs_queue",
    runs.c.session,
    runs.c.position,
    sqlite_where=_QUEUED,
    postgresql_where=_QUEUED,
)

snapshots: Final = Table(
    "snapshots",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

blobs: Final = Table(
    "blobs",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("ref", _Name, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

token_records: Final = Table(
    "token_records",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
)

uploads: Final = Table(
    "uploads",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("size", BigInteger),
    Column("changed_at", BigInteger, nullable=False),
)
"""Files that wait for a runner. size: none: the file is to be removed."""

upload_pieces: Final = Table(
    "upload_pieces",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

staged: Final = Table(
    "staged",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project", _Name, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Index("staged_mine", "project", "owner"),
)
"""Files that wait for a session to be made. size: none: it has not come whole."""

staged_pieces: Final = Table(
    "staged_pieces",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

spent: Final = Table(
    "spent",
    METADATA,
    Column("project", _Name, primary_key=True),
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),
    Column("cost", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What runs cost. quarter: of an hour, counted from 1970. cost: in millionths of a dollar."""

keys: Final = Table(
    "keys",
    METADATA,
    Column("name", _Name, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

removals: Final = Table(
    "removals",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
)
"""Sessions that are gone and whose events and blobs are still being removed."""

pulse: Final = Table(
    "pulse",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("beats", BigInteger, nullable=False),
)
"""One row that a ping writes: what cannot be written is not ready."""

leases: Final = Table(
    "leases",
    METADATA,
    Column("name", _Name, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("term", BigInteger, nullable=False),
)
"""Which server copy works on what: a session's id, or a name of the servers' own. term: counts
holders."""

servers: Final = Table(
    "servers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),
)
"""Server copies; alive until then, unless they say so again."""

owners: Final = Table(
    "owners",
    METADATA,
    Column("uid", _Name, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("owner_name", Text, nullable=False),
)
"""Who owns a custom resource: written by the server alone, once, at its making."""

pending_owners: Final = Table(
    "pending_owners",
    METADATA,
    Column("create_id", _Name, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("owner_name", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
"""Owners of custom resources that are just being made; attached once the object is seen."""

access_keys: Final = Table(
    "access_keys",
    METADATA,
    Column("id", _Name, primary_key=True),
    Column("digest", _Name, nullable=False, unique=True),
    Column("owner", _Name, nullable=False),
    Column("expires_at", BigInteger),
    Column("doc", LargeBinary, nullable=False),
)
"""The place of access keys, which come later: found by the digest of what is shown."""

schedules: Final = Table(
    "schedules",
    METADATA,
    Column("project", _Name, primary_key=True),
    Column("name", _Name, primary_key=True),
    Column("due_at", BigInteger),
    Column("rev", BigInteger, nullable=False),
    Column("doc", LargeBinary, nullable=False),
)
"""The place of schedules, which come later: every server ticks them, by `due_at`."""
Index("schedules_due", schedules.c.due_at)
