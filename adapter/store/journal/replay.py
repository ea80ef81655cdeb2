"""Read the messages that a feed has missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from adapter.messages import EVERYONE, Message
from adapter.store.journal.index import last_to, mark
from adapter.store.journal.rows import position_of, sequence_of, unpack_links
from adapter.store.times import micros, moment
from adapter.tenants import Agent, Tenant


def sequences_to(cursor: sqlite3.Cursor, tenant: Tenant, agent: str, after: int) -> list[int]:
    """Give the sequences above `after` of what went to an agent and to everybody, in order."""
    found = mark(cursor, tenant)
    if found is None:
        return []
    merged: set[int] = set()
    for name in {agent, EVERYONE}:
        sequence = last_to(cursor, Agent(tenant, name))
        while sequence > after:
            row = cursor.execute(
                "SELECT links FROM journal WHERE position=?",
                (position_of(found.number, sequence),),
            ).fetchone()
            if row is None:
                break  # older than the retention
            merged.add(sequence)
            sequence = dict(unpack_links(row[0])).get(name, 0)
    return sorted(merged)


class Sent(NamedTuple):
    """That a message went to an agent."""

    sequence: int
    type: str | None
    subject: str | None
    """The contact that it was about."""
    time: datetime


def sent_to(cursor: sqlite3.Cursor, agent: Agent, *, since: datetime, most: int) -> Iterator[Sent]:
    """Give what went to an agent since then, the newest first, at most so many."""
    found = mark(cursor, agent.tenant)
    sequence = 0 if found is None else last_to(cursor, agent)
    old = micros(since)
    while found is not None and sequence and most:
        row = cursor.execute(
            "SELECT links, type, subject, time FROM journal WHERE position=?",
            (position_of(found.number, sequence),),
        ).fetchone()
        if row is None or row[3] < old:
            return
        yield Sent(sequence, row[1], row[2], moment(row[3]))
        sequence = dict(unpack_links(row[0])).get(agent.id, 0)
        most -= 1


def read(cursor: sqlite3.Cursor, tenant: Tenant, wanted: Iterable[int]) -> list[Message]:
    """Read messages by their sequences; what was erased or forgotten is left out."""
    found = mark(cursor, tenant)
    if found is None:
        return []
    rows = (
        cursor.execute(
            "SELECT position, type, subject, time, data, pop FROM journal WHERE position=?",
            (position_of(found.number, sequence),),
        ).fetchone()
        for sequence in wanted
    )
    return [_message(row) for row in rows if row is not None and row[1] is not None]


def messages_after(
    cursor: sqlite3.Cursor, tenant: Tenant, agent: str | None, after: int, *, limit: int
) -> list[Message]:
    """Read messages above `after` in order: an agent's with everyone's, or all of the tenant's."""
    if agent is not None:
        return read(cursor, tenant, sequences_to(cursor, tenant, agent, after)[:limit])
    found = mark(cursor, tenant)
    if found is None:
        return []
    rows = cursor.execute(
        "SELECT position, type, subject, time, data, pop FROM journal"
        " WHERE position>? AND position<? AND type NOT NULL ORDER BY position LIMIT ?",
        (position_of(found.number, after), position_of(found.number + 1, 0), limit),
    ).fetchall()
    return [_message(row) for row in rows]


def _message(row: tuple[int, str, str | None, int, bytes, str | None]) -> Message:
    position, kind, subject, time, data, pop = row
    return Message(sequence_of(position), kind, subject, moment(time), data, (), pop)
