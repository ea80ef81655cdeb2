"""Find rows of the journal in the backlog: the redo log has them, and the database does not yet.

They are found by position, and are the newest of their tenants, because rows go into the database
in the order in which they came. So a reader asks the database first, and the backlog for what is
not there. That needs no write lock, which another program may hold for long. Only the readers that
a feed or the writer needs do so: `sequences`, `Chains`, `read`, `messages_after`, `find_event`,
`chain` with all that is built on it, and the reading of the tail (`index.loaded`). All others are
for `Database.reading`, which first writes the backlog into the database.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Any

Row = tuple[
    int, int, str | None, str | None, bytes, bytes | None, str | None, bytes | None, bytes | None
]
"""A row as it is written: position, time, type, subject, links, data, pop, report, state."""

_FEW = 64
"""Up to so many new rows are inserted one by one; more are sorted together."""


class Backlog:
    """A view of `Durability.backlog`, a list that grows at its end and shrinks at its front.

    It looks for changes of the list only when it is asked, so that commits pay nothing.
    """

    __slots__ = ("_first", "_found", "_positions", "_rows")

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._found: dict[int, Row] = {}
        self._positions: list[int] = []
        """The positions in `_found`, sorted."""
        self._first: Row | None = None
        """The first row at the last look: if it is another one now, some have gone."""

    def row(self, position: int) -> Row | None:
        """Give a whole row; None if it is not here."""
        return self._look().get(position)

    def links(self, position: int) -> bytes | None:
        """Give the packed links of a row; None if it is not here."""
        row = self._look().get(position)
        return None if row is None else row[4]

    def report(self, position: int) -> tuple[int, bytes | None, bytes | None] | None:
        """Give a row's time, packed report and whole state; None if it is not here."""
        row = self._look().get(position)
        return None if row is None else (row[1], row[7], row[8])

    def message(self, position: int) -> tuple[Any, ...] | None:
        """Give a row's position, type, subject, time, data and pop; None if it is not here."""
        row = self._look().get(position)
        return None if row is None else (row[0], row[2], row[3], row[1], row[5], row[6])

    def ends(self, after: int, before: int) -> tuple[int, int] | None:
        """Give the first and the last position between `after` and `before`; None without any."""
        start, end = self._range(after, before)
        return (self._positions[start], self._positions[end - 1]) if start < end else None

    def between(self, after: int, before: int, most: int | None = None) -> list[int]:
        """Give the positions between `after` and `before`, the lowest first, at most `most`."""
        start, end = self._range(after, before)
        return self._positions[start : end if most is None else min(end, start + most)]

    def _range(self, after: int, before: int) -> tuple[int, int]:
        """Give where those between `after` and `before` begin and end in `_positions`."""
        self._look()
        return bisect_right(self._positions, after), bisect_left(self._positions, before)

    def _look(self) -> dict[int, Row]:
        rows, found = self._rows, self._found
        first = rows[0] if rows else None
        if first is not self._first:
            self._first = first
            found.clear()
            self._positions.clear()
        if len(found) < len(rows):
            new = {row[0]: row for row in rows[len(found) :]}
            found.update(new)
            if len(new) <= _FEW:
                for position in new:
                    insort(self._positions, position)
            else:
                self._positions += new
                self._positions.sort()
        return found
