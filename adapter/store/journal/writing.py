"""Write into the journal's index what it lacks: all of it, or a slice at a time.

Neighbouring keys share pages, so thousands of them are written in the order of their tables, not in
the order in which they came. That takes tens of milliseconds, in which no event would be served. So
each slice is a transaction of its own, and events are taken in between. Nothing that a slice does
takes longer the more there is to write.

A crash between slices loses nothing: the marks are written last, so all rows since the former marks
are read again, and what the index already had of them is merely written once more.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from msgspec.structs import astuple

from adapter.store.journal.in_order import InOrder
from adapter.store.journal.index import loaded
from adapter.store.journal.rows import SEQUENCE_BITS, pack_pushes
from adapter.store.journal.tail import Push, Tail
from adapter.tenants import Tenant

_AT_ONCE = 16
"""Keys between two looks at the clock: in a large index each may be on a page of its own."""

_PUSHES_IN_A_ROW = 256
"""Most pushes in one row: who reads a story unpacks a row for each of its events."""


@dataclass(slots=True)
class _Part:
    """One table of the index, with the keys that it lacked when its turn came."""

    statement: str
    lacking: dict[Any, Any]
    """The tail's dictionary: what is written is what it holds when the key's turn comes."""
    rows: Callable[[list[Any]], list[tuple[Any, ...]]]
    """Makes the rows of keys that follow one another, all of them in `lacking`."""
    forget: Callable[[Any], object]
    """Drops a key from `lacking`."""
    at_once: int
    """Keys between two looks at the clock."""
    see: Callable[[Iterable[Any]], None] | None = None
    """Adds keys to the filter (`seen`)."""
    waiting: InOrder[Any] | None = None
    """The keys that are still to be written; None before the part's turn."""
    taken: list[Any] = field(default_factory=list)
    """The keys that are in this transaction, or in one that failed."""

    def write(self, cursor: sqlite3.Cursor, until: float | None) -> None:
        """Write the next keys in the order of the table, as many as there is time for."""
        if self.waiting is None:
            self.waiting = InOrder(list(self.lacking))
        if self.taken:
            self._write(cursor, self.taken)
        while not self.waiting.is_done:
            keys = self.waiting.take(self.at_once)
            self.taken += keys  # first, so that they are written again if this fails
            self._write(cursor, keys)
            if until is not None and time.perf_counter() > until:
                break

    def _write(self, cursor: sqlite3.Cursor, keys: list[Any]) -> None:
        # What was erased meanwhile must not come back.
        cursor.executemany(self.statement, self.rows([key for key in keys if key in self.lacking]))
        if self.see is not None:
            self.see(keys)

    def forget_written(self) -> bool:
        """Drop what is committed now; say whether that was all."""
        for key in self.taken:
            self.forget(key)
        self.taken.clear()
        return self.waiting is not None and self.waiting.is_done


class IndexWriting:
    """What the index lacked at one moment, while it is being written."""

    def __init__(self, known: Tail) -> None:
        self._tail = known
        self._generation = known.generation
        self._parts = _parts(known)
        self._rows = known.rows
        self._ends = dict(known.ends)
        self.is_done = False

    @property
    def is_stale(self) -> bool:
        """Whether the tail has meanwhile been read anew, or written all at once."""
        return self._generation != self._tail.generation

    def write_some(self, cursor: sqlite3.Cursor, seconds: float) -> None:
        """Write for about `seconds`; `forget_written` must follow the commit."""
        if self._parts:
            self._parts[0].write(cursor, time.perf_counter() + seconds)
        else:
            _write_marks(cursor, self._ends)

    def forget_written(self) -> None:
        """Drop from memory what is written and committed."""
        if self._parts:
            if self._parts[0].forget_written():
                del self._parts[0]
            return
        self._tail.move_marks(self._ends, self._rows)
        self.is_done = True


def write_index(cursor: sqlite3.Cursor) -> None:
    """Write into the index all that it lacks; `Tail.forget_written` must follow the commit."""
    known = loaded(cursor)
    for part in _parts(known):
        part.write(cursor, None)
    _write_marks(cursor, known.ends)


def _write_marks(cursor: sqlite3.Cursor, ends: Mapping[Tenant, tuple[int, int]]) -> None:
    cursor.executemany(
        "UPDATE journal_marks SET sequence=?, silent=? WHERE tenant=?",
        [(*end, tenant) for tenant, end in ends.items()],
    )


def _parts(known: Tail) -> list[_Part]:
    """Say what is to be written."""
    parts = [
        _Part(
            "INSERT OR REPLACE INTO event_keys (key, position) VALUES (?,?)",
            known.events,
            lambda keys: [(key, known.events[key]) for key in keys],
            known.events.pop,
            _AT_ONCE,
            known.seen.events.add,
        ),
        _Part(
            "INSERT OR REPLACE INTO contact_heads"
            " (tenant, contact, position, depth, agent, ended, updated) VALUES (?,?,?,?,?,?,?)",
            known.contacts,
            lambda keys: [(*key, *astuple(known.contacts[key])) for key in keys],
            known.forget_contact,
            _AT_ONCE,
            lambda keys: known.seen.contacts.add(map(hash, keys)),
        ),
        _Part(
            "INSERT OR REPLACE INTO agent_heads (tenant, agent, sequence) VALUES (?,?,?)",
            known.agents,
            lambda keys: [(*agent, known.agents[agent]) for agent in keys],
            known.agents.pop,
            _AT_ONCE,
        ),
        _Part(
            "INSERT OR REPLACE INTO pushes (position, body) VALUES (?,?)",
            known.pushes,
            lambda keys: _rows_of_pushes([known.pushes[key] for key in keys]),
            known.pushes.pop,
            _PUSHES_IN_A_ROW,
        ),
    ]
    return [part for part in parts if part.lacking]


def _rows_of_pushes(pushes: list[Push]) -> list[tuple[int, bytes]]:
    """Give a row for each tenant's: the first position, and all of them."""
    groups = groupby(pushes, lambda push: push.position >> SEQUENCE_BITS)
    several = [list(each) for _, each in groups]
    return [(each[0].position, pack_pushes(each)) for each in several]
