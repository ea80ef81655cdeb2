"""Know without asking the database that something is new: a Bloom filter beside the index.

Nearly every event is new, and half of them begin or end a contact. Finding that out from the index
costs as much as decoding the event. If the filter does not hold a number, the index surely lacks
it; only for the others the index is asked (Bloom, "Space/Time Trade-offs in Hash Coding with
Allowable Errors", 1970).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from adapter.tenants import ContactKey, Tenant

_BITS_EACH: Final = 16
"""Bits for each number in a full filter: one in sixty new numbers is then looked up."""
_LEAST: Final = 1 << 25
_MOST: Final = 1 << 29
"""Bits: 4 MiB, which two million numbers fill, and 64 MiB."""

_AT_ONCE: Final = 2_000
"""Numbers that a scan takes before it lets the event loop's thread go on: a millisecond."""


class Filter:
    """A set of numbers with evenly spread low bits that may claim to hold more than were added.

    It knows nothing until it `include`s another, which was filled with all that was there before.
    """

    __slots__ = ("_bits", "_late", "_mask", "_room")

    def __init__(self) -> None:
        self._bits = bytearray()
        self._mask = 0
        self._room = 0
        """How many more numbers it should take."""
        self._late: list[int] | None = []
        """What was added since `watch`, until `include`; None while no scan is waited for."""

    @classmethod
    def of(cls, count: int) -> Filter:
        """Make one that is to be filled with `count` numbers and then included by another."""
        made = cls()
        size = _LEAST
        while 2 * size < 3 * count * _BITS_EACH and size < _MOST:  # room for half as many again
            size *= 2
        made._bits = bytearray(size >> 3)
        made._mask = size - 1
        made._room = max(size // _BITS_EACH, count + size // _BITS_EACH // 4)
        made._late = None
        return made

    def may_hold(self, number: int) -> bool:
        """Whether the number may have been added; always while `include` has not been called."""
        bits = self._bits
        if not bits:
            return True
        first = number & self._mask
        if not bits[first >> 3] >> (first & 7) & 1:
            return False  # nearly always so if it is new
        second = number >> 31 & self._mask
        return bool(bits[second >> 3] >> (second & 7) & 1)

    def add(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        numbers = list(numbers)
        if self._late is not None:
            self._late += numbers
        bits, mask = self._bits, self._mask
        if not bits:
            return
        for number in numbers:
            first, second = number & mask, number >> 31 & mask
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)
        self._room -= len(numbers)

    @property
    def is_due(self) -> bool:
        """Whether it must be filled anew: it knows nothing yet, or claims too much by now."""
        return not self._bits or self._room < 0

    def watch(self) -> None:
        """Keep apart what is added from now on: another is being filled, which misses it."""
        self._late = []

    def include(self, other: Filter) -> None:
        """Take over another that was filled since `watch`, and add what came meanwhile.

        If `forget` came between, the other may lack what it was called for: it is not taken.
        """
        late, self._late = self._late, None
        if late is None:
            return
        self._bits, self._mask, self._room = other._bits, other._mask, other._room
        self.add(late)

    def forget(self) -> None:
        """Know nothing again: numbers were added of which it was not told."""
        self._bits, self._mask, self._room, self._late = bytearray(), 0, 0, None


class Seen:
    """What the index may hold: events by their keys, contacts by the hash of theirs."""

    __slots__ = ("contacts", "events")

    def __init__(self, events: Filter | None = None, contacts: Filter | None = None) -> None:
        self.events = events or Filter()
        self.contacts = contacts or Filter()

    @property
    def is_due(self) -> bool:
        """Whether the index must be read to fill it."""
        return self.events.is_due or self.contacts.is_due

    def watch(self) -> None:
        """Begin to keep what the `read` that follows may miss."""
        self.events.watch()
        self.contacts.watch()

    def include(self, other: Seen) -> None:
        """Take over what was read, and add what came since `watch`: from now on it is complete.

        It stays so as long as nobody else writes into the index; who erases does (`forget`).
        """
        self.events.include(other.events)
        self.contacts.include(other.contacts)

    def forget(self) -> None:
        """Know nothing, until a `read` that begins after the next `watch` is included."""
        self.events.forget()
        self.contacts.forget()


def read(path: Path) -> Seen:
    """Read the whole index by a connection of its own (for a thread); raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as reading:
        (events,) = reading.execute("SELECT count(*) FROM event_keys").fetchone()
        (contacts,) = reading.execute("SELECT count(*) FROM contact_heads").fetchone()
        found = Seen(Filter.of(events), Filter.of(contacts))
        keys = reading.execute("SELECT key FROM event_keys")
        while some := keys.fetchmany(_AT_ONCE):
            found.events.add(key for (key,) in some)
            time.sleep(0)  # the event loop has waited for the lock that this thread holds
        heads = reading.execute("SELECT tenant, contact FROM contact_heads")
        while some := heads.fetchmany(_AT_ONCE):
            # The hash is of this process only: it is stored nowhere.
            found.contacts.add(hash(ContactKey(Tenant(row[0]), row[1])) for row in some)
            time.sleep(0)
    return found
