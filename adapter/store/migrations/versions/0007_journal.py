"""Keep one row for each event with its message, and an index of integers to find it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adapter.store.migrations import journal_0007

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the journal, fill it from the tables before it, and drop those."""
    op.create_table(
        "journal",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("links", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("pop", sa.Text(), nullable=True),
        sa.Column("report", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_table(
        "journal_marks",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, unique=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("silent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "event_keys",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "contact_heads",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "contact"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agent_heads",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "agent"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pushes",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    journal_0007.convert(op.get_bind())
    for table in ("events", "contacts", "messages", "message_agents"):
        op.drop_table(table)  # with its indexes
    op.create_index(
        "open_contacts",
        "contact_heads",
        ["tenant", "agent"],
        unique=False,
        sqlite_where=sa.text("ended = 0"),
    )
