"""Keep the newest value under each name, within limits that no order of arrival can change.

Which names stay depends only on the set of everything that was said. Names have one fixed order,
and a name stays while it and all names before it fit, each counted with the largest value it ever
had. That count only grows, so a name that was dropped once is dropped for good, and forgetting it
loses nothing that could come back.

The values are one plain dictionary with one stamp, because most events repeat all that is known.
Such a report replaces everything at the price of one comparison, and readers take the dictionary as
it is. Only names that the newest report did not contain have a stamp of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

V = TypeVar("V")

Stamp = tuple[datetime, int, str, str]
"""Time, rank of the stage, source, id: of two reports the larger stamp wins. Source and id break
ties."""

_pack = msgspec.msgpack.Encoder().encode


class Limit(NamedTuple):
    """How much may stay: names, and bytes of names and values as MessagePack."""

    names: int
    size: int


class Bounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must be remembered besides the values, so that the order of reports does not matter."""

    heaviest: dict[str, int] = {}
    """Bytes of the largest value that a name ever had, if its present value is smaller."""
    end: str | None = None
    """The first name that did not fit: it and all after it stay out."""


UNBOUNDED = Bounds()


# Not tracked by the garbage collector: nothing in it can refer back to it, and there are many.
class Registers(msgspec.Struct, Generic[V], frozen=True, array_like=True, gc=False):
    """The newest value under each name. Never change its dictionaries: others share them."""

    values: dict[str, V] = {}
    stamp: Stamp | None = None
    """The newest stamp of any value; None if there is no value."""
    bounds: Bounds = UNBOUNDED
    older: dict[str, Stamp] = {}
    """The stamps of the values that do not have the newest one."""


NOTHING: Registers[Any] = Registers()


def of(stamped: dict[str, tuple[Stamp, V]], bounds: Bounds = UNBOUNDED) -> Registers[V]:
    """Make registers from values that each have a stamp of their own."""
    newest = max((stamp for stamp, _ in stamped.values()), default=None)
    return Registers(
        {name: value for name, (_, value) in stamped.items()},
        newest,
        bounds,
        {name: stamp for name, (stamp, _) in stamped.items() if stamp != newest},
    )


def newer(known: Registers[V], said: dict[str, V], stamp: Stamp) -> Registers[V]:
    """Merge the report of `stamp` into what is known; `said` itself may become part of it."""
    newest = known.stamp
    if not said:
        return known
    if newest is None or (newest < stamp and known.values.keys() <= said.keys()):
        return Registers(said, stamp, known.bounds)
    return _merged(known, newest, said, stamp)


def _merged(known: Registers[V], newest: Stamp, said: dict[str, V], stamp: Stamp) -> Registers[V]:
    """Merge a report that did not repeat everything, or came late."""
    if newest < stamp:
        unsaid = known.values.keys() - said.keys()
        older = {name: known.older.get(name, newest) for name in unsaid}
        return Registers({**known.values, **said}, stamp, known.bounds, older)
    values, older = known.values.copy(), known.older.copy()
    for name, value in said.items():
        if name in values and older.get(name, newest) >= stamp:
            continue
        values[name] = value
        if stamp == newest:
            older.pop(name, None)
        else:
            older[name] = stamp
    return Registers(values, newest, known.bounds, older)


def bounded(known: Registers[V], said: dict[str, V], stamp: Stamp, limit: Limit) -> Registers[V]:
    """Do what `newer` does, within `limit`; commutative, associative and idempotent like it."""
    if not said:
        return known
    newest = known.stamp
    # Nearly always all is said again unchanged, and what fitted still fits. It is compared packed,
    # because sizes matter: 1, 1.0 and True are equal but differ in size. It takes no longer.
    if newest is not None and newest < stamp and _pack(said) == _pack(known.values):
        return Registers(known.values, stamp, known.bounds)
    return _newly_bounded(known, said, stamp, limit)


def _newly_bounded(
    known: Registers[V], said: dict[str, V], stamp: Stamp, limit: Limit
) -> Registers[V]:
    """Do what `bounded` does if something is new."""
    bounds = known.bounds
    if bounds.end is not None:
        end = _place(bounds.end)
        said = {name: value for name, value in said.items() if _place(name) < end}
    merged = newer(known, said, stamp)
    if known.stamp is None:
        return _cut(merged, bounds, limit)
    # Names that are new, or whose value may have another size.
    before = known.values
    changed = [
        name
        for name, value in said.items()
        if not (isinstance(value, str) and value == before.get(name))
    ]
    if not changed:
        return merged
    return _cut(merged, _heaviest(known, said, changed, merged.values), limit)


def _heaviest(
    known: Registers[V], said: dict[str, V], changed: list[str], merged: dict[str, V]
) -> Bounds:
    """Remember the largest value of each name that now has a smaller one."""
    if known.values.keys().isdisjoint(changed):
        return known.bounds
    heaviest = dict(known.bounds.heaviest)
    for name in changed:
        if name in known.values:
            before, now = _size(name, known.values[name]), _size(name, said[name])
            most = max(before, now, heaviest.pop(name, 0))
            if most > _size(name, merged[name]):
                heaviest[name] = most
    return Bounds(heaviest, known.bounds.end)


def _cut(merged: Registers[V], bounds: Bounds, limit: Limit) -> Registers[V]:
    """Give the part of `merged` that fits within `limit`, with the resulting bounds."""
    values, heaviest = merged.values, bounds.heaviest
    fits = len(_pack(values)) + sum(heaviest.values()) <= limit.size
    if len(values) > limit.names or not fits:  # seldom, so each name is looked at only now
        size = 0
        for count, name in enumerate(sorted(values, key=_place), start=1):
            size += heaviest.get(name) or _size(name, values[name])
            if count > limit.names or size > limit.size:
                return _before(name, merged, heaviest)
    return Registers(values, merged.stamp, bounds, merged.older)


def _before(end: str, merged: Registers[V], heaviest: dict[str, int]) -> Registers[V]:
    """Keep what has its place before the name `end`."""
    place = _place(end)
    values = {name: value for name, value in merged.values.items() if _place(name) < place}
    older = {name: stamp for name, stamp in merged.older.items() if name in values}
    # If all names of the newest report are gone, its stamp must not be remembered either.
    stamp = merged.stamp if len(older) < len(values) else max(older.values(), default=None)
    return Registers(
        values,
        stamp,
        Bounds({name: size for name, size in heaviest.items() if name in values}, end),
        {name: each for name, each in older.items() if each != stamp},
    )


def _place(name: str) -> tuple[int, str]:
    """Order short names first: people choose those; a runaway source numbers or dates its names."""
    return len(name), name


def _size(name: str, value: Any) -> int:
    return len(_pack(name)) + len(_pack(value))
