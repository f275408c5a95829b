"""What lists are sorted and filtered by, the feed of their changes, and small stored objects."""

import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LISTED: dict[str, Any] = {
    "sqlite_where": sa.text("deleted_at IS NULL"),
    "postgresql_where": sa.text("deleted_at IS NULL"),
}


def upgrade() -> None:
    """Add them, and fill them from what is there."""
    _columns()
    _indexes()
    _tables()
    _fill()


def _columns() -> None:
    for name, kind, default in (
        ("model", sa.Text(), ""),
        ("runner", sa.Text(), ""),
        ("cost", sa.BigInteger(), "-1"),
        ("attention", sa.BigInteger(), "0"),
        ("changed", sa.BigInteger(), "0"),
    ):
        op.add_column("sessions", sa.Column(name, kind, nullable=False, server_default=default))


def _indexes() -> None:
    for name, columns in (
        ("sessions_attention", ["project", "attention"]),
        ("sessions_cost", ["project", "cost"]),
        ("sessions_model", ["project", "model", "created_at"]),
        ("sessions_runner", ["project", "runner", "created_at"]),
        ("sessions_all_created", ["created_at"]),
        ("sessions_all_activity", ["active_at"]),
        ("sessions_all_attention", ["attention"]),
    ):
        op.create_index(name, "sessions", columns, unique=False, **LISTED)
    op.create_index("sessions_changed", "sessions", ["changed"], unique=False)


def _tables() -> None:
    op.create_table(
        "session_repos",
        sa.Column("session", KEY, nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "repo"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "session_repos_repo", "session_repos", ["project", "repo", "session"], unique=False
    )
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "forgotten",
        sa.Column("changed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("changed"),
    )
    op.create_table(
        "objects",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "scope", "name"),
        sqlite_with_rowid=False,
    )


RANK = (
    "CASE WHEN agent_status = 'waiting_input' THEN 0 WHEN phase = 'Failed' THEN 1"
    " WHEN phase = 'Running' AND agent_status = 'working' THEN 2"
    " WHEN phase IN ('Pending', 'Creating') THEN 3 ELSE 4 END"
)


def _fill() -> None:
    conn = op.get_bind()
    found = "SELECT d.session, d.doc, s.project FROM documents d JOIN sessions s ON s.key=d.session"
    for session, doc, project in conn.execute(sa.text(found)).all():
        spec = json.loads(doc).get("spec") or {}
        settings = spec.get("llm_settings") or spec.get("llmSettings") or {}
        values = {
            "key": session,
            "model": settings.get("model") or "",
            "runner": spec.get("runner_type") or spec.get("runnerType") or "",
        }
        change = "UPDATE sessions SET model = :model, runner = :runner WHERE key = :key"
        conn.execute(sa.text(change), values)
        for repo in spec.get("repos") or ():
            _add_repo(conn, session, project, repo.get("url") or "")
    # RANK is a constant of this file.
    ranked = f"UPDATE sessions SET changed = key, attention = ({RANK} + 1) * :step - active_at"  # noqa: S608
    conn.execute(sa.text(ranked), {"step": 1 << 52})
    last = conn.execute(sa.text("SELECT coalesce(max(key), 0) FROM sessions")).scalar_one()
    row = {"nonce": secrets.token_hex(8), "last": last}
    conn.execute(
        sa.text("INSERT INTO feed (id, nonce, last, floor) VALUES (1, :nonce, :last, 0)"), row
    )


def _add_repo(conn: sa.Connection, session: int, project: str, url: str) -> None:
    whole = url.lower().rstrip("/").removesuffix(".git")
    for repo in {whole, whole.rpartition("/")[2]} - {""}:
        known = sa.text("SELECT 1 FROM session_repos WHERE session = :session AND repo = :repo")
        row = {"session": session, "repo": repo, "project": project}
        if conn.execute(known, {"session": session, "repo": repo}).first() is None:
            conn.execute(
                sa.text(
                    "INSERT INTO session_repos (session, repo, project)"
                    " VALUES (:session, :repo, :project)"
                ),
                row,
            )
