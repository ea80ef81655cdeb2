"""Keep the requests that contacts are due in Dynamics, until each is done or a dead letter.

A request's key within its contact comes from `steps.plan`, so that no event, however often or late
it comes, makes a request due twice.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Literal

import msgspec

from adapter.steps import PlannedRequest
from adapter.store.times import micros, moment
from adapter.tenants import ContactKey, Tenant

State = Literal["waiting", "done", "failed"]

_COLUMNS = (
    "position, tenant, contact, key, planned, created, due, attempts, state, response, cause,"
    " finished"
)
_encode = msgspec.json.Encoder().encode
_planned = msgspec.json.Decoder(PlannedRequest)


class DueRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request of one contact."""

    position: int
    """Over all tenants; requests of one contact are sent in this order."""
    contact: ContactKey
    key: str
    planned: PlannedRequest
    created: datetime
    due: datetime
    attempts: int
    state: State
    response: Any
    """What Dynamics answered, as later steps see it."""
    cause: str | None
    """Why it is a dead letter or is tried again, in an admin's words."""
    finished: datetime | None


def put(
    cursor: sqlite3.Cursor,
    contact: ContactKey,
    planned: PlannedRequest,
    due: datetime,
    now: datetime,
) -> None:
    """Add a request at the end of its contact's queue; one that waits under its key goes."""
    cursor.execute(
        "DELETE FROM outbox WHERE tenant=? AND contact=? AND key=? AND state='waiting'",
        (*contact, planned.key),
    )
    cursor.execute(
        "INSERT INTO outbox (tenant, contact, key, planned, created, due, attempts, state)"
        " VALUES (?,?,?,?,?,?,0,'waiting')",
        (*contact, planned.key, _encode(planned), micros(now), micros(due)),
    )


def of_contact(cursor: sqlite3.Cursor, contact: ContactKey) -> list[DueRequest]:
    """Read a contact's requests in the order of planning."""
    return _read(cursor, "tenant=? AND contact=? ORDER BY position", contact)


def waiting(cursor: sqlite3.Cursor, contact: ContactKey) -> list[DueRequest]:
    """Read a contact's requests that are not finished, in the order in which they are sent."""
    return _read(cursor, "tenant=? AND contact=? AND state='waiting' ORDER BY position", contact)


def contacts_waiting(cursor: sqlite3.Cursor) -> list[ContactKey]:
    """Read which contacts have requests that wait, oldest first (at start)."""
    rows = cursor.execute(
        "SELECT tenant, contact FROM outbox WHERE state='waiting'"
        " GROUP BY tenant, contact ORDER BY min(position)"
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


def contacts_untried(cursor: sqlite3.Cursor, now: datetime) -> list[ContactKey]:
    """Read which contacts have something due and nothing that was tried and waits.

    Also those whose dead letters another process has revived.
    """
    rows = cursor.execute(
        "SELECT tenant, contact FROM outbox WHERE state='waiting'"
        " GROUP BY tenant, contact HAVING max(attempts)=0 AND min(due)<=?",
        (micros(now),),
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


def dead_letters(cursor: sqlite3.Cursor, tenant: Tenant, *, limit: int = 200) -> list[DueRequest]:
    """Read a tenant's dead letters, the latest first."""
    return _read(
        cursor, "tenant=? AND state='failed' ORDER BY finished DESC LIMIT ?", (tenant, limit)
    )


def summary(each: DueRequest) -> dict[str, Any]:
    """Say of a dead letter what an admin is shown: no value of a contact."""
    return {
        "id": each.position,
        "contact": each.contact.id,
        "step": each.planned.step.number,
        "action": each.planned.action,
        "cause": each.cause,
        "attempts": each.attempts,
        "created": each.created,
        "finished": each.finished,
    }


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
    now: datetime,
    *,
    response: Any = None,
    cause: str | None = None,
) -> None:
    """Say how a request ended."""
    cursor.execute(
        "UPDATE outbox SET state=?, response=?, cause=?, finished=? WHERE position=?",
        (state, _encode(response), cause, micros(now), position),
    )


def replace(cursor: sqlite3.Cursor, position: int, planned: PlannedRequest) -> None:
    """Send something else in a request's place (a note where the row is read-only)."""
    cursor.execute("UPDATE outbox SET planned=? WHERE position=?", (_encode(planned), position))


def revive(
    cursor: sqlite3.Cursor, tenant: Tenant, position: int | None, now: datetime
) -> list[ContactKey]:
    """Let a dead letter (None: all of the tenant) be tried again; give the contacts."""
    which = "tenant=? AND state='failed'" + ("" if position is None else " AND position=?")
    values: tuple[Any, ...] = (tenant,) if position is None else (tenant, position)
    rows = cursor.execute(f"SELECT DISTINCT contact FROM outbox WHERE {which}", values).fetchall()
    cursor.execute(
        "UPDATE outbox SET state='waiting', attempts=0, created=?, due=?, finished=NULL"
        f" WHERE {which}",
        (micros(now), micros(now), *values),
    )
    return [ContactKey(tenant, contact) for (contact,) in rows]


def counts(cursor: sqlite3.Cursor) -> dict[str, int]:
    """Count the requests that wait and the dead letters (for metrics)."""
    rows = cursor.execute(
        "SELECT state, count(*) FROM outbox WHERE state<>'done' GROUP BY state"
    ).fetchall()
    return dict(rows)


def _read(cursor: sqlite3.Cursor, where: str, values: tuple[Any, ...]) -> list[DueRequest]:
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM outbox WHERE {where}", values).fetchall()
    return [
        DueRequest(
            position=row[0],
            contact=ContactKey(Tenant(row[1]), row[2]),
            key=row[3],
            planned=_planned.decode(row[4]),
            created=moment(row[5]),
            due=moment(row[6]),
            attempts=row[7],
            state=row[8],
            response=None if row[9] is None else msgspec.json.decode(row[9]),
            cause=row[10],
            finished=None if row[11] is None else moment(row[11]),
        )
        for row in rows
    ]
