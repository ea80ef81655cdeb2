"""Shape the rows of the journal, and append them."""

from __future__ import annotations

import sqlite3
import sys
from datetime import datetime

import msgspec

from adapter.events import AgentSeen, ContactEvent
from adapter.store.journal.backlog import Row
from adapter.store.journal.tail import Newest

SEQUENCE_BITS = 40
"""Low bits of a position, which hold the sequence: a trillion messages for each tenant."""


_MASK = (1 << SEQUENCE_BITS) - 1


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What a row keeps of an event, and of the contact after it."""

    fact: ContactEvent | None
    seen: AgentSeen | None
    received: datetime
    matched: str | None
    """Why the contact popped or did not."""
    failure: str | None
    """Why the event could not be handled, though it is kept."""
    previous: int
    """Position of the contact's row before this one; 0 for its first."""
    depth: int
    agent: str | None
    ended: bool


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What distinguishes an event from all others of its tenant."""

    source: str
    id: str


class Brief(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A `Report` without what the event said, as a server that starts reads many.

    It is unpacked from the same array, so its members must be those of `Report`, in that order.
    """

    fact: Identity | None
    seen: Identity | None
    received: datetime
    matched: str | None
    failure: str | None
    previous: int
    depth: int
    agent: str | None
    ended: bool


Links = list[tuple[str, int]]
"""Each agent of a message, with the sequence of the previous message to them; 0 for none."""


_encode = msgspec.msgpack.Encoder().encode


pack_report = _encode
"""Pack a `Report` for its row."""


def pack_report_of(
    fact: ContactEvent | None, received: datetime, matched: str | None, previous: int, after: Newest
) -> bytes:
    """Pack the report of a contact's row without making a `Report` first (the hot path)."""
    return _encode(
        (fact, None, received, matched, None, previous, after.depth, after.agent, after.ended)
    )


unpack_report = msgspec.msgpack.Decoder(Report).decode
unpack_brief = msgspec.msgpack.Decoder(Brief).decode
"""Unpack from a packed `Report` what a `Brief` has."""
pack_links = _encode
"""Pack `Links` for their row."""
pack_pushes = _encode
"""Pack a list of `Push`."""
unpack_links = msgspec.msgpack.Decoder(Links).decode


def position_of(number: int, sequence: int) -> int:
    """Give the position of a message."""
    return number << SEQUENCE_BITS | sequence


def sequence_of(position: int) -> int:
    """Give the sequence of the message at a position."""
    return position & _MASK


if sys.version_info < (3, 12):
    # For each value that is neither a number nor a text, the driver looks for an adapter, by
    # look-ups that fail with an exception: a quarter of the time of a row. Later versions are
    # quick.
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(type(None), lambda _: None)

_COLUMNS = (
    "INTO journal (position, time, type, subject, links, data, pop, report, state)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)


def append(cursor: sqlite3.Cursor, rows: list[Row]) -> None:
    """Append rows; their positions must be new."""
    cursor.executemany(f"INSERT {_COLUMNS}", rows)


def restore(cursor: sqlite3.Cursor, rows: list[Row]) -> list[Row]:
    """Append the rows that are not there yet; give those that do not continue what is there.

    If the database has another row at a position, it has another history, as a backup has, and no
    further row is appended. If it lacks the row before, none of that tenant's rows is appended.
    """
    ends: dict[tuple[int, bool], int] = {}
    strange: list[Row] = []
    stopped: set[tuple[int, bool]] = set()
    for at, row in enumerate(rows):
        number, sequence = abs(row[0]) >> SEQUENCE_BITS, sequence_of(abs(row[0]))
        kind = number, row[0] > 0
        if kind not in ends:
            ends[kind] = _end_of(cursor, *kind)
        if sequence <= ends[kind]:
            if _is_another(cursor, row):
                return strange + rows[at:]
        elif kind in stopped or sequence != ends[kind] + 1 or ends[kind] < 0:
            stopped.add(kind)
            strange.append(row)
        else:
            append(cursor, [row])
            ends[kind] = sequence
    return strange


def _is_another(cursor: sqlite3.Cursor, row: Row) -> bool:
    there = cursor.execute("SELECT time FROM journal WHERE position=?", (row[0],)).fetchone()
    return there is not None and there[0] != row[1]  # the retention may have removed it


def _end_of(cursor: sqlite3.Cursor, number: int, has_message: bool) -> int:
    """Give the number of a tenant's last row, with a message or without; -1: no such tenant."""
    marked = cursor.execute(
        "SELECT sequence, silent FROM journal_marks WHERE number=?", (number,)
    ).fetchone()
    if marked is None:
        return -1
    bounds = position_of(number, 0), position_of(number + 1, 0)
    (last,) = cursor.execute(
        "SELECT max(position) FROM journal WHERE position>? AND position<?"
        if has_message
        else "SELECT -min(position) FROM journal WHERE position<-? AND position>-?",
        bounds,
    ).fetchone()
    return max(int(marked[0 if has_message else 1]), sequence_of(last or 0))
