"""Keep agents' notes on contacts; they go with the contact (`retention`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from adapter.notes import Note
from adapter.store.times import micros, moment
from adapter.tenants import Agent, ContactKey


def get(cursor: sqlite3.Cursor, agent: Agent, contact: str) -> Note | None:
    """Read an agent's note on a contact."""
    return of_contacts(cursor, agent, (contact,)).get(contact)


def of_contacts(cursor: sqlite3.Cursor, agent: Agent, contacts: Collection[str]) -> dict[str, Note]:
    """Read an agent's notes on some hundred contacts at most, by the contact's id."""
    marks = ",".join("?" * len(contacts))
    rows = cursor.execute(
        "SELECT contact, text, version, saved, replaced FROM notes"
        f" WHERE tenant=? AND contact IN ({marks}) AND agent=?",
        (agent.tenant, *contacts, agent.id),
    ).fetchall()
    return {
        contact: Note(text=text, version=version, saved=moment(saved), replaced=replaced)
        for contact, text, version, saved, replaced in rows
    }


def put(cursor: sqlite3.Cursor, agent: Agent, contact: str, note: Note) -> None:
    """Write an agent's note."""
    cursor.execute(
        "INSERT OR REPLACE INTO notes (tenant, contact, agent, text, version, saved, replaced)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            agent.tenant,
            contact,
            agent.id,
            note.text,
            note.version,
            micros(note.saved),
            note.replaced,
        ),
    )


def forget(cursor: sqlite3.Cursor, key: ContactKey) -> None:
    """Delete all agents' notes on a contact."""
    cursor.execute("DELETE FROM notes WHERE tenant=? AND contact=?", key)
