"""Keep each pop's claim: which panel may open it, at which attempt, and what became of it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from adapter.events import Stage
from adapter.store.times import micros, moment
from adapter.tenants import Agent, Tenant

ERASED = "erased"
"""Outcome of an open pop whose contact was erased by a process that no panel is connected to."""

_COLUMNS = (
    "id, tenant, contact, agent, stage, created, stale_after, target, url, record, reason,"
    " sequence, attempt, owner, sole, outcome, finished"
)


class StoredPop(msgspec.Struct, frozen=True, kw_only=True):
    """One pop, as the journal keeps it. `id` is unique over all tenants."""

    id: str
    tenant: Tenant
    contact: str | None
    agent: str
    stage: str | None
    created: datetime
    stale_after: int
    """Seconds after which it is shown as a card only."""
    target: str
    url: str
    record: dict[str, str] | None
    reason: str
    sequence: int
    """The message that announced this attempt."""
    attempt: int
    owner: str | None
    """The panel that may open it; None until one is there."""
    sole: bool
    """Whether the owner was the agent's only panel when it was claimed."""
    outcome: str | None = None
    finished: datetime | None = None


def insert(cursor: sqlite3.Cursor, pop: StoredPop) -> bool:
    """Store a pop; False where contact + agent + stage have one already."""
    cursor.execute(
        f"INSERT OR IGNORE INTO pops ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            pop.id,
            pop.tenant,
            pop.contact,
            pop.agent,
            pop.stage,
            micros(pop.created),
            pop.stale_after,
            pop.target,
            pop.url,
            None if pop.record is None else msgspec.json.encode(pop.record).decode(),
            pop.reason,
            pop.sequence,
            pop.attempt,
            pop.owner,
            pop.sole,
            pop.outcome,
            None if pop.finished is None else micros(pop.finished),
        ),
    )
    return cursor.rowcount == 1


def stages(cursor: sqlite3.Cursor, agent: Agent, contact: str) -> tuple[Stage, ...]:
    """Read the stages at which a contact has popped to an agent."""
    rows = cursor.execute(
        "SELECT stage FROM pops WHERE tenant=? AND contact=? AND agent=? AND stage NOT NULL",
        (agent.tenant, contact, agent.id),
    ).fetchall()
    return tuple(Stage(stage) for (stage,) in rows)


def claim(
    cursor: sqlite3.Cursor, pop: str, *, owner: str | None, sole: bool, attempt: int, sequence: int
) -> None:
    """Give an attempt of a pop to a panel."""
    cursor.execute(
        "UPDATE pops SET owner=?, sole=?, attempt=?, sequence=? WHERE id=?",
        (owner, sole, attempt, sequence, pop),
    )


def settle(cursor: sqlite3.Cursor, pop: str, outcome: str, finished: datetime | None) -> None:
    """Write what became of a pop; `finished` is None while it can still be opened."""
    cursor.execute(
        "UPDATE pops SET outcome=?, finished=? WHERE id=?",
        (outcome, None if finished is None else micros(finished), pop),
    )


def move(cursor: sqlite3.Cursor, pop: str, agent: str) -> bool:
    """Give an unfinished pop to the agent behind an alias; False where that one has it already."""
    cursor.execute("UPDATE OR IGNORE pops SET agent=? WHERE id=?", (agent, pop))
    return cursor.rowcount == 1


def get(cursor: sqlite3.Cursor, tenant: Tenant, pop: str) -> StoredPop | None:
    """Read one pop of a tenant."""
    rows = _read(cursor, "tenant=? AND id=?", (tenant, pop))
    return rows[0] if rows else None


def unfinished(cursor: sqlite3.Cursor, agent: Agent, *, since: datetime) -> list[StoredPop]:
    """Read the agent's pops that are neither opened nor dismissed nor withdrawn, oldest first."""
    return _read(
        cursor,
        "tenant=? AND agent=? AND finished IS NULL AND created>=? ORDER BY sequence",
        (*agent, micros(since)),
        index="unfinished_pops",
    )


def unfinished_of_tenant(
    cursor: sqlite3.Cursor, tenant: Tenant, *, since: datetime
) -> list[StoredPop]:
    """Read the unfinished pops of all agents, oldest first."""
    return _read(
        cursor,
        "tenant=? AND finished IS NULL AND created>=? ORDER BY sequence",
        (tenant, micros(since)),
        index="unfinished_pops",
    )


def unfinished_of_contact(cursor: sqlite3.Cursor, tenant: Tenant, contact: str) -> list[StoredPop]:
    """Read a contact's unfinished pops, whoever has them."""
    return _read(cursor, "tenant=? AND contact=? AND finished IS NULL", (tenant, contact))


def erase(cursor: sqlite3.Cursor, tenant: Tenant, contact: str) -> int:
    """Delete a contact's pops; of an open one stays what takes it off the panels; give how many.

    What stays is its id and its agent, without contact, record and reason.
    """
    orphaned = cursor.execute(
        "UPDATE pops SET contact=NULL, stage=NULL, url='', record=NULL, reason='', owner=NULL,"
        f" outcome='{ERASED}', finished=created WHERE tenant=? AND contact=? AND finished IS NULL",
        (tenant, contact),
    ).rowcount
    deleted = cursor.execute(
        "DELETE FROM pops WHERE tenant=? AND contact=?", (tenant, contact)
    ).rowcount
    return orphaned + deleted


def orphaned(cursor: sqlite3.Cursor, tenant: Tenant) -> list[StoredPop]:
    """Read what `erase` has left of open pops."""
    where = f"tenant=? AND contact IS NULL AND outcome='{ERASED}'"
    return _read(cursor, where, (tenant,), index="erased_pops")


def delete(cursor: sqlite3.Cursor, pop: str) -> None:
    """Delete one pop."""
    cursor.execute("DELETE FROM pops WHERE id=?", (pop,))


def of_contact(cursor: sqlite3.Cursor, tenant: Tenant, contact: str) -> list[StoredPop]:
    """Read all pops of a contact, oldest first."""
    return _read(cursor, "tenant=? AND contact=? ORDER BY sequence", (tenant, contact))


def latest_of_agent(
    cursor: sqlite3.Cursor, agent: Agent, contacts: list[str]
) -> dict[str, StoredPop]:
    """Read the last pop of each of some hundred contacts at most that was not taken back."""
    marks = ",".join("?" * len(contacts))
    rows = _read(
        cursor,
        f"tenant=? AND agent=? AND contact IN ({marks}) AND outcome IS NOT 'withdrawn'"
        " ORDER BY sequence",
        (*agent, *contacts),
    )
    return {pop.contact: pop for pop in rows if pop.contact is not None}


def by_ids(cursor: sqlite3.Cursor, tenant: Tenant, ids: list[str]) -> dict[str, StoredPop]:
    """Read several pops of a tenant by id."""
    found: dict[str, StoredPop] = {}
    for start in range(0, len(ids), 500):  # SQLite's default limit of parameters is 32,766
        some = ids[start : start + 500]
        marks = ",".join("?" * len(some))
        # Without the plus SQLite prefers an index that begins with the tenant to so many ids.
        for pop in _read(cursor, f"+tenant=? AND id IN ({marks})", (tenant, *some)):
            found[pop.id] = pop
    return found


def _read(
    cursor: sqlite3.Cursor, where: str, values: tuple[object, ...], *, index: str | None = None
) -> list[StoredPop]:
    # `where` and `index` are always among the literals above.
    named = "" if index is None else f" INDEXED BY {index}"
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM pops{named} WHERE {where}", values).fetchall()
    return [
        StoredPop(
            id=row[0],
            tenant=Tenant(row[1]),
            contact=row[2],
            agent=row[3],
            stage=row[4],
            created=moment(row[5]),
            stale_after=row[6],
            target=row[7],
            url=row[8],
            record=None if row[9] is None else msgspec.json.decode(row[9]),
            reason=row[10],
            sequence=row[11],
            attempt=row[12],
            owner=row[13],
            sole=bool(row[14]),
            outcome=row[15],
            finished=None if row[16] is None else moment(row[16]),
        )
        for row in rows
    ]
