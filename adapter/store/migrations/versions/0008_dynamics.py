"""Add what steps and accounts remember of their environment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    op.add_column(
        "integration_accounts", sa.Column("applied_passed", sa.BigInteger(), nullable=True)
    )
    # What was in force with a good test goes on.
    op.execute(
        "UPDATE integration_accounts SET applied_passed = changed"
        " WHERE json_extract(applied_report, '$.valid')"
    )
    op.create_table(
        "environment_tables",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "api_url", "name"),
    )
    op.add_column("outbox", sa.Column("dismissed", sa.BigInteger(), nullable=True))
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO installation VALUES ('id', lower(hex(randomblob(16))))")
