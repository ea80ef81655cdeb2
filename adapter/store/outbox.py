"""Keep the steps that are due: stored with the event that made them due, until done or dead.

A step's key is contact + step + occurrence (the recording's address where there are several), so
that no event, however often it comes, makes a step due twice.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Literal

import msgspec

from adapter.store.times import micros, moment
from adapter.tenants import ContactKey, Tenant

State = Literal["waiting", "done", "dead", "skipped"]

_COLUMNS = (
    "position, tenant, contact, step, occurrence, agent, view, created, due, attempts, state,"
    " response, cause, finished"
)


class DueStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one contact. `view` is the contact as it was when the step became due."""

    position: int
    tenant: Tenant
    contact: str
    step: int
    occurrence: str
    agent: str | None
    view: dict[str, Any]
    created: datetime
    due: datetime
    attempts: int
    state: State
    response: Any
    """What Dynamics answered, as JSON; None where it answered nothing."""
    cause: str | None
    """Why it is dead, was skipped, or must be tried again, in an admin's words."""
    finished: datetime | None


def add(
    cursor: sqlite3.Cursor,
    key: ContactKey,
    *,
    step: int,
    occurrence: str,
    agent: str | None,
    view: dict[str, Any],
    now: datetime,
) -> bool:
    """Make a step due; False where it was due before."""
    cursor.execute(
        "INSERT OR IGNORE INTO outbox (tenant, contact, step, occurrence, agent, view, created,"
        " due, attempts, state) VALUES (?,?,?,?,?,?,?,?,0,'waiting')",
        (
            key.tenant,
            key.id,
            step,
            occurrence,
            agent,
            msgspec.json.encode(view),
            micros(now),
            micros(now),
        ),
    )
    return cursor.rowcount == 1


def waiting_contacts(cursor: sqlite3.Cursor) -> list[ContactKey]:
    """Read which contacts have steps that wait, oldest first (at start)."""
    rows = cursor.execute(
        "SELECT tenant, contact FROM outbox WHERE state='waiting'"
        " GROUP BY tenant, contact ORDER BY min(position)"
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


def next_of(cursor: sqlite3.Cursor, key: ContactKey) -> DueStep | None:
    """Read the contact's first step that waits: steps of one contact run in order."""
    rows = _read(
        cursor, "tenant=? AND contact=? AND state='waiting' ORDER BY step, position LIMIT 1", key
    )
    return rows[0] if rows else None


def of_contact(cursor: sqlite3.Cursor, key: ContactKey) -> list[DueStep]:
    """Read all steps of a contact in the order in which they run."""
    return _read(cursor, "tenant=? AND contact=? ORDER BY step, position", key)


def dead(cursor: sqlite3.Cursor, tenant: Tenant, *, limit: int = 200) -> list[DueStep]:
    """Read a tenant's dead letters, the latest first."""
    return _read(
        cursor, "tenant=? AND state='dead' ORDER BY finished DESC LIMIT ?", (tenant, limit)
    )


def postpone(
    cursor: sqlite3.Cursor, position: int, *, due: datetime, attempts: int, cause: str
) -> None:
    """Try again later."""
    cursor.execute(
        "UPDATE outbox SET due=?, attempts=?, cause=? WHERE position=?",
        (micros(due), attempts, cause, position),
    )


def finish(
    cursor: sqlite3.Cursor,
    position: int,
    state: State,
    *,
    now: datetime,
    response: Any = None,
    cause: str | None = None,
) -> None:
    """Say how a step ended."""
    cursor.execute(
        "UPDATE outbox SET state=?, response=?, cause=?, finished=? WHERE position=?",
        (
            state,
            None if response is None else msgspec.json.encode(response),
            cause,
            micros(now),
            position,
        ),
    )


def revive(
    cursor: sqlite3.Cursor, tenant: Tenant, position: int | None, now: datetime
) -> list[ContactKey]:
    """Let a dead letter (None: all of the tenant) be tried again; give the contacts."""
    one = "" if position is None else " AND position=?"
    values: tuple[Any, ...] = (tenant,) if position is None else (tenant, position)
    rows = cursor.execute(
        f"SELECT DISTINCT tenant, contact FROM outbox WHERE tenant=? AND state='dead'{one}", values
    ).fetchall()
    cursor.execute(
        "UPDATE outbox SET state='waiting', attempts=0, due=?, finished=NULL"
        f" WHERE tenant=? AND state='dead'{one}",
        (micros(now), *values),
    )
    return [ContactKey(Tenant(tenant_), contact) for tenant_, contact in rows]


def count(cursor: sqlite3.Cursor, state: State) -> int:
    """Count the steps in a state (for metrics)."""
    row = cursor.execute("SELECT count(*) FROM outbox WHERE state=?", (state,)).fetchone()
    return int(row[0])


def _read(cursor: sqlite3.Cursor, where: str, values: tuple[Any, ...]) -> list[DueStep]:
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM outbox WHERE {where}", values).fetchall()
    return [
        DueStep(
            position=row[0],
            tenant=Tenant(row[1]),
            contact=row[2],
            step=row[3],
            occurrence=row[4],
            agent=row[5],
            view=msgspec.json.decode(row[6]),
            created=moment(row[7]),
            due=moment(row[8]),
            attempts=row[9],
            state=row[10],
            response=None if row[11] is None else msgspec.json.decode(row[11]),
            cause=row[12],
            finished=None if row[13] is None else moment(row[13]),
        )
        for row in rows
    ]
