"""Erase what is kept of contacts: every table that knows them, and their bytes in the file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from adapter import sought
from adapter.sought import Sought
from adapter.store import audits, installation, journal, notes, pops, recordings
from adapter.store.failures import explain
from adapter.store.journal.tail import Connection
from adapter.tenants import ContactKey, Tenant


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, or would be."""

    contacts: list[str]
    """Ids."""
    linked: list[str]
    """Contacts linked with them (a transfer's other legs) that were not found, and are kept."""
    rows: dict[str, int]
    """By kind; empty where nothing was erased."""


_TABLES = {
    "traces": "DELETE FROM trace WHERE tenant=? AND contact=?",
    "requests": "DELETE FROM outbox WHERE tenant=? AND contact=?",
}


def find(path: Path, tenant: Tenant, wanted: Sought, *, also: Iterable[str] = ()) -> list[str]:
    """Give the ids of a tenant's contacts that are of who is sought, by a connection of its own.

    Of `also`, contacts that were erased, those of which something is kept again.

    Raises:
        StoreUnavailable: the file cannot be read.
    """
    try:
        where = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, factory=Connection)) as reading:
            ids = set(also)
            found = set[str]()
            if wanted.contact is not None:
                ids.add(wanted.contact)
            else:
                found.update(_found(reading, tenant, wanted))
            cursor = reading.cursor()
            found.update(each for each in ids if is_known(cursor, ContactKey(tenant, each)))
            return sorted(found)
    except sqlite3.Error as error:
        raise explain(error) from error


def is_known(cursor: sqlite3.Cursor, key: ContactKey) -> bool:
    """Tell if anything is kept of a contact."""
    asked = [
        ("contact_heads", "contact"),
        ("trace", "contact"),
        ("pops", "contact"),
        ("outbox", "contact"),
        ("recording_links", "contact"),
        ("notes", "contact"),
    ]
    if journal.newest(cursor, key) is not None:
        return True
    return any(
        cursor.execute(
            f"SELECT 1 FROM {table} WHERE tenant=? AND {column}=? LIMIT 1", key
        ).fetchone()
        for table, column in asked
    )


def linked(cursor: sqlite3.Cursor, tenant: Tenant, ids: list[str]) -> list[str]:
    """Give the contacts that are linked with these and are none of them."""
    found: set[str] = set()
    for each in ids:
        rows = cursor.execute(
            "SELECT linked FROM contact_links WHERE tenant=? AND contact=?", (tenant, each)
        ).fetchall()
        found |= {other for (other,) in rows}
    return sorted(found - set(ids))


def positions(path: Path, tenant: Tenant, contacts: Iterable[str]) -> dict[str, list[int]]:
    """Find where the journal knows contacts, by a connection of its own (`erase` wants it).

    Raises:
        StoreUnavailable: the file cannot be read.
    """
    try:
        where = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, factory=Connection)) as reading:
            return journal.positions_of(reading.cursor(), tenant, contacts)
    except sqlite3.Error as error:
        raise explain(error) from error


def erase(cursor: sqlite3.Cursor, key: ContactKey, positions: Iterable[int]) -> Counter[str]:
    """Erase a contact in every table, and overwrite its bytes; give the rows by their kind.

    A message leaves its sequence behind, with nothing in it: a feed that resumes misses none.
    """
    count: Counter[str] = Counter()
    # https://www.sqlite.org/pragma.html#pragma_secure_delete
    cursor.execute("PRAGMA secure_delete=ON")
    try:
        for kind, statement in _TABLES.items():
            count[kind] = cursor.execute(statement, key).rowcount
        count["pops"] = pops.erase(cursor, key.tenant, key.id)
        count["messages"] = journal.empty_rows(cursor, key, positions)
        count["recording links"] = recordings.forget(cursor, key)
        notes.forget(cursor, key)
        journal.forget_links(cursor, key)
    finally:
        cursor.execute("PRAGMA secure_delete=OFF")
    return count


def conclude(
    cursor: sqlite3.Cursor, tenant: Tenant, wanted: Sought, done: Erased, now: datetime, *, who: str
) -> None:
    """Write down that something was erased, and nothing of what it was."""
    count = len(done.contacts)
    what = f"erased {count} {'contact' if count == 1 else 'contacts'} of a {wanted.kind}"
    rows = msgspec.json.encode({kind: number for kind, number in done.rows.items() if number})
    audits.add(cursor, tenant, now, who=who, what=what, after=rows.decode())
    installation.count_erasure(cursor)


def compact(path: Path) -> None:
    """Write the database anew without its free space, and empty its log; nobody may use it.

    Raises:
        StoreUnavailable: somebody does, or the disk has no room for the copy.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise explain(error) from error


def empty_log(path: Path) -> None:
    """Move the log into the database and empty it, where no reader is in the way.

    Raises:
        StoreUnavailable: the disk or the file refuses.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise explain(error) from error


def _found(reading: sqlite3.Connection, tenant: Tenant, wanted: Sought) -> Iterator[str]:
    """Look into what each event said, replaced or not, and into states that outlive them."""
    for contact, fact, state in journal.everything(reading.cursor(), tenant):
        said: list[Mapping[str, Any]] = []
        if fact is not None:
            said += (fact.customer, fact.attributes)
        if state is not None:
            said += (state.customer, state.attributes)
        if sought.is_of(wanted, contact, said):
            yield contact
