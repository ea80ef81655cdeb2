"""Know without asking the database that something is new: a Bloom filter beside the index.

Nearly every event is one that was never seen, and half of them begin or end a contact. To find
that out from the index costs as much as to decode the event. A filter that was never told of a
number is sure that the index lacks it; of the others the index is asked (Bloom, "Space/Time
Trade-offs in Hash Coding with Allowable Errors", 1970).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from adapter.tenants import ContactKey, Tenant

_BITS = 26
"""Two to the power of it: 8 MiB. Of five million events one new one in fifty is looked up."""

_BYTES = 1 << _BITS - 3
_MASK = (1 << _BITS) - 1


class Filter:
    """A set of 63-bit numbers, evenly spread, that may claim to hold more than it was told."""

    __slots__ = ("_bits", "_is_whole")

    def __init__(self) -> None:
        self._bits = bytearray(_BYTES)
        self._is_whole = False

    def may_hold(self, number: int) -> bool:
        """Whether the number may have been added; always while `include` has not been called."""
        if not self._is_whole:
            return True
        first, second = number & _MASK, number >> _BITS & _MASK
        bits = self._bits
        return bool(bits[first >> 3] >> (first & 7) & bits[second >> 3] >> (second & 7) & 1)

    def add(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        bits = self._bits
        for number in numbers:
            first, second = number & _MASK, number >> _BITS & _MASK
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)

    def include(self, other: Filter) -> None:
        """Add what another holds that was filled with all there was before this one began."""
        both = int.from_bytes(self._bits, "big") | int.from_bytes(other._bits, "big")
        self._bits = bytearray(both.to_bytes(_BYTES, "big"))
        self._is_whole = True


class Seen:
    """What the index may hold: events by their keys, contacts by the hash of theirs."""

    __slots__ = ("contacts", "events")

    def __init__(self) -> None:
        self.events = Filter()
        self.contacts = Filter()

    def include(self, other: Seen) -> None:
        """Be sure from now on, having been told of everything since `other` was read."""
        self.events.include(other.events)
        self.contacts.include(other.contacts)


def read(path: Path) -> Seen:
    """Read the whole index by a connection of its own (for a thread); raises `sqlite3.Error`."""
    found = Seen()
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as reading:
        found.events.add(key for (key,) in reading.execute("SELECT key FROM event_keys"))
        heads = reading.execute("SELECT tenant, contact FROM contact_heads")
        # The hash of this process: it is kept nowhere.
        found.contacts.add(hash(ContactKey(Tenant(row[0]), row[1])) for row in heads)
    return found
