"""Keep when each key was last used, and agents' notes on contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, create the table."""
    op.add_column("keys", sa.Column("used", sa.BigInteger()))
    op.create_table(
        "notes",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("replaced", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "contact", "agent"),
        sqlite_with_rowid=False,
    )
