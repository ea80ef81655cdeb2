"""Read what a contact is: fold its rows, back to one that holds the whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from adapter import contacts
from adapter.contacts import Contact
from adapter.errors import FAULTS
from adapter.events import ContactEvent
from adapter.store.journal import tail
from adapter.store.journal.index import loaded, mark, newest
from adapter.store.journal.rows import Report, position_of, sequence_of, unpack_report
from adapter.store.journal.tail import Newest
from adapter.store.times import micros
from adapter.tenants import Agent, ContactKey, Tenant

STATE_EVERY = 32
"""Rows of a contact after which one holds its whole state, so that no chain is long to follow.

A row without a message never does: it tells of a fault of ours, after which the chain grows until
the next event that is handled.
"""


def chain(cursor: sqlite3.Cursor, position: int) -> Iterator[tuple[int, int, Report, bytes | None]]:
    """Follow a contact's rows backwards: position, time, report, whole state."""
    while position:
        row = cursor.execute(
            "SELECT time, report, state FROM journal WHERE position=?", (position,)
        ).fetchone() or tail.of(cursor).backlog.report(position)
        if row is None or row[1] is None:
            return  # older than the retention, or erased
        report = unpack_report(row[1])
        yield position, row[0], report, row[2]
        position = report.previous


def contact(cursor: sqlite3.Cursor, key: ContactKey) -> Contact | None:
    """Read a contact's state from its rows, which another process may have emptied just now."""
    found = newest(cursor, key)
    return None if found is None else _fold(cursor, found.position)


def contact_with_newest(cursor: sqlite3.Cursor, key: ContactKey) -> tuple[Contact, Newest] | None:
    """Read a contact's state and its newest row, from memory where it is there."""
    known = loaded(cursor)
    remembered = known.states.get(key)
    if remembered is not None:
        return remembered
    found = newest(cursor, key)
    if found is None:
        return None
    state = _fold(cursor, found.position)
    if state is None:
        return None
    if known.is_writer:
        known.put_state(key, state, found)
    return state, found


def _fold(cursor: sqlite3.Cursor, position: int) -> Contact | None:
    state: Contact | None = None
    facts: list[ContactEvent] = []
    for _, _, report, whole in chain(cursor, position):
        if whole is not None:
            state = contacts.decode(whole)
            break
        if report.fact is not None:
            facts.append(report.fact)
    for fact in reversed(facts):
        # What could not be handled when it came in cannot be handled now, and is left out again.
        with suppress(*FAULTS):
            state = contacts.advance(state, fact)
    return state


def keep_state(cursor: sqlite3.Cursor, key: ContactKey) -> None:
    """Write a contact's whole state into its newest row, before older ones are deleted."""
    found = newest(cursor, key)
    if found is None:
        return
    state = _fold(cursor, found.position)
    if state is not None:
        cursor.execute(
            "UPDATE journal SET state=? WHERE position=? AND state IS NULL",
            (contacts.encode(state), found.position),
        )


def open_keys(
    cursor: sqlite3.Cursor, tenant: Tenant, agent: str | None, *, since: int = 0
) -> list[tuple[ContactKey, Newest]]:
    """Give the contacts that are not over, of one agent or of the tenant, oldest change first.

    `since`: those that changed at this time or later (microseconds since 1970), for there are
    always some whose end nobody reports.
    """
    known = loaded(cursor)
    where = "tenant=? AND ended=0 AND updated>=?" + ("" if agent is None else " AND agent=?")
    # The index is named: SQLite takes a tenant to have ten contacts, and would look at all.
    rows = cursor.execute(
        "SELECT contact, position, depth, agent, updated FROM contact_heads"
        f" INDEXED BY open_contacts WHERE {where}",
        (tenant, since) if agent is None else (tenant, since, agent),
    ).fetchall()
    found = {
        ContactKey(tenant, row[0]): Newest(row[1], row[2], row[3], False, row[4]) for row in rows
    }
    if known.contacts:
        for key in [key for key in found if key in known.contacts]:
            del found[key]
        if agent is None:
            newer = [each for each in known.contacts.items() if each[0].tenant == tenant]
            found.update((key, last) for key, last in newer if not last.ended)
        else:
            found.update(known.open_of(Agent(tenant, agent)))
    late = (each for each in found.items() if each[1].updated >= since)
    return sorted(late, key=lambda each: each[1].updated)


def open_contacts(
    cursor: sqlite3.Cursor, tenant: Tenant, agent: str | None, *, since: datetime
) -> list[Contact]:
    """Read the contacts that are not over: of one agent, or of the tenant."""
    keys = open_keys(cursor, tenant, agent, since=micros(since))
    known = (contact_with_newest(cursor, key) for key, _ in keys)
    return [each[0] for each in known if each is not None]


def agents_contacts(cursor: sqlite3.Cursor, agent: Agent) -> list[ContactKey]:
    """Read the keys of the contacts that are open at an agent."""
    return [key for key, _ in open_keys(cursor, agent.tenant, agent.id)]


def add_links(cursor: sqlite3.Cursor, tenant: Tenant, contact: str, links: Iterable[str]) -> None:
    """Link contacts in both directions: either end may come in first."""
    rows = [(tenant, a, b) for link in links for a, b in ((contact, link), (link, contact))]
    cursor.executemany(
        "INSERT OR IGNORE INTO contact_links (tenant, contact, linked) VALUES (?,?,?)", rows
    )


def has_links(cursor: sqlite3.Cursor, key: ContactKey, links: Iterable[str]) -> bool:
    """Whether a contact is linked with all of these already, in both directions."""
    tenant, contact = key
    return all(
        len(
            cursor.execute(
                "SELECT 1 FROM contact_links WHERE tenant=?1 AND"
                " (contact=?2 AND linked=?3 OR contact=?3 AND linked=?2)",
                (tenant, contact, link),
            ).fetchall()
        )
        == 2  # noqa: PLR2004 - one for each direction
        for link in links
    )


def links_of(cursor: sqlite3.Cursor, key: ContactKey) -> tuple[str, ...]:
    """Read the ids of the contacts linked with this one."""
    rows = cursor.execute(
        "SELECT linked FROM contact_links WHERE tenant=? AND contact=? ORDER BY linked", key
    ).fetchall()
    return tuple(linked for (linked,) in rows)


def forget_links(cursor: sqlite3.Cursor, key: ContactKey) -> None:
    """Delete the links of a contact, from both their ends."""
    tenant, contact = key
    pairs = [
        pair for other in links_of(cursor, key) for pair in ((contact, other), (other, contact))
    ]
    cursor.executemany(
        "DELETE FROM contact_links WHERE tenant=? AND contact=? AND linked=?",
        [(tenant, *pair) for pair in pairs],
    )


def newest_message(cursor: sqlite3.Cursor, key: ContactKey) -> int | None:
    """Give the sequence of a contact's newest change; rows without a message do not count."""
    found = newest(cursor, key)
    if found is None:
        return None
    rows = chain(cursor, found.position)
    return next((sequence_of(position) for position, *_ in rows if position > 0), None)


def backward(
    cursor: sqlite3.Cursor, tenant: Tenant, *, before: int | None, most: int
) -> Iterator[tuple[int, str | None, int]]:
    """Give a tenant's messages below a sequence (None: all), the newest first.

    Sequence, the contact where the message tells of a change of one, and time in microseconds.
    """
    found = mark(cursor, tenant)
    if found is None:
        return
    end = position_of(found.number + 1, 0)
    if before is not None:
        end = min(end, position_of(found.number, max(before, 0)))
    rows = cursor.execute(
        "SELECT position, CASE WHEN report IS NULL THEN NULL ELSE subject END, time FROM journal"
        " WHERE position>? AND position<? ORDER BY position DESC LIMIT ?",
        (position_of(found.number, 0), end, most),
    ).fetchall()
    for position, subject, time in rows:
        yield sequence_of(position), subject, time


def has_events(cursor: sqlite3.Cursor, tenant: Tenant) -> bool:
    """Tell whether anything that a source reported is kept."""
    found = mark(cursor, tenant)
    if found is None:
        return False
    row = cursor.execute(
        "SELECT 1 FROM journal WHERE position>? AND position<? AND report NOT NULL LIMIT 1",
        (position_of(found.number, 0), position_of(found.number + 1, 0)),
    ).fetchone()
    return row is not None


def recorded(cursor: sqlite3.Cursor, tenant: Tenant, *, most: int) -> list[ContactKey]:
    """Give some contacts of a tenant, in no order."""
    known = loaded(cursor)
    rows = cursor.execute(
        "SELECT contact FROM contact_heads WHERE tenant=? LIMIT ?", (tenant, most)
    ).fetchall()
    keys = dict.fromkeys(ContactKey(tenant, contact) for (contact,) in rows)
    keys.update((key, None) for key in known.contacts if key.tenant == tenant)
    return list(keys)[:most]
