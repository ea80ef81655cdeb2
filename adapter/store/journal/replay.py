"""Read the messages that a feed has missed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from adapter.messages import EVERYONE, Message
from adapter.store.journal import tail
from adapter.store.journal.index import last_to, mark
from adapter.store.journal.rows import position_of, sequence_of, unpack_links
from adapter.store.times import micros, moment
from adapter.tenants import Agent, Tenant


class Chains:
    """What went to an agent and to everybody above `after`, up to now.

    It is found by going back from the newest (docs/decisions/0010-one-row-per-event.md), a part
    at a time: each row takes some microseconds, and who was away for days has missed thousands.
    """

    __slots__ = ("_after", "_number", "_reached", "_sequences")

    def __init__(self, cursor: sqlite3.Cursor, agent: Agent, after: int) -> None:
        found = mark(cursor, agent.tenant)
        self._number = 0 if found is None else found.number
        self._after = after
        self._sequences: set[int] = set()
        self._reached: dict[str, int] = {}
        """The sequence that comes next, for each of the two."""
        if found is not None:
            for name in (agent.id, EVERYONE):
                self._reached[name] = last_to(cursor, Agent(agent.tenant, name))

    def follow(self, cursor: sqlite3.Cursor, rows: int) -> bool:
        """Go back by so many rows at most; say whether all is found."""
        for name, sequence in self._reached.items():
            while sequence > self._after:
                if not rows:
                    self._reached[name] = sequence
                    return False
                rows -= 1
                sequence = self._before(cursor, name, sequence)  # noqa: PLW2901
            self._reached[name] = 0
        return True

    def _before(self, cursor: sqlite3.Cursor, name: str, sequence: int) -> int:
        """Take a row, and give the sequence of the one before it; 0 where there is none."""
        position = position_of(self._number, sequence)
        row = cursor.execute("SELECT links FROM journal WHERE position=?", (position,)).fetchone()
        packed = row[0] if row is not None else tail.of(cursor).backlog.links(position)
        if packed is None:
            return 0  # older than the retention
        self._sequences.add(sequence)
        return dict(unpack_links(packed)).get(name, 0)

    def sequences(self) -> list[int]:
        """Give the sequences that were found, in order."""
        return sorted(self._sequences)


def sequences_to(cursor: sqlite3.Cursor, tenant: Tenant, agent: str, after: int) -> list[int]:
    """Give the sequences above `after` of what went to an agent and to everybody, in order."""
    chains = Chains(cursor, Agent(tenant, agent), after)
    chains.follow(cursor, sys.maxsize)
    return chains.sequences()


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
    backlog = tail.of(cursor).backlog
    rows = (
        cursor.execute(
            "SELECT position, type, subject, time, data, pop FROM journal WHERE position=?",
            (position,),
        ).fetchone()
        or backlog.message(position)
        for position in (position_of(found.number, sequence) for sequence in wanted)
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
    above, end = position_of(found.number, after), position_of(found.number + 1, 0)
    rows = cursor.execute(
        "SELECT position, type, subject, time, data, pop FROM journal"
        " WHERE position>? AND position<? AND type NOT NULL ORDER BY position LIMIT ?",
        (above, end, limit),
    ).fetchall()
    if len(rows) < limit:  # all that the database has: what waits comes after it
        backlog = tail.of(cursor).backlog
        last = rows[-1][0] if rows else above
        rows += map(backlog.message, backlog.between(last, end, limit - len(rows)))
    return [_message(row) for row in rows]


def _message(row: tuple[int, str, str | None, int, bytes, str | None]) -> Message:
    position, kind, subject, time, data, pop = row
    return Message(sequence_of(position), kind, subject, moment(time), data, (), pop)
