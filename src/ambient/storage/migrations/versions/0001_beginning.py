"""The tables as they began. Written out: a migration says what was, not what is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LISTED: dict[str, Any] = {
    "sqlite_where": sa.text("deleted_at IS NULL"),
    "postgresql_where": sa.text("deleted_at IS NULL"),
}


def upgrade() -> None:
    """Make them."""
    _sessions()
    _indexes()
    _log()
    _runs()
    _rest()
    _search()


def _sessions() -> None:
    op.create_table(
        "projects",
        sa.Column("name", NAME, nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sessions",
        sa.Column("key", KEY, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("uid", NAME, nullable=False),
        sa.Column("owner", NAME, nullable=True),
        sa.Column("phase", NAME, nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("display_name", NAME, nullable=False),
        sa.Column("agent_status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("resting", sa.Boolean(), nullable=False),
        sa.Column("rev", KEY, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("project", "name", name="sessions_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "documents",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "session_labels",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.PrimaryKeyConstraint("session", "name"),
        sqlite_with_rowid=False,
    )


def _indexes() -> None:
    op.create_index(
        "sessions_activity", "sessions", ["project", "active_at"], unique=False, **LISTED
    )
    op.create_index(
        "sessions_created", "sessions", ["project", "created_at"], unique=False, **LISTED
    )
    op.create_index(
        "sessions_live",
        "sessions",
        ["project", "name"],
        unique=False,
        sqlite_where=sa.text("resting = 0"),
        postgresql_where=sa.text("NOT resting"),
    )
    op.create_index(
        "sessions_owner", "sessions", ["project", "owner", "created_at"], unique=False, **LISTED
    )
    op.create_index(
        "sessions_phase", "sessions", ["project", "phase", "created_at"], unique=False, **LISTED
    )
    op.create_index(
        "sessions_title", "sessions", ["project", "display_name"], unique=False, **LISTED
    )
    op.create_index(
        "session_labels_value",
        "session_labels",
        ["project", "name", "value", "session"],
        unique=False,
    )


def _log() -> None:
    op.create_table(
        "heads",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_activity_at", sa.BigInteger(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "events",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journals",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("journal", NAME, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session", "journal"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "blobs",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("ref", NAME, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session", "ref"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("run_id", NAME, nullable=False),
        sa.Column("auto_key", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session", "auto_key", name="runs_auto_key"),
        sa.UniqueConstraint("session", "run_id", name="runs_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_newest", "runs", ["session", "id"], unique=False)
    op.create_index(
        "runs_queue",
        "runs",
        ["session", "position"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )


def _rest() -> None:
    op.create_table(
        "token_records",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "keys",
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "removals",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO pulse (id, beats) VALUES (1, 0)")


def _search() -> None:
    op.create_table(
        "search_texts",
        sa.Column("session", KEY, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
    )
    for statement in TRIGRAMS.get(op.get_bind().dialect.name, ()):
        op.execute(statement)


_FORGET = (
    "INSERT INTO search_index (search_index, rowid, text) VALUES ('delete', OLD.session, OLD.text);"
)
_LEARN = "INSERT INTO search_index (rowid, text) VALUES (NEW.session, NEW.text);"
TRIGRAMS = {
    "sqlite": (
        "CREATE VIRTUAL TABLE search_index USING fts5("
        "text, content='search_texts', content_rowid='session', tokenize='trigram')",
        f"CREATE TRIGGER search_learn AFTER INSERT ON search_texts BEGIN {_LEARN} END",
        f"CREATE TRIGGER search_forget AFTER DELETE ON search_texts BEGIN {_FORGET} END",
        f"CREATE TRIGGER search_change AFTER UPDATE ON search_texts BEGIN {_FORGET} {_LEARN} END",
    ),
}
"""The index that a search uses. On PostgreSQL it needs an extension, and is made at a start that
finds one (storage/postgres.py)."""
