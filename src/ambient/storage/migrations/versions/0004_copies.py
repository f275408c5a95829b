"""What several server copies share, owners of custom resources, and room for keys and schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WORKING = sa.text("agent_status = 'working'")


def upgrade() -> None:
    """Make their tables."""
    _leases()
    _owners()
    _later()
    op.create_index(
        "sessions_working",
        "sessions",
        ["project", "name"],
        unique=False,
        sqlite_where=WORKING,
        postgresql_where=WORKING,
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", NAME, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _owners() -> None:
    op.create_table(
        "owners",
        sa.Column("uid", NAME, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid"),
    )
    op.create_table(
        "pending_owners",
        sa.Column("create_id", NAME, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("create_id"),
    )


def _later() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", NAME, nullable=False),
        sa.Column("digest", NAME, nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "schedules",
        sa.Column("project", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name"),
    )
    op.create_index("schedules_due", "schedules", ["due_at"], unique=False)
