"""What runs cost, by project and quarter of an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table. What was spent before is not known by the hour, and not made up."""
    op.create_table(
        "spent",
        sa.Column("project", NAME, nullable=False),
        sa.Column("quarter", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "quarter"),
        sqlite_with_rowid=False,
    )
