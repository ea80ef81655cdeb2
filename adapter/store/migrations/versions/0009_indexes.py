"""Find what is open, unfinished, dead or of a tenant without a look at all the rest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes anew that did not say since when, and those that were missing."""
    op.drop_index("open_contacts", "contact_heads")
    op.create_index(
        "open_contacts",
        "contact_heads",
        ["tenant", "agent", "updated"],
        sqlite_where=sa.text("ended = 0"),
    )
    op.drop_index("unfinished_pops", "pops")
    op.create_index(
        "unfinished_pops",
        "pops",
        ["tenant", "agent", "created"],
        sqlite_where=sa.text("finished IS NULL"),
    )
    op.create_index("erased_pops", "pops", ["tenant"], sqlite_where=sa.text("outcome = 'erased'"))
    op.create_index(
        "dead_letters",
        "outbox",
        ["tenant", "finished"],
        sqlite_where=sa.text("state = 'failed' AND dismissed IS NULL"),
    )
    op.create_index("audit_of_tenant", "audit", ["tenant"])
