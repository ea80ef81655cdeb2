"""Write the audit log from within a transaction: who changed what, before and after."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from adapter.store.times import micros
from adapter.tenants import Tenant


def add(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    now: datetime,
    *,
    who: str,
    what: str,
    before: str | None = None,
    after: str | None = None,
) -> None:
    """Add an entry."""
    cursor.execute(
        "INSERT INTO audit (tenant, at, who, what, before, after) VALUES (?,?,?,?,?,?)",
        (tenant, micros(now), who, what, before, after),
    )
