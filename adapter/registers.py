"""Keep the newest value under each name, within limits that no order of arrival can change.

Which names stay is a function of the set of everything that was said. Names have one fixed order,
and a name stays while it and all names before it fit, each counted at the largest value it ever
had. That count only grows, so a name that was dropped once is dropped for good, and forgetting it
loses nothing that could come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

V = TypeVar("V")

Stamp = tuple[datetime, int, str, str]
"""Time, rank of the stage, source, id: which of two reports counts. Ties end at the identity."""

_pack = msgspec.msgpack.Encoder().encode


class Limit(NamedTuple):
    """How much may stay: names, and bytes of names and values as MessagePack."""

    names: int
    size: int


class Bounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must be remembered beside the values, so that forgetting some depends on no order."""

    heaviest: dict[str, int] = {}
    """Bytes of the largest value that a name had, where the present one is smaller."""
    end: str | None = None
    """The first name that did not fit: it and all after it stay out."""


UNBOUNDED = Bounds()


def newer(
    known: dict[str, tuple[Stamp, V]], said: Mapping[str, V], stamp: Stamp
) -> dict[str, tuple[Stamp, V]]:
    """Give what is known after a report of `stamp` said some of it."""
    if not known:
        return {name: (stamp, value) for name, value in said.items()}
    merged = known.copy()
    for name, value in said.items():
        before = known.get(name)
        if before is None or before[0] < stamp:
            merged[name] = (stamp, value)
    return merged


def bounded(
    known: dict[str, tuple[Stamp, V]],
    bounds: Bounds,
    said: Mapping[str, V],
    stamp: Stamp,
    limit: Limit,
) -> tuple[dict[str, tuple[Stamp, V]], Bounds]:
    """Do what `newer` does, within `limit`; commutative, associative and idempotent like it."""
    if not said:
        return known, bounds
    if bounds.end is not None:
        end = _place(bounds.end)
        said = {name: value for name, value in said.items() if _place(name) < end}
    if not known:
        first = newer(known, said, stamp)
        fits = len(first) <= limit.names and len(_pack(said)) <= limit.size
        return (first, bounds) if fits else _cut(first, bounds, limit)
    merged, changed = _merged(known, said, stamp)
    if not changed:  # said again, as nearly always: what fitted fits
        return merged, bounds
    return _cut(merged, _heaviest(known, bounds, changed, merged), limit)


def _merged(
    known: dict[str, tuple[Stamp, V]], said: Mapping[str, V], stamp: Stamp
) -> tuple[dict[str, tuple[Stamp, V]], dict[str, V]]:
    """Do what `newer` does, and tell what was said that is new or may have another size."""
    merged = known.copy()
    changed: dict[str, V] = {}
    compared: Stamp | None = None
    is_later = False
    for name, value in said.items():
        before = known.get(name)
        if before is None:
            merged[name] = (stamp, value)
            changed[name] = value
            continue
        if before[0] is not compared:  # what one event said has one stamp
            compared = before[0]
            is_later = compared < stamp
        if is_later:
            merged[name] = (stamp, value)
        if not (isinstance(value, str) and value == before[1]):
            changed[name] = value
    return merged, changed


def _heaviest(
    known: dict[str, tuple[Stamp, V]],
    bounds: Bounds,
    changed: Mapping[str, V],
    merged: dict[str, tuple[Stamp, V]],
) -> Bounds:
    """Remember the largest value of each name that now has a smaller one."""
    if known.keys().isdisjoint(changed):
        return bounds
    heaviest = dict(bounds.heaviest)
    for name, value in changed.items():
        if name in known:
            sizes = _size(name, known[name][1]), _size(name, value), heaviest.pop(name, 0)
            if max(sizes) > _size(name, merged[name][1]):
                heaviest[name] = max(sizes)
    return Bounds(heaviest, bounds.end)


def _cut(
    merged: dict[str, tuple[Stamp, V]], bounds: Bounds, limit: Limit
) -> tuple[dict[str, tuple[Stamp, V]], Bounds]:
    heaviest = bounds.heaviest
    if len(merged) <= limit.names and len(_pack(merged)) + sum(heaviest.values()) <= limit.size:
        return merged, bounds  # the way of nearly all: stamps included it still fits
    size = 0
    for count, name in enumerate(sorted(merged, key=_place), start=1):
        size += heaviest.get(name) or _size(name, merged[name][1])
        if count > limit.names or size > limit.size:
            end = _place(name)
            kept = {each: value for each, value in merged.items() if _place(each) < end}
            sizes = {each: octets for each, octets in heaviest.items() if each in kept}
            return kept, Bounds(sizes, name)
    return merged, bounds


def _place(name: str) -> tuple[int, str]:
    """Order short names first: people choose those, where a runaway source numbers or dates its."""
    return len(name), name


def _size(name: str, value: Any) -> int:
    return len(_pack(name)) + len(_pack(value))
