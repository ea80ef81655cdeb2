"""Write and read the journal: events, contacts, messages. Every function is one statement or two.

All of it runs on the connection of the event loop's thread, inside `Database.transaction` where it
writes: a commit of a small batch costs some 30 µs (docs/decisions/0002), a hop to a thread more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from adapter import contacts
from adapter.contacts import Contact
from adapter.events import AgentSeen, ContactEvent, Fact, Stage
from adapter.messages import EVERYONE, Message
from adapter.store.times import micros, moment
from adapter.tenants import Agent, ContactKey, Tenant

_facts = msgspec.json.Encoder()
_fact_decoder = msgspec.json.Decoder(ContactEvent)


class StoredEvent(msgspec.Struct, frozen=True):
    """An accepted event and when it came in and was committed."""

    event: ContactEvent
    received: datetime
    stored: datetime
    matched: str | None
    failure: str | None


class Traced(msgspec.Struct, frozen=True):
    """One line of a contact's story."""

    at: datetime
    what: str
    detail: str


def knows_event(cursor: sqlite3.Cursor, tenant: Tenant, source: str, event: str) -> bool:
    """Whether an event of this identity (source, id) was accepted before."""
    cursor.execute(
        "SELECT 1 FROM events WHERE tenant=? AND source=? AND event=?", (tenant, source, event)
    )
    return cursor.fetchone() is not None


class AcceptedEvent(NamedTuple):
    """An event to be stored, with what was decided on it."""

    tenant: Tenant
    fact: Fact
    received: datetime
    matched: str | None
    """Why it popped or not."""
    failure: str | None
    """Why it could not be handled, though it is kept."""


def add_events(cursor: sqlite3.Cursor, accepted: list[AcceptedEvent], stored: datetime) -> None:
    """Store events that are not known yet."""
    now = micros(stored)
    cursor.executemany(
        "INSERT INTO events (tenant, source, event, contact, received, stored, body, matched,"
        " failure) VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (
                each.tenant,
                each.fact.source,
                each.fact.id,
                None if isinstance(each.fact, AgentSeen) else each.fact.contact,
                micros(each.received),
                now,
                _facts.encode(each.fact),
                each.matched,
                each.failure,
            )
            for each in accepted
        ],
    )


def events_of(cursor: sqlite3.Cursor, key: ContactKey) -> list[StoredEvent]:
    """Read a contact's events in the order in which they came in."""
    rows = cursor.execute(
        "SELECT body, received, stored, matched, failure FROM events WHERE tenant=? AND contact=?"
        " ORDER BY position",
        key,
    ).fetchall()
    return [
        StoredEvent(_fact_decoder.decode(body), moment(received), moment(stored), matched, failure)
        for body, received, stored, matched, failure in rows
    ]


def contact(cursor: sqlite3.Cursor, key: ContactKey) -> Contact | None:
    """Read a contact's state."""
    row = cursor.execute("SELECT state FROM contacts WHERE tenant=? AND id=?", key).fetchone()
    return None if row is None else contacts.decode(row[0])


def save_contacts(
    cursor: sqlite3.Cursor, changed: Iterable[tuple[ContactKey, Contact, str | None]], now: datetime
) -> None:
    """Write contacts' states, each with the tenant's id of its agent."""
    cursor.executemany(
        "INSERT OR REPLACE INTO contacts (tenant, id, agent, ended, updated, state)"
        " VALUES (?,?,?,?,?,?)",
        [
            (key.tenant, key.id, agent, state.ended, micros(now), contacts.encode(state))
            for key, state, agent in changed
        ],
    )


def open_contacts(
    cursor: sqlite3.Cursor, tenant: Tenant, agent: str | None, *, since: datetime
) -> list[Contact]:
    """Read the contacts that are not over: of one agent, or of the tenant."""
    where = "tenant=? AND ended=0 AND updated>=?" + ("" if agent is None else " AND agent=?")
    values = (tenant, micros(since)) if agent is None else (tenant, micros(since), agent)
    rows = cursor.execute(
        f"SELECT state FROM contacts WHERE {where} ORDER BY updated", values
    ).fetchall()
    return [contacts.decode(state) for (state,) in rows]


def add_links(cursor: sqlite3.Cursor, tenant: Tenant, contact: str, links: Iterable[str]) -> None:
    """Link contacts in both directions: either end may come in first."""
    rows = [(tenant, a, b) for link in links for a, b in ((contact, link), (link, contact))]
    cursor.executemany(
        "INSERT OR IGNORE INTO contact_links (tenant, contact, linked) VALUES (?,?,?)", rows
    )


def links_of(cursor: sqlite3.Cursor, key: ContactKey) -> tuple[str, ...]:
    """Read the ids of the contacts linked with this one."""
    rows = cursor.execute(
        "SELECT linked FROM contact_links WHERE tenant=? AND contact=? ORDER BY linked", key
    ).fetchall()
    return tuple(linked for (linked,) in rows)


def add_messages(cursor: sqlite3.Cursor, tenant: Tenant, messages: list[Message]) -> None:
    """Append messages; their sequences must follow the last."""
    cursor.executemany(
        "INSERT INTO messages (tenant, sequence, type, subject, time, data, pop)"
        " VALUES (?,?,?,?,?,?,?)",
        [
            (tenant, each.sequence, each.type, each.subject, micros(each.time), each.data, each.pop)
            for each in messages
        ],
    )
    rows = [(tenant, agent, each.sequence) for each in messages for agent in each.agents]
    if rows:
        cursor.executemany(
            "INSERT INTO message_agents (tenant, agent, sequence) VALUES (?,?,?)", rows
        )


def messages_after(
    cursor: sqlite3.Cursor, tenant: Tenant, agent: str | None, after: int, *, limit: int
) -> list[Message]:
    """Read messages above `after` in order: an agent's with everyone's, or all of the tenant's."""
    if agent is None:
        rows = cursor.execute(
            "SELECT sequence, type, subject, time, data, pop FROM messages"
            " WHERE tenant=? AND sequence>? ORDER BY sequence LIMIT ?",
            (tenant, after, limit),
        ).fetchall()
    else:
        rows = cursor.execute(
            "SELECT m.sequence, m.type, m.subject, m.time, m.data, m.pop FROM messages m"
            " JOIN (SELECT sequence FROM message_agents WHERE tenant=?1 AND agent=?2"
            "       AND sequence>?3"
            "       UNION SELECT sequence FROM message_agents WHERE tenant=?1 AND agent=?4"
            "       AND sequence>?3 ORDER BY sequence LIMIT ?5) a"
            " ON m.tenant=?1 AND m.sequence=a.sequence ORDER BY m.sequence",
            (tenant, agent, after, EVERYONE, limit),
        ).fetchall()
    return [
        Message(sequence, kind, subject, moment(time), data, (), pop)
        for sequence, kind, subject, time, data, pop in rows
    ]


def sequences(cursor: sqlite3.Cursor, tenant: Tenant) -> tuple[int, int]:
    """Give the first kept and the last sequence of a tenant; (1, 0) where there is none."""
    # Two subqueries: SQLite answers min or max from the index, but both in one by a full scan.
    first, last = cursor.execute(
        "SELECT (SELECT min(sequence) FROM messages WHERE tenant=?1),"
        " (SELECT max(sequence) FROM messages WHERE tenant=?1)",
        (tenant,),
    ).fetchone()
    return (1, 0) if last is None else (first, last)


TraceLine = tuple[Tenant, str | None, datetime, str, str]
"""Tenant, contact, time, what, detail."""


def add_traces(cursor: sqlite3.Cursor, lines: Iterable[TraceLine]) -> None:
    """Add lines to contacts' stories."""
    cursor.executemany(
        "INSERT INTO trace (tenant, contact, at, what, detail) VALUES (?,?,?,?,?)",
        [
            (tenant, contact, micros(at), what, detail)
            for tenant, contact, at, what, detail in lines
        ],
    )


def trace_of(cursor: sqlite3.Cursor, key: ContactKey) -> list[Traced]:
    """Read a contact's story, oldest first."""
    rows = cursor.execute(
        "SELECT at, what, detail FROM trace WHERE tenant=? AND contact=? ORDER BY position", key
    ).fetchall()
    return [Traced(moment(at), what, detail) for at, what, detail in rows]


def agents_contacts(cursor: sqlite3.Cursor, agent: Agent) -> list[ContactKey]:
    """Read the keys of the contacts that are open at an agent."""
    rows = cursor.execute(
        "SELECT tenant, id FROM contacts WHERE tenant=? AND agent=? AND ended=0", agent
    ).fetchall()
    return [ContactKey(Tenant(tenant), contact) for tenant, contact in rows]


def add_alias(
    cursor: sqlite3.Cursor, tenant: Tenant, source_id: str, agent: str, now: datetime
) -> None:
    """Store an alias that a source taught us, unless there is one."""
    cursor.execute(
        "INSERT OR IGNORE INTO agent_aliases (tenant, source_id, agent, origin, created)"
        " VALUES (?,?,?,'learnt',?)",
        (tenant, source_id, agent, micros(now)),
    )


def beat(cursor: sqlite3.Cursor, now: datetime) -> None:
    """Write the one row of the heartbeat: proof that the disk takes writes."""
    cursor.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, ?)", (micros(now),))


def first_report(cursor: sqlite3.Cursor, key: ContactKey, stage: Stage) -> datetime | None:
    """Give when a contact's stage was first reported to us (not when its source says it was)."""
    times = [
        each.stored
        for each in events_of(cursor, key)
        if each.event.stage is stage or stage in each.event.witnessed
    ]
    return min(times, default=None)
