"""Forget what is older than the retention, in steps that the event loop does not feel.

Every table is cut from its oldest end by its key, so that a step costs by what it deletes and not
by what is kept, and no table needs an index by age that each event would have to pay for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from adapter.store import journal, notes, outbox, recordings
from adapter.store.times import micros
from adapter.tenants import ContactKey, Tenant

REQUESTS_LONGER = timedelta(days=365)
"""For which ids of rows in Dynamics are kept beyond the retention: recordings may come late."""


def forget_step(
    cursor: sqlite3.Cursor,
    tenants: Iterable[Tenant],
    *,
    horizon: datetime,
    now: datetime,
    limit: int,
) -> int:
    """Delete at most `limit` rows of each kind older than `horizon`; 0 means that none is left."""
    old = micros(horizon)
    count = _events(cursor, old, limit)
    for table, key, time in (("trace", "position", "at"), ("pops", "rowid", "created")):
        # Both keys grow with time.
        count += cursor.execute(
            f"DELETE FROM {table} WHERE {key} IN"
            f" (SELECT {key} FROM {table} ORDER BY {key} LIMIT ?) AND {time}<?",
            (limit, old),
        ).rowcount
    count += outbox.forget(cursor, horizon - REQUESTS_LONGER, limit=limit)
    count += sum(_messages(cursor, tenant, old, limit) for tenant in tenants)
    return count + cursor.execute("DELETE FROM sessions WHERE expires<?", (micros(now),)).rowcount


def forget_audiences(
    cursor: sqlite3.Cursor, tenant: Tenant, after: str, *, limit: int
) -> str | None:
    """Delete to whom deleted messages went, for the next `limit` agents; give the last of them.

    None means that there is no further agent.
    """
    first, _ = journal.sequences(cursor, tenant)
    agent: str | None = after
    for _ in range(limit):
        (agent,) = cursor.execute(
            "SELECT min(agent) FROM message_agents WHERE tenant=? AND agent>?", (tenant, agent)
        ).fetchone()
        if agent is None:
            return None
        cursor.execute(
            "DELETE FROM message_agents WHERE tenant=? AND agent=? AND sequence<?",
            (tenant, agent, first),
        )
    return agent


def _events(cursor: sqlite3.Cursor, old: int, limit: int) -> int:
    rows = cursor.execute(
        "SELECT position, tenant, contact FROM (SELECT position, tenant, contact, stored"
        " FROM events ORDER BY position LIMIT ?) WHERE stored<?",
        (limit, old),
    ).fetchall()
    keys = {ContactKey(tenant, contact) for _, tenant, contact in rows if contact is not None}
    for key in keys:
        recordings.keep_agents(cursor, key)
    cursor.executemany("DELETE FROM events WHERE position=?", [row[:1] for row in rows])
    for key in keys:
        _contact(cursor, *key)
    return len(rows)


def _contact(cursor: sqlite3.Cursor, tenant: str, contact: str) -> None:
    """Delete a contact with its links in both directions and its notes, once no event is left."""
    key = (tenant, contact)
    if cursor.execute("SELECT 1 FROM events WHERE tenant=? AND contact=? LIMIT 1", key).fetchone():
        return
    cursor.execute("DELETE FROM contacts WHERE tenant=? AND id=?", key)
    notes.forget(cursor, ContactKey(Tenant(tenant), contact))
    outbox.keep_ids(cursor, ContactKey(Tenant(tenant), contact))
    linked = cursor.execute(
        "SELECT linked FROM contact_links WHERE tenant=? AND contact=?", key
    ).fetchall()
    pairs = [(tenant, a, b) for (other,) in linked for a, b in ((contact, other), (other, contact))]
    cursor.executemany("DELETE FROM contact_links WHERE tenant=? AND contact=? AND linked=?", pairs)


def _messages(cursor: sqlite3.Cursor, tenant: Tenant, old: int, limit: int) -> int:
    """Delete a tenant's oldest messages, never the last: the next one's sequence follows it."""
    (until,) = cursor.execute(
        "SELECT max(sequence) FROM (SELECT sequence, time FROM messages WHERE tenant=?"
        " ORDER BY sequence LIMIT ?) WHERE time<?",
        (tenant, limit, old),
    ).fetchone()
    if until is None:
        return 0
    last = journal.sequences(cursor, tenant)[1]
    return cursor.execute(
        "DELETE FROM messages WHERE tenant=? AND sequence<=?", (tenant, min(until, last - 1))
    ).rowcount
