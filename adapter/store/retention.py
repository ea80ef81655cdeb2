"""Forget what is older than the retention, in steps that the event loop does not feel.

The journal is cut from its oldest end by position, so that a step costs by what it deletes and not
by what is kept, and no table needs an index by age that each event would have to pay for. Chains
of rows simply end where the rows do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from adapter.store import journal, notes, outbox, recordings
from adapter.store.journal import Oldest, tail
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
    """Delete some `limit` rows of each kind older than `horizon`; 0 means that none is left.

    The index must be written (`journal.write_index`) before the first step.
    """
    old = micros(horizon)
    count = 0
    for tenant in tenants:  # as many of all together: a step is one transaction on the event loop
        if count >= limit:
            break
        count += _rows(cursor, tenant, old, limit - count)
    for table, key, time in (("trace", "position", "at"), ("pops", "rowid", "created")):
        # Both keys grow with time.
        count += cursor.execute(
            f"DELETE FROM {table} WHERE {key} IN"
            f" (SELECT {key} FROM {table} ORDER BY {key} LIMIT ?) AND {time}<?",
            (limit, old),
        ).rowcount
    count += outbox.forget(cursor, horizon - REQUESTS_LONGER, limit=limit)
    return count + cursor.execute("DELETE FROM sessions WHERE expires<?", (micros(now),)).rowcount


def forget_audiences(cursor: sqlite3.Cursor, tenant: Tenant) -> int:
    """Delete the heads of the agents to whom nothing was sent that is kept; give how many."""
    first, _ = journal.sequences(cursor, tenant)
    tail.of(cursor).known_agents.clear()
    return cursor.execute(
        "DELETE FROM agent_heads WHERE tenant=? AND sequence<?", (tenant, first)
    ).rowcount


def _rows(cursor: sqlite3.Cursor, tenant: Tenant, old: int, limit: int) -> int:
    oldest = [
        *journal.oldest(cursor, tenant, old, limit),
        *journal.oldest_silent(cursor, tenant, old, limit),
    ]
    if not oldest:
        return 0
    positions = {each.position for each in oldest}
    for contact in dict.fromkeys(each.contact for each in oldest if each.contact is not None):
        _contact(cursor, ContactKey(tenant, contact), positions)
    _delete(cursor, oldest)
    return len(oldest)


def _delete(cursor: sqlite3.Cursor, oldest: list[Oldest]) -> None:
    cursor.executemany(
        "DELETE FROM journal WHERE position=?", [(each.position,) for each in oldest]
    )
    cursor.executemany(
        "DELETE FROM event_keys WHERE key=? AND position=?",
        [(each.event_key, each.position) for each in oldest if each.event_key is not None],
    )
    last = max(each.position for each in oldest)
    cursor.execute(
        "DELETE FROM pushes WHERE position<? AND position>=?",
        (last, last >> journal.SEQUENCE_BITS << journal.SEQUENCE_BITS),
    )


def _contact(cursor: sqlite3.Cursor, key: ContactKey, positions: set[int]) -> None:
    """Forget a contact with its last row; where that stays, let it hold the state of all."""
    recordings.keep_agents(cursor, key)
    newest = journal.newest(cursor, key)
    if newest is None:
        return
    if newest.position not in positions:
        journal.keep_state(cursor, key)
        return
    cursor.execute("DELETE FROM contact_heads WHERE tenant=? AND contact=?", key)
    tail.of(cursor).states.pop(key, None)
    notes.forget(cursor, key)
    outbox.keep_ids(cursor, key)
    journal.forget_links(cursor, key)
