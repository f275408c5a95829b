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

projects: Final = Table(
    "projects",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("search", Text, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
)
"""sessions: how many a list of all of them has."""

sessions: Final = Table(
    "sessions",
    METADATA,
    Column("key", _Key, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("owner", Text),
    Column("phase", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("agent_status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("active_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("resting", Boolean(create_constraint=False), nullable=False),
    Column("rev", Integer, nullable=False),
    UniqueConstraint("project", "name", name="sessions_name"),
    sqlite_autoincrement=True,
)
"""key: never used twice, so nothing of a removed session is taken for its successor's.
active_at: last activity to the second, or the creation."""

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
Index(
    "sessions_live",
    sessions.c.project,
    sessions.c.name,
    sqlite_where=_LIVE,
    postgresql_where=text("NOT resting"),
)

documents: Final = Table(
    "documents",
    METADATA,
    Column("session", _Key, primary_key=True),
    Column("doc", LargeBinary, nullable=False),
)

session_labels: Final = Table(
    "session_labels",
    METADATA,
    Column("session", _Key, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("project", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "session_labels_value",
    session_labels.c.project,
    session_labels.c.name,
    session_labels.c.value,
    session_labels.c.session,
)

search_texts: Final = Table(
    "search_texts",
    METADATA,
    Column("session", _Key, primary_key=True),
    Column("text", Text, nullable=False),
)
"""Lower case; triggers keep the trigram index `search_index` beside it."""

heads: Final = Table(
    "heads",
    METADATA,
    Column("session", _Key, primary_key=True),
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
    Column("journal", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

runs: Final = Table(
    "runs",
    METADATA,
    Column("id", _Key, primary_key=True),
    Column("session", _Key, nullable=False),
    Column("run_id", Text, nullable=False),
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
    Column("session", _Key, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

blobs: Final = Table(
    "blobs",
    METADATA,
    Column("session", _Key, primary_key=True, autoincrement=False),
    Column("ref", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

token_records: Final = Table(
    "token_records",
    METADATA,
    Column("session", _Key, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("doc", LargeBinary, nullable=False),
)

keys: Final = Table(
    "keys",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

removals: Final = Table(
    "removals",
    METADATA,
    Column("session", _Key, primary_key=True),
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
