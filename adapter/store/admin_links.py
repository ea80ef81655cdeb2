"""Keep the one-time links by which a first admin enters: digests, each good once and for a day."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from adapter.store.times import micros
from adapter.tenants import Tenant

LASTS = timedelta(hours=24)


def add(cursor: sqlite3.Cursor, tenant: Tenant, digest: bytes, now: datetime) -> None:
    """Store a new link, which replaces the tenant's older ones; those that are over are forgotten.

    Every start of the server prints one for as long as there is no admin: one is good at a time.
    """
    end(cursor, tenant)
    cursor.execute("DELETE FROM admin_links WHERE expires<=?", (micros(now),))
    cursor.execute(
        "INSERT INTO admin_links (digest, tenant, expires) VALUES (?,?,?)",
        (digest, tenant, micros(now + LASTS)),
    )


def take(cursor: sqlite3.Cursor, tenant: Tenant, digest: bytes, now: datetime) -> bool:
    """Use a link up; False where it is unknown, used or over. The tenant's others end with it."""
    cursor.execute(
        "DELETE FROM admin_links WHERE digest=? AND tenant=? AND expires>?",
        (digest, tenant, micros(now)),
    )
    if not cursor.rowcount:
        return False
    end(cursor, tenant)
    return True


def end(cursor: sqlite3.Cursor, tenant: Tenant) -> int:
    """End every link of a tenant; give how many there were."""
    return cursor.execute("DELETE FROM admin_links WHERE tenant=?", (tenant,)).rowcount
