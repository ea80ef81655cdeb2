"""The filter never denies what it was told, and is asked for nothing before it knows all."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings, strategies as st

from adapter.events import ContactEvent
from adapter.store import erasing, journal, maintenance
from adapter.store.database import Database
from adapter.store.foreign_erasures import ForeignErasures
from adapter.store.journal.seen import Filter
from adapter.store.journal.tail import Connection
from adapter.tenants import ContactKey, Tenant
from tests import journal_rows as rows

HERE = Tenant("here")
START = datetime(2026, 1, 1, tzinfo=UTC)
numbers = st.sets(st.integers(-(2**63), 2**63 - 1), max_size=50)


@settings(max_examples=20, deadline=None)
@given(numbers, numbers, numbers)
def test_what_was_added_may_be_held_whenever_it_was_added(
    before: set[int], read: set[int], after: set[int]
) -> None:
    live, scanned = Filter(), Filter.of(len(read))
    live.add(before)
    assert live.may_hold(1)  # it does not know yet what there was before it
    scanned.add(read)
    live.include(scanned)
    live.add(after)
    assert all(live.may_hold(each) for each in before | read | after)
    live.watch()
    again = Filter.of(1_000_000)
    again.add(before | read | after)
    live.add([7])  # which the scan may have missed
    assert all(live.may_hold(each) for each in before | read | after)
    live.include(again)
    assert all(live.may_hold(each) for each in before | read | after | {7})


def test_a_filter_that_forgets_may_hold_anything_until_a_scan_that_began_later_is_included() -> (
    None
):
    live, early = Filter(), Filter.of(0)
    live.include(Filter.of(0))
    assert not live.may_hold(1)
    live.watch()
    live.forget()  # somebody else has added 1, which the scan that is under way may have missed
    live.add([2])
    assert live.may_hold(1)
    live.include(early)
    assert live.may_hold(1)
    assert live.is_due
    live.watch()
    late = Filter.of(2)
    late.add([1, 2])
    live.include(late)
    assert [live.may_hold(each) for each in (1, 2, 3)] == [True, True, False]


def test_a_filter_that_would_claim_too_much_is_due_again_and_the_next_is_larger() -> None:
    dice = random.Random(7)

    def claimed(held: Filter) -> int:
        return sum(held.may_hold(dice.getrandbits(63)) for _ in range(10_000))

    def is_due() -> bool:
        return live.is_due

    live = Filter()
    assert is_due()
    live.include(Filter.of(0))
    added: list[int] = []
    while not is_due():
        some = [dice.getrandbits(63) for _ in range(100_000)]
        live.add(some)
        added += some
    before = claimed(live)
    assert 50 < before < 300  # one or two of a hundred
    larger = Filter.of(len(added))
    larger.add(added)
    live.watch()
    live.include(larger)
    assert not is_due()
    assert claimed(live) < before / 2


def test_of_many_new_numbers_hardly_one_may_be_held() -> None:
    live = Filter()
    live.include(Filter.of(0))
    live.add(number * 0x9E3779B97F4A7C15 & (1 << 63) - 1 for number in range(100_000))
    claimed = sum(
        live.may_hold(number * 0xD1B54A32D192ED03 & (1 << 63) - 1) for number in range(1, 10_000)
    )
    assert claimed < 20


def test_duplicates_are_known_after_a_restart_with_a_filter_of_the_index(tmp_path: Path) -> None:
    events = [
        ContactEvent(source="s", id=f"e-{number}", contact=f"c-{number % 7}", time=START)
        for number in range(40)
    ]
    first = opened(tmp_path)
    for each in events[:30]:
        with rows.batch(first, START) as made:
            assert rows.keep(made, HERE, each)
    rows.write_index(first)
    first.close()
    second = opened(tmp_path)
    second.raw.tail.seen.include(maintenance.seen(second.path))
    for number, each in enumerate(events):
        with rows.batch(second, START) as made:
            assert rows.keep(made, HERE, each) == (number >= 30)
    assert journal.contact(second.raw.cursor(), ContactKey(HERE, "c-3")) is not None
    second.close()


def test_an_event_that_another_process_erased_before_the_index_had_it_does_not_come_back(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path)
    database.raw.tail.seen.include(maintenance.seen(database.path))
    event = ContactEvent(source="s", id="e-1", contact="c-1", time=START)
    with rows.batch(database, START) as made:
        assert rows.keep(made, HERE, event)
    foreign = ForeignErasures(database)
    with closing(sqlite3.connect(database.path, factory=Connection)) as other, other:
        erasing.erase(other.cursor(), ContactKey(HERE, "c-1"), [])
    with database.transaction() as cursor:
        foreign.forget_memory(cursor)
    with rows.batch(database, START) as made:
        assert not rows.keep(made, HERE, event)
    database.close()


def opened(folder: Path) -> Database:
    database = Database(str(folder / "c.db"))
    database.migrate()
    database.serve()
    return database
