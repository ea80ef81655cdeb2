"""Tell which time the sequences are of, for clients that resume."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begin the first epoch."""
    op.execute("INSERT INTO installation VALUES ('epoch', lower(hex(randomblob(8))))")
