"""Read the audit log page by page, filtered."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter.store.times import micros, moment
from adapter.tenants import Tenant

LIMIT = 50


class AuditEntry(msgspec.Struct, frozen=True):
    """One change: who, when, what, before and after. `position` grows with time."""

    position: int
    at: datetime
    who: str
    what: str
    before: str | None
    after: str | None


class AuditPage(msgspec.Struct, frozen=True):
    """Some entries, the newest first; `newer` and `older` say where the neighbours begin."""

    entries: list[AuditEntry]
    newer: int | None
    """Give this as `after`; None where these are the newest."""
    older: int | None
    """Give this as `before`; None where these are the oldest."""


def page(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    *,
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int = LIMIT,
) -> AuditPage:
    """Read the entries next to a position, else the newest.

    `text` is looked for in who, what, before and after, in any case of ASCII letters.
    """
    chosen, values = _filter(tenant, text, since, until)
    if after is not None:
        rows = _rows(cursor, f"{chosen} AND position>?", [*values, after], "ASC", limit + 1)
        more, rows = len(rows) > limit, rows[:limit][::-1]
        newer, older = (rows[0].position if rows and more else None), True
    else:
        at = [] if before is None else [before]
        below = "" if before is None else " AND position<?"
        rows = _rows(cursor, chosen + below, [*values, *at], "DESC", limit + 1)
        older, rows = len(rows) > limit, rows[:limit]
        newer = rows[0].position if rows and before is not None else None
    return AuditPage(rows, newer, rows[-1].position if rows and older else None)


def latest(cursor: sqlite3.Cursor, tenant: Tenant, what: str) -> AuditEntry | None:
    """Read the newest entry about `what`."""
    rows = _rows(cursor, "tenant=? AND what=?", [tenant, what], "DESC", 1)
    return rows[0] if rows else None


def _filter(
    tenant: Tenant, text: str, since: datetime | None, until: datetime | None
) -> tuple[str, list[object]]:
    clauses, values = ["tenant=?"], [tenant]
    found: list[object] = list(values)
    if text:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        columns = ("who", "what", "before", "after")
        clauses.append(
            "(" + " OR ".join(f"coalesce({each}, '') LIKE ? ESCAPE '\\'" for each in columns) + ")"
        )
        found += [f"%{escaped}%"] * len(columns)
    if since is not None:
        clauses.append("at>=?")
        found.append(micros(since))
    if until is not None:
        clauses.append("at<?")
        found.append(micros(until))
    return " AND ".join(clauses), found


def _rows(
    cursor: sqlite3.Cursor, where: str, values: list[object], order: str, limit: int
) -> list[AuditEntry]:
    found = cursor.execute(
        "SELECT position, at, who, what, before, after FROM audit INDEXED BY audit_of_tenant"
        f" WHERE {where} ORDER BY position {order} LIMIT {limit}",
        values,
    ).fetchall()
    return [AuditEntry(row[0], moment(row[1]), *row[2:]) for row in found]
