"""Keep the requests that contacts are due in Dynamics, until each is done or a dead letter.

A request's key within its contact comes from `steps.plan`, so that no event, however often or late
it comes, makes a request due twice.
"""

from __future__ import annotations

import re
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
    " finished, dismissed"
)
UNFINISHED = "outbox INDEXED BY unfinished_requests WHERE state<>'done'"
"""The index is named: SQLite takes a tenant to have ten requests, and would look at all."""

IS_DEAD = "tenant=? AND state='failed' AND dismissed IS NULL"
DEAD = f"outbox INDEXED BY dead_letters WHERE {IS_DEAD}"

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
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
    dismissed: datetime | None = None
    """When an admin said that a dead letter is not to be tried again."""


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
    return read(cursor, "tenant=? AND contact=? ORDER BY position", contact)


def waiting(cursor: sqlite3.Cursor, contact: ContactKey) -> list[DueRequest]:
    """Read a contact's requests that are not finished, in the order in which they are sent."""
    return read(cursor, "tenant=? AND contact=? AND state='waiting' ORDER BY position", contact)


def contacts_waiting(cursor: sqlite3.Cursor) -> list[ContactKey]:
    """Read which contacts have requests that wait, oldest first (at start)."""
    rows = cursor.execute(
        f"SELECT tenant, contact FROM {UNFINISHED} AND state='waiting'"
        " GROUP BY tenant, contact ORDER BY min(position)"
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


def contacts_untried(cursor: sqlite3.Cursor, now: datetime) -> list[ContactKey]:
    """Read which contacts have something due and nothing that was tried and waits.

    Also those whose dead letters another process has revived.
    """
    rows = cursor.execute(
        f"SELECT tenant, contact FROM {UNFINISHED} AND state='waiting'"
        " GROUP BY tenant, contact HAVING max(attempts)=0 AND min(due)<=?",
        (micros(now),),
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


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


def keep_ids(cursor: sqlite3.Cursor, contact: ContactKey) -> None:
    """Forget what Dynamics answered to a contact's requests but for ids of rows.

    A recording that comes after the contact was forgotten still finds the row that is its own.
    """
    rows = cursor.execute(
        "SELECT position, response FROM outbox"
        " WHERE tenant=? AND contact=? AND response IS NOT NULL",
        contact,
    ).fetchall()
    cursor.executemany(
        "UPDATE outbox SET response=? WHERE position=?",
        [(_encode(_ids(msgspec.json.decode(response))), position) for position, response in rows],
    )


def _ids(response: Any) -> Any:
    if isinstance(response, dict):
        return {name: value for name, value in response.items() if _is_id(value)}
    return response if _is_id(response) else None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


def forget(cursor: sqlite3.Cursor, before: datetime, *, limit: int) -> int:
    """Delete the oldest requests, at most `limit`, that were planned before a time and are done."""
    return cursor.execute(
        "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox ORDER BY position"
        " LIMIT ?) AND state<>'waiting' AND created<?",
        (limit, micros(before)),
    ).rowcount


def counts(cursor: sqlite3.Cursor) -> dict[str, int]:
    """Count the requests that wait and the dead letters (for metrics)."""
    rows = cursor.execute(
        f"SELECT state, count(*) FROM {UNFINISHED} AND dismissed IS NULL GROUP BY state"
    ).fetchall()
    return dict(rows)


def read(cursor: sqlite3.Cursor, where: str, values: tuple[Any, ...]) -> list[DueRequest]:
    """Read the requests of an SQL condition (of this package, never of a request)."""
    return read_from(cursor, f"outbox WHERE {where}", values)


def read_from(cursor: sqlite3.Cursor, source: str, values: tuple[Any, ...]) -> list[DueRequest]:
    """Do what `read` does with a source (`UNFINISHED`, `DEAD`), which has an index and a condition.

    Of all that is kept those are the least.
    """
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM {source}", values).fetchall()
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
            dismissed=None if row[12] is None else moment(row[12]),
        )
        for row in rows
    ]
