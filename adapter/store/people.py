"""Keep people: who has signed in, which roles and which agent each has."""

from __future__ import annotations

import secrets
import sqlite3
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
        f"SELECT {_COLUMNS} FROM people WHERE tenant=? ORDER BY name COLLATE NOCASE, id",
        (tenant,),
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
