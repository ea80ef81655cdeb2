"""Write into the journal's index what it lacks: all of it, or a slice at a time.

Neighbouring keys share pages, so thousands of them are written in the order of their tables, not in
the order in which they came. That takes tens of milliseconds, in which no event would be served. So
each slice is a transaction of its own, and events are taken in between.

A crash between slices loses nothing: the marks are written last, so all rows since the former marks
are read again, and what the index already had of them is merely written once more.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from msgspec.structs import astuple

from adapter.store.journal.index import KEY_BITS, loaded
from adapter.store.journal.rows import pack_pushes
from adapter.store.journal.tail import Push, Tail
from adapter.tenants import Tenant

_AT_ONCE = 16
"""Keys between two looks at the clock: in a large index each may be on a page of its own."""

_SORTED_AT_ONCE = 16_384
"""Events above which their keys are sorted in parts: sorting all at once would hold up the loop."""

_RANGES_BITS = 3
"""Two to this power is the number of parts."""


@dataclass(slots=True)
class _Part:
    """One table of the index, or a range of it, with the keys that it lacked."""

    statement: str
    lacking: dict[Any, Any]
    """The tail's dictionary: what is written is what it holds when the key's turn comes."""
    row: Callable[[Any, Any], tuple[Any, ...]]
    """Makes the row of a key and its value."""
    choose: Callable[[], list[Any]]
    """Gives the keys, called when the turn of the part comes."""
    see: Callable[[Iterable[Any]], None] | None = None
    """Adds keys to the filter (`seen`)."""
    keys: list[Any] | None = None
    """The keys that `choose` gave, in the order of the table."""
    begun: int = 0
    """How many keys are in this transaction or an earlier one."""
    done: int = 0
    """How many keys are committed."""

    def write(self, cursor: sqlite3.Cursor, until: float | None) -> None:
        """Write the next keys in the order of the table, as many as there is time for."""
        self.begun = self.done
        if self.keys is None:
            self.keys = self.choose()
            _sort(self.keys)
        lacking = self.lacking
        while self.begun < len(self.keys):
            keys = self.keys[self.begun : self.begun + _AT_ONCE]
            # What was erased meanwhile must not come back.
            rows = [self.row(key, lacking[key]) for key in keys if key in lacking]
            cursor.executemany(self.statement, rows)
            if self.see is not None:
                self.see(keys)
            self.begun += len(keys)
            if until is not None and time.perf_counter() > until:
                break

    def forget_written(self) -> bool:
        """Drop what is committed now; say whether that was all."""
        keys = self.keys or []
        for key in keys[self.done : self.begun]:
            self.lacking.pop(key, None)
        self.done = self.begun
        return self.done == len(keys)


def _sort(keys: list[Any]) -> None:
    """Sort numbers or pairs; pairs by each half in turn, at a third of the cost of comparing."""
    if keys and isinstance(keys[0], tuple):
        keys.sort(key=itemgetter(1))
        keys.sort(key=itemgetter(0))
    else:
        keys.sort()


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
    """Say what is to be written; large tables are divided into ranges."""
    parts = [_events(known, choose) for choose in _ranges(list(known.events))]
    if known.contacts:
        parts.append(
            _Part(
                "INSERT OR REPLACE INTO contact_heads"
                " (tenant, contact, position, depth, agent, ended, updated) VALUES (?,?,?,?,?,?,?)",
                known.contacts,
                lambda key, newest: (*key, *astuple(newest)),
                list(known.contacts).copy,
                lambda keys: known.seen.contacts.add(map(hash, keys)),
            )
        )
    if known.agents:
        parts.append(
            _Part(
                "INSERT OR REPLACE INTO agent_heads (tenant, agent, sequence) VALUES (?,?,?)",
                known.agents,
                lambda agent, sequence: (*agent, sequence),
                list(known.agents).copy,
            )
        )
    if known.pushes:
        parts.append(
            _Part(
                "INSERT OR REPLACE INTO pushes (position, body) VALUES (?,?)",
                known.pushes,
                _pushes_row,
                list(known.pushes).copy,
            )
        )
    return parts


def _events(known: Tail, choose: Callable[[], list[int]]) -> _Part:
    return _Part(
        "INSERT OR REPLACE INTO event_keys (key, position) VALUES (?,?)",
        known.events,
        lambda key, position: (key, position),
        choose,
        known.seen.events.add,
    )


def _ranges(keys: list[int]) -> Iterator[Callable[[], list[int]]]:
    """Give functions that each give the keys of one range of the table, in order."""
    if len(keys) <= _SORTED_AT_ONCE:
        if keys:
            yield keys.copy
        return
    shift = KEY_BITS - _RANGES_BITS
    for number in range(1 << _RANGES_BITS):
        yield partial(_within, keys, number, shift)


def _within(keys: list[int], number: int, shift: int) -> list[int]:
    return [key for key in keys if key >> shift == number]


def _pushes_row(_: Tenant, pushes: list[Push]) -> tuple[int, bytes]:
    pushes.sort()
    return pushes[0].position, pack_pushes(pushes)
