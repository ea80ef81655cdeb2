"""Keep people: who has signed in, which roles and which agent each has."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from adapter.identity import roles
from adapter.identity.people import FIRST_ADMIN, LOCAL, Person
from adapter.store import journal
from adapter.store.times import micros, moment
from adapter.tenants import Agent, Tenant

_COLUMNS = (
    "id, tenant, directory, subject, name, email, token_roles, given_roles, agent, proposed,"
    " revoked, created, seen"
)
_BY_NAME = "name COLLATE NOCASE, id"
_WAITING = "tenant=? AND proposed<>'' AND coalesce(agent, '')='' AND revoked IS NULL"
_FAIRLY = f"row_number() OVER (PARTITION BY directory ORDER BY {_BY_NAME}), directory"
"""The first of each directory, then the second of each: none hides another where they are many."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the people who are looked for."""

    people: list[Person]
    total: int
    """How many there are."""
    agents: frozenset[str] = frozenset()
    """The agents that all of them are; left empty where everybody is looked for."""


def new_id() -> str:
    """Give a new person's id."""
    return secrets.token_hex(8)


def put(cursor: sqlite3.Cursor, person: Person) -> None:
    """Store a person, new or changed."""
    cursor.execute(
        f"INSERT INTO people ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET name=excluded.name, email=excluded.email,"
        " token_roles=excluded.token_roles, given_roles=excluded.given_roles,"
        " agent=excluded.agent, proposed=excluded.proposed, revoked=excluded.revoked,"
        " seen=excluded.seen",
        (
            person.id,
            person.tenant,
            person.directory,
            person.subject,
            person.name,
            person.email,
            roles.write(person.token_roles),
            roles.write(person.given_roles),
            person.agent,
            person.proposed,
            None if person.revoked is None else micros(person.revoked),
            micros(person.created),
            micros(person.seen),
        ),
    )


def get(cursor: sqlite3.Cursor, tenant: Tenant, person: str) -> Person | None:
    """Read a person of a tenant by id."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM people WHERE id=? AND tenant=?", (person, tenant)
    ).fetchone()
    return None if row is None else _person(row)


def find(cursor: sqlite3.Cursor, tenant: Tenant, directory: str, subject: str) -> Person | None:
    """Read a person by who they are in a directory."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM people WHERE tenant=? AND directory=? AND subject=?",
        (tenant, directory, subject),
    ).fetchone()
    return None if row is None else _person(row)


def listed(cursor: sqlite3.Cursor, tenant: Tenant) -> list[Person]:
    """Read a tenant's people by name."""
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM people WHERE tenant=? ORDER BY {_BY_NAME}",
        (tenant,),
    )
    return [_person(row) for row in rows]


def found(
    cursor: sqlite3.Cursor, tenant: Tenant, wanted: str, *, most: int, waiting: bool = False
) -> Found:
    """Read the first people by name whose name, e-mail or agent has `wanted` in it, case-folded.

    `waiting`: of those who wait for their proposed agent, some of each directory.
    """
    where, order = (_WAITING, _FAIRLY) if waiting else ("tenant=?", _BY_NAME)
    if not wanted:
        (total,) = cursor.execute(
            f"SELECT count(*) FROM people WHERE {where}", (tenant,)
        ).fetchone()
        rows = cursor.execute(
            f"SELECT {_COLUMNS} FROM people WHERE {where} ORDER BY {order} LIMIT ?", (tenant, most)
        )
        return Found(people=[_person(row) for row in rows], total=total)
    # SQLite folds the case of ASCII alone. Whole people are made of those that are shown.
    rows = cursor.execute(
        f"SELECT id, agent, proposed, name, email FROM people WHERE {where} ORDER BY {order}",
        (tenant,),
    )
    like = [row for row in rows if any(each and wanted in each.casefold() for each in row[1:])]
    shown = [row[0] for row in like[:most]]
    marks = ",".join("?" * len(shown))
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM people WHERE id IN ({marks})", shown)
    whole = {row[0]: _person(row) for row in rows}
    return Found(
        people=[whole[each] for each in shown],
        total=len(like),
        agents=frozenset(row[1] for row in like if row[1]),
    )


def waiting_of_directories(cursor: sqlite3.Cursor, tenant: Tenant) -> dict[str, int]:
    """Count the people who wait for their proposed agent, by directory."""
    return dict(
        cursor.execute(
            f"SELECT directory, count(*) FROM people WHERE {_WAITING} GROUP BY directory", (tenant,)
        )
    )


def namesakes(cursor: sqlite3.Cursor, tenant: Tenant, names: Collection[str]) -> list[Person]:
    """Read the people who have one of some names (the case of ASCII letters does not count)."""
    marks = ",".join("?" * len(names))
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM people WHERE tenant=? AND name COLLATE NOCASE IN ({marks})",
        (tenant, *names),
    )
    return [_person(row) for row in rows]


def of_agent(cursor: sqlite3.Cursor, tenant: Tenant, agent: str) -> list[Person]:
    """Read the people who are an agent (several: one person with two accounts)."""
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM people WHERE tenant=? AND agent=? ORDER BY id", (tenant, agent)
    )
    return [_person(row) for row in rows]


def is_agent_known(cursor: sqlite3.Cursor, tenant: Tenant, agent: str) -> bool:
    """Tell whether a source or a panel has named an agent before."""
    if journal.last_to(cursor, Agent(tenant, agent)):
        return True
    found = cursor.execute(
        "SELECT 1 FROM agent_aliases WHERE tenant=? AND agent=? LIMIT 1", (tenant, agent)
    ).fetchone()
    return found is not None


def has_admin(cursor: sqlite3.Cursor, tenant: Tenant) -> bool:
    """Tell whether a tenant ever had an admin who signed in."""
    return any(
        "admin" in person.token_roles | person.given_roles for person in listed(cursor, tenant)
    )


def first_admin(cursor: sqlite3.Cursor, tenant: Tenant, now: datetime) -> Person:
    """Give the local person whom a one-time link signs in, made at first use.

    Whoever was revoked stays it, and a role that was taken away stays away: the person is given as
    they are.
    """
    known = find(cursor, tenant, LOCAL, FIRST_ADMIN)
    if known is not None and (known.revoked is not None or "admin" not in known.roles):
        return known
    if known is not None:
        person = msgspec.structs.replace(known, seen=now)
    else:
        person = Person(
            id=new_id(),
            tenant=tenant,
            directory=LOCAL,
            subject=FIRST_ADMIN,
            name="First admin",
            given_roles=frozenset(("admin",)),
            created=now,
            seen=now,
        )
    put(cursor, person)
    return person


def _person(row: tuple[Any, ...]) -> Person:
    revoked = row[10]
    return Person(
        id=row[0],
        tenant=Tenant(row[1]),
        directory=row[2],
        subject=row[3],
        name=row[4],
        email=row[5],
        token_roles=frozenset(row[6].split()),
        given_roles=frozenset(row[7].split()),
        agent=row[8],
        proposed=row[9],
        revoked=None if revoked is None else moment(revoked),
        created=moment(row[11]),
        seen=moment(row[12]),
    )
