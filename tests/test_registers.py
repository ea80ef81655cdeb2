"""Keep values within limits: what stays depends on what was said, and on no order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from adapter import registers
from adapter.registers import NOTHING, Bounds, Limit, Registers, Stamp

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

pack = msgspec.msgpack.encode
Report = tuple[Stamp, dict[str, Any]]

# Names of one and two letters and values of many sizes, with room for few of them: both limits
# must be met often, by new names and by values that grow and shrink.
TIGHT = Limit(names=4, size=24)
NAMES = ["a", "b", "c", "d", "aa", "bb"]
EQUALS = [1, 1.0, True, [1], [1.0], None]
"""Some of them are equal and have different sizes."""
VALUES = st.one_of(st.integers(0, 20).map("x".__mul__), st.sampled_from(EQUALS))
# Few times, ranks and sources on purpose; many reports say all names again, as sources do.
STAMPS = st.tuples(
    st.integers(0, 4).map(lambda second: NOON + timedelta(seconds=second)),
    st.integers(-1, 1),
    st.sampled_from(["urn:a", "urn:b"]),
    st.integers(0, 10**6).map(str),
)
SAID = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    st.fixed_dictionaries({"a": st.sampled_from([1, 1.0]), "b": st.sampled_from(["x", "xxx"])}),
)
REPORTS = st.lists(st.tuples(STAMPS, SAID), max_size=10, unique_by=lambda each: each[0])
LIMITS = st.sampled_from([TIGHT, Limit(names=2, size=99), Limit(names=99, size=9_999)])


def registered(reports: list[Report], limit: Limit) -> Registers[Any]:
    found: Registers[Any] = NOTHING
    for stamp, said in reports:
        found = registers.bounded(found, said, stamp, limit)
    return found


def stamped(found: Registers[Any]) -> dict[str, tuple[Stamp | None, bytes]]:
    """Give each value with its stamp; packed, as 1 == 1.0."""
    return {
        name: (found.older.get(name, found.stamp), pack(value))
        for name, value in found.values.items()
    }


def expected(reports: list[Report], limit: Limit) -> tuple[dict[str, tuple[Stamp, bytes]], Bounds]:
    """Say what stays, from all that was said at once: the rule itself, in no order of arrival."""
    newest: dict[str, tuple[Stamp, bytes]] = {}
    largest: dict[str, int] = {}
    for stamp, said in sorted(reports, key=lambda each: each[0]):
        for name, value in said.items():
            newest[name] = stamp, pack(value)
            largest[name] = max(largest.get(name, 0), len(pack(name)) + len(pack(value)))
    kept: dict[str, tuple[Stamp, bytes]] = {}
    end, size = None, 0
    for name in sorted(newest, key=lambda each: (len(each), each)):
        size += largest[name]
        if len(kept) == limit.names or size > limit.size:
            end = name
            break
        kept[name] = newest[name]
    heavier = {
        name: largest[name]
        for name, (_, value) in kept.items()
        if largest[name] > len(pack(name)) + len(value)
    }
    return kept, Bounds(heavier, end)


@given(reports=REPORTS, limit=LIMITS, data=st.data())
def test_what_stays_is_what_the_rule_says_of_all_that_was_said(
    reports: list[Report], limit: Limit, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(reports))) if reports else []
    found = registered(data.draw(st.permutations([*reports, *again])), limit)
    assert (stamped(found), found.bounds) == expected(reports, limit)


@given(reports=REPORTS, data=st.data())
def test_without_limits_the_newest_of_each_name_counts(
    reports: list[Report], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(reports))) if reports else []
    found: Registers[Any] = NOTHING
    for stamp, said in data.draw(st.permutations([*reports, *again])):
        found = registers.newer(found, said, stamp)
    assert stamped(found) == expected(reports, Limit(names=99, size=9_999))[0]


@given(reports=REPORTS, data=st.data())
def test_what_stays_within_the_limits_depends_on_no_order_and_no_duplication(
    reports: list[Report], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(reports))) if reports else []
    shuffled = data.draw(st.permutations([*reports, *again]))
    found = registered(reports, TIGHT)
    assert registered(shuffled, TIGHT) == found
    packed = [len(pack(name)) + len(pack(value)) for name, value in found.values.items()]
    assert len(packed) <= TIGHT.names
    assert sum(packed) <= TIGHT.size
    # What stays has the value that it has without any limit.
    free = stamped(registered(reports, Limit(names=99, size=9_999)))
    kept = stamped(found)
    assert kept.items() <= free.items() if not found.bounds.end else set(kept) < set(free)
    assert all(free[name] == value for name, value in kept.items())


@given(reports=REPORTS, limit=LIMITS)
def test_registers_have_one_form_however_they_came_about(
    reports: list[Report], limit: Limit
) -> None:
    found = registered(reports, limit)
    each = {name: (found.older.get(name, found.stamp), found.values[name]) for name in found.values}
    assert registers.of(each, found.bounds) == found  # type: ignore[arg-type]  # no value, no stamp


def test_a_report_that_says_all_again_costs_no_new_dictionary() -> None:
    first, second = {"a": "x", "b": 1}, {"a": "x", "b": 1}
    known = registered([((NOON, 0, "urn:a", "1"), first)], TIGHT)
    again = registered([((NOON, 0, "urn:a", "2"), second)], TIGHT)
    assert known.values is first
    after = registers.bounded(known, second, again.stamp or (NOON, 0, "", ""), TIGHT)
    assert after.values is first
    assert (after.stamp, after.older) == (again.stamp, {})


def test_more_that_comes_under_the_newest_stamp_has_that_stamp() -> None:
    first, later = (NOON, 0, "urn:a", "1"), (NOON, 0, "urn:a", "2")
    reports: list[Report] = [(first, {"a": 1}), (later, {"b": 2}), (later, {"a": 3, "b": 4})]
    assert stamped(registered(reports, TIGHT)) == {"a": (later, pack(3)), "b": (later, pack(2))}
