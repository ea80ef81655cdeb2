"""The journal says the same from memory, from its index, and read again after a crash."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings, strategies as st

from adapter import contacts
from adapter.contacts import Contact
from adapter.events import AgentSeen, ContactEvent, Stage
from adapter.messages import EVERYONE
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.journal import index, writing as writing_behind
from adapter.store.journal.rows import Brief, Report
from adapter.store.journal.tail import Tail
from adapter.tenants import Agent, AgentKey, ContactKey, Tenant
from tests import journal_rows as rows

HERE, THERE = Tenant("here"), Tenant("there")
START = datetime(2026, 1, 1, tzinfo=UTC)
AGENTS = ("alice", "bob", "carol")


def event(
    number: int, contact: str = "c", agent: str | None = None, **more: object
) -> ContactEvent:
    return ContactEvent(
        source="s",
        id=f"e-{number}",
        contact=contact,
        time=START + timedelta(seconds=number),
        agent=agent,
        **more,  # type: ignore[arg-type]
    )


def opened(path: Path) -> Database:
    database = Database(str(path))
    database.migrate()
    database.serve()
    return database


class Model:
    """What was kept, in plain lists."""

    def __init__(self) -> None:
        self.events: dict[ContactKey, list[ContactEvent]] = {}
        self.sent: dict[Agent, list[int]] = {}
        self.last: dict[Tenant, int] = {}

    def take(self, tenant: Tenant, kept: ContactEvent, audience: tuple[str, ...]) -> None:
        self.events.setdefault(ContactKey(tenant, kept.contact), []).append(kept)
        self.last[tenant] = self.last.get(tenant, 0) + 1
        for name in audience:
            self.sent.setdefault(Agent(tenant, name), []).append(self.last[tenant])

    def state(self, key: ContactKey) -> Contact | None:
        state = None
        for each in self.events[key]:
            state = contacts.advance(state, each)
        return state

    def check(self, database: Database) -> None:
        cursor = database.raw.cursor()
        _check_contacts_of(journal.loaded(cursor))
        for key, kept in self.events.items():
            assert journal.contact(cursor, key) == self.state(key)
            assert [each.event for each in journal.events_of(cursor, key)] == kept
            for each in kept:
                assert journal.find_event(cursor, key.tenant, each)[1]
        for tenant, last in self.last.items():
            assert journal.sequences(cursor, tenant) == (1, last)
            self._check_open(database, tenant)
            everything = journal.messages_after(cursor, tenant, None, 0, limit=10_000)
            assert [each.sequence for each in everything] == list(range(1, last + 1))
            for name in AGENTS:
                mine = self.sent.get(Agent(tenant, name), [])
                common = self.sent.get(Agent(tenant, EVERYONE), [])
                for after in (0, last // 2):
                    expected = [each for each in sorted({*mine, *common}) if each > after]
                    assert journal.sequences_to(cursor, tenant, name, after) == expected

    def _check_open(self, database: Database, tenant: Tenant) -> None:
        cursor = database.raw.cursor()
        states = {key: self.state(key) for key in self.events if key.tenant == tenant}
        running = {key for key, state in states.items() if state and not state.ended}
        found = journal.open_keys(cursor, tenant, None)
        assert {key for key, _ in found} == running
        for name in AGENTS:
            mine = {key for key in running if (states[key] or Contact(id="")).agent == name}
            assert set(journal.agents_contacts(cursor, Agent(tenant, name))) == mine


def _check_contacts_of(known: Tail) -> None:
    """See that it is by agent what `contacts` is by contact."""
    mine: dict[AgentKey, set[ContactKey]] = {}
    for key, newest in known.contacts.items():
        if newest.agent is not None:
            mine.setdefault((key.tenant, newest.agent), set()).add(key)
    assert known.contacts_of == mine


_step = st.tuples(
    st.sampled_from([HERE, THERE]),
    st.integers(0, 3),
    st.sampled_from([None, *AGENTS]),
    st.sampled_from([None, Stage.OFFERED, Stage.ANSWERED, Stage.ENDED]),
    st.sets(st.sampled_from([*AGENTS, EVERYONE]), max_size=3),
)
_plan = st.lists(
    st.one_of(
        st.lists(_step, min_size=1, max_size=6),
        st.sampled_from(["index", "slice", "slice", "crash", "forget what is in memory"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module", autouse=True)
def small_slices() -> Iterator[None]:
    """Write the index two keys at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing_behind, "_AT_ONCE", 2)
        yield


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(plan=_plan)
def test_whatever_is_written_behind_the_journal_reads_the_same(plan: list[object]) -> None:
    folder = Path(tempfile.mkdtemp())
    database = opened(folder / "j.db")
    model, number = Model(), 0
    writing: journal.IndexWriting | None = None
    try:
        for each in plan:
            if each == "index":
                rows.write_index(database)
            elif each == "slice":
                writing = rows.write_slice(database, writing)
                model.check(database)
            elif each == "crash":
                database.close()
                database, writing = opened(folder / "j.db"), None
            elif each == "forget what is in memory":
                database.raw.tail.states.clear()
                database.raw.tail.known_agents.clear()
            elif isinstance(each, list):
                with rows.batch(database, START + timedelta(minutes=number)) as batch:
                    for tenant, contact, agent, stage, told in each:
                        number += 1
                        kept = event(number, f"c-{contact}", agent, stage=stage)
                        audience = tuple(sorted(told))
                        assert rows.keep(batch, tenant, kept, audience=audience)
                        assert not rows.keep(batch, tenant, kept)
                        model.take(tenant, kept, audience)
        model.check(database)
        other = Database(str(folder / "j.db"))  # as a command reads it beside the server
        model.check(other)
        other.close()
    finally:
        database.close()
        shutil.rmtree(folder)


def test_between_slices_of_the_index_nothing_is_lost_or_forgotten(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    model = Model()

    def more(first: int) -> None:
        with rows.batch(database, START) as batch:
            for number in range(first, first + 5):
                kept = event(number, f"c-{number % 4}", AGENTS[number % 3])
                rows.keep(batch, HERE, kept, audience=(AGENTS[number % 3],))
                model.take(HERE, kept, (AGENTS[number % 3],))

    more(0)
    writing, slices = rows.write_slice(database, None), 1
    while writing is not None:
        if slices < 4:
            more(5 * slices)
        model.check(database)
        beside = Database(str(tmp_path / "j.db"))  # sees what a crash would leave
        model.check(beside)
        beside.close()
        writing = rows.write_slice(database, writing)
        slices += 1
    assert slices > 6
    assert database.raw.tail.rows == 15  # what came in meanwhile is still to be written
    model.check(database)
    rows.write_index(database)
    assert not database.raw.tail.events
    model.check(database)
    database.close()


def test_a_contact_that_is_erased_between_slices_does_not_come_back(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    key = ContactKey(HERE, "c-3")
    with rows.batch(database, START) as batch:
        for number in range(4):
            rows.keep(batch, HERE, event(number, f"c-{number}", "alice"))
    writing = rows.write_slice(database, None)
    with rows.batch(database, START) as batch:
        batch.forget(key)
        journal.empty_rows(batch.cursor, key, ())
    while writing is not None:
        writing = rows.write_slice(database, writing)
    cursor = database.raw.cursor()
    assert journal.newest(cursor, key) is None
    assert len(journal.agents_contacts(cursor, Agent(HERE, "alice"))) == 3
    database.close()


def test_a_later_event_of_the_commit_that_erases_a_contact_begins_it_anew(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    key = ContactKey(HERE, "c")
    with rows.batch(database, START) as batch:
        rows.keep(batch, HERE, event(1, attributes={"name": "Maria Weber"}))
    with rows.batch(database, START) as batch:
        batch.forget(key)
        journal.empty_rows(batch.cursor, key, ())
        assert batch.contact(key) is None
        rows.keep(batch, HERE, event(2, attributes={"topic": "x"}))
        state = batch.contact(key)
        assert state is not None
        assert state.attributes == {"topic": "x"}
    database.close()


def test_a_brief_report_has_the_members_of_a_report_in_their_places() -> None:
    assert Brief.__struct_fields__ == Report.__struct_fields__


def test_a_slice_that_fails_is_written_again(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    with rows.batch(database, START) as batch:
        for number in range(5):
            rows.keep(batch, HERE, event(number, f"c-{number}", "alice"))
    writing = journal.IndexWriting(database.raw.tail)
    rows.write_slice(database, writing)  # the keys are divided

    def fail() -> None:
        with database.transaction() as cursor:
            writing.write_some(cursor, 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    left: journal.IndexWriting | None = writing
    while left is not None:
        left = rows.write_slice(database, left)
    (count,) = database.raw.execute("SELECT count(*) FROM event_keys").fetchone()
    assert count == 5
    database.close()


def test_keys_that_the_database_refuses_midway_are_written_again(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    with rows.batch(database, START) as batch:
        for number in range(20):
            rows.keep(batch, HERE, event(number, f"c-{number}", "alice"))
    expected = dict(database.raw.tail.events)
    middle = sorted(expected)[9]
    writing = journal.IndexWriting(database.raw.tail)
    database.raw.execute(
        "CREATE TRIGGER full BEFORE INSERT ON event_keys"
        f" WHEN new.key={middle} BEGIN SELECT raise(ABORT, 'no room'); END"
    )
    refused = 0
    left: journal.IndexWriting | None = writing
    while left is not None:
        try:
            left = rows.write_slice(database, left)
        except sqlite3.IntegrityError:
            refused += 1
            database.raw.execute("DROP TRIGGER full")
    assert refused == 1
    assert dict(database.raw.execute("SELECT key, position FROM event_keys")) == expected
    assert not database.raw.tail.events
    database.close()


def test_a_long_contact_keeps_its_whole_state_now_and_then(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")
    model = Model()
    for number in range(3 * journal.STATE_EVERY):
        with rows.batch(database, START) as batch:
            kept = event(number, agent=AGENTS[number % 3], attributes={f"a{number % 7}": number})
            rows.keep(batch, HERE, kept, audience=())
            model.take(HERE, kept, ())
    model.check(database)
    (whole,) = database.raw.execute("SELECT count(*) FROM journal WHERE state NOT NULL").fetchone()
    assert whole == 2
    # What is older than the last whole state is not needed to know the contact.
    database.raw.execute(
        "DELETE FROM journal WHERE position < (1 << 40) + ?", (journal.STATE_EVERY,)
    )
    database.raw.tail.forget_all()
    assert journal.contact(database.raw.cursor(), ContactKey(HERE, "c")) == model.state(
        ContactKey(HERE, "c")
    )
    database.close()


def test_events_whose_keys_collide_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_KEY_MASK", 3)  # four keys for eleven events
    database = opened(tmp_path / "j.db")
    kept = [event(number) for number in range(3)]
    for number, each in enumerate(kept):
        with rows.batch(database, START) as batch:
            assert rows.keep(batch, HERE, each)
            assert not rows.keep(batch, HERE, each)
        if number == 1:
            rows.write_index(database)
    with rows.batch(database, START) as batch:
        assert not any(rows.keep(batch, HERE, each) for each in kept)
        assert rows.keep(batch, THERE, kept[0])  # another tenant's event of the same name
    database.close()


def test_a_word_on_an_agent_and_a_failed_event_are_kept_and_known_after_a_crash(
    tmp_path: Path,
) -> None:
    seen = AgentSeen(source="s", id="seen", source_id="arn:1", agent="alice")
    failed = event(1)
    database = opened(tmp_path / "j.db")
    with rows.batch(database, START) as batch:
        for fact, failure in ((seen, None), (failed, "it broke")):
            key = batch.new_event_key(HERE, fact)
            assert key is not None
            batch.keep_event(HERE, fact, key, START, failure)

    def again() -> None:
        cursor = database.raw.cursor()
        assert journal.find_event(cursor, HERE, seen)[1]
        assert journal.find_event(cursor, HERE, failed)[1]
        assert journal.sequences(cursor, HERE) == (1, 0)
        (story,) = journal.events_of(cursor, ContactKey(HERE, "c"))
        assert story.failure == "it broke"

    _in_every_way(database, again)
    with rows.batch(database, START) as batch:
        assert rows.keep(batch, HERE, event(2))
    assert len(journal.events_of(database.raw.cursor(), ContactKey(HERE, "c"))) == 2
    database.close()


def _in_every_way(database: Database, check: Callable[[], None]) -> None:
    check()
    database.raw.tail.forget_all()  # as a crash does
    check()
    rows.write_index(database)
    check()


def test_a_transaction_that_is_rolled_back_leaves_nothing_in_memory(tmp_path: Path) -> None:
    database = opened(tmp_path / "j.db")

    def fail() -> None:
        with rows.batch(database, START) as batch:
            rows.keep(batch, HERE, event(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.raw.tail.rows == 0
    assert journal.contact(database.raw.cursor(), ContactKey(HERE, "c")) is None
    database.raw.tail.marks.clear()  # the committer does it: the tenant's number is gone too
    with rows.batch(database, START) as batch:
        assert rows.keep(batch, HERE, event(1))
    database.close()


def test_the_newest_row_of_a_contact_is_found_though_silent_rows_count_apart(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path / "j.db")
    with rows.batch(database, START) as batch:
        for number in range(10):  # words on agents: silent numbers run ahead of sequences
            seen = AgentSeen(source="s", id=f"a-{number}", source_id=f"arn:{number}", agent="a")
            batch.keep_event(HERE, seen, 1000 + number, START, None)
    failed = event(2)
    with rows.batch(database, START) as batch:
        rows.keep(batch, HERE, event(1, stage=Stage.CREATED))
        key = batch.new_event_key(HERE, failed)
        assert key is not None
        batch.keep_event(HERE, failed, key, START, "it broke")
        rows.keep(batch, HERE, event(3, stage=Stage.ANSWERED))
    with rows.batch(database, START) as batch:
        rows.keep(batch, HERE, event(4, stage=Stage.ENDED))
    database.raw.tail.forget_all()  # as a crash does
    cursor = database.raw.cursor()
    assert len(journal.events_of(cursor, ContactKey(HERE, "c"))) == 4
    state = journal.contact(cursor, ContactKey(HERE, "c"))
    assert state is not None
    assert state.ended
    database.close()


def test_an_event_of_the_very_commit_that_erases_its_contact_leaves_nothing(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path / "j.db")
    key = ContactKey(HERE, "c")
    with rows.batch(database, START) as batch:
        rows.keep(batch, HERE, event(1, attributes={"name": "Maria Weber"}))
    with rows.batch(database, START) as batch:
        rows.keep(batch, HERE, event(2, attributes={"name": "Maria Weber"}))
        batch.forget(key)
        assert journal.empty_rows(batch.cursor, key, ()) == 1
    assert journal.newest(database.raw.cursor(), key) is None
    for data, report in database.raw.execute("SELECT data, report FROM journal"):
        assert b"Maria" not in data
        assert report is None
    with rows.batch(database, START) as batch:
        assert not rows.keep(batch, HERE, event(1))
        assert not rows.keep(batch, HERE, event(2))
    database.close()
