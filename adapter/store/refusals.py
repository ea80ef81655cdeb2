"""Keep who was refused as an embedder, counted by origin: the admin's list.

The input is unauthenticated, so the list is bounded, apart for each way of seeing a refusal: what
browsers are said to report cannot push out what the server itself has seen.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter.store.times import micros, moment
from adapter.tenants import Tenant

MOST = 500
"""Origins kept per tenant and `seen_by`: for a person to read, and no stranger fills the disk."""


class Refusal(msgspec.Struct, frozen=True):
    """An origin that was refused. `seen_by`: `server`, `page` or `browser` (a CSP report).

    One that rules on trial would refuse was seen by `trial page` or `trial browser`.
    """

    tenant: Tenant
    origin: str
    seen_by: str
    reason: str
    rule: str | None
    line: str
    """The rule that an admin would add to allow it."""
    count: int
    first: datetime
    last: datetime


def record(cursor: sqlite3.Cursor, refusal: Refusal) -> None:
    """Count a refusal (`count` times); a new origin takes the place of the one longest unseen."""
    cursor.execute(
        "UPDATE refusals SET count=count+?, last=?, reason=?, rule=?"
        " WHERE tenant=? AND origin=? AND seen_by=?",
        (
            refusal.count,
            micros(refusal.last),
            refusal.reason,
            refusal.rule,
            refusal.tenant,
            refusal.origin,
            refusal.seen_by,
        ),
    )
    if cursor.rowcount:
        return
    cursor.execute(
        "DELETE FROM refusals WHERE tenant=? AND seen_by=? AND origin IN ("
        "SELECT origin FROM refusals WHERE tenant=? AND seen_by=?"
        " ORDER BY last DESC, origin LIMIT -1 OFFSET ?)",
        (refusal.tenant, refusal.seen_by, refusal.tenant, refusal.seen_by, MOST - 1),
    )
    cursor.execute(
        "INSERT INTO refusals (tenant, origin, seen_by, reason, rule, line, count, first, last)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (
            refusal.tenant,
            refusal.origin,
            refusal.seen_by,
            refusal.reason,
            refusal.rule,
            refusal.line,
            refusal.count,
            micros(refusal.first),
            micros(refusal.last),
        ),
    )


def forget_trial(cursor: sqlite3.Cursor, tenant: Tenant) -> None:
    """Forget whom rules on trial would have refused: others are on trial now."""
    cursor.execute("DELETE FROM refusals WHERE tenant=? AND seen_by LIKE 'trial %'", (tenant,))


def listed(cursor: sqlite3.Cursor, tenant: Tenant, *, trial: bool = False) -> list[Refusal]:
    """Read a tenant's refusals, the latest first; `trial`: those that never happened."""
    rows = cursor.execute(
        "SELECT tenant, origin, seen_by, reason, rule, line, count, first, last FROM refusals"
        " WHERE tenant=? AND (seen_by LIKE 'trial %')=? ORDER BY last DESC",
        (tenant, trial),
    ).fetchall()
    return [
        Refusal(
            tenant=Tenant(row[0]),
            origin=row[1],
            seen_by=row[2],
            reason=row[3],
            rule=row[4],
            line=row[5],
            count=row[6],
            first=moment(row[7]),
            last=moment(row[8]),
        )
        for row in rows
    ]
