"""What is kept in memory of the journal's end has an end itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.contacts import Contact
from adapter.errors import StoreUnavailable
from adapter.events import ContactEvent, Stage
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.journal import tail
from adapter.store.journal.tail import Newest, Tail
from adapter.tenants import Agent, ContactKey, Tenant
from tests import journal_rows as rows

HERE = Tenant("here")
START = datetime(2026, 1, 1, tzinfo=UTC)


def newest(position: int, agent: str | None = "alice", *, ended: bool = False) -> Newest:
    return Newest(position=position, depth=0, agent=agent, ended=ended, updated=position)


def test_of_too_many_open_contacts_the_ones_that_came_first_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "KNOWN_STATES", 3)
    known = Tail()
    keys = [ContactKey(HERE, f"c-{number}") for number in range(5)]
    for position, key in enumerate([*keys, keys[2], keys[0]], start=1):
        known.put_state(key, Contact(key.id), newest(position))
    assert list(known.states) == [keys[3], keys[4], keys[0]]
    over = Contact("c-4", stages={"ended": datetime(2026, 1, 1, tzinfo=UTC)})
    known.put_state(keys[4], over, newest(9, ended=True))
    assert list(known.states) == [keys[3], keys[0]]


def test_a_contact_is_found_at_the_agent_who_has_it_and_at_no_other() -> None:
    known = Tail()
    key = ContactKey(HERE, "c-1")
    for position, agent in enumerate(("alice", "alice", "bob", None, "alice"), start=1):
        known.put_contact(key, newest(position, agent))
        for name in ("alice", "bob"):
            found = [each for each, _ in known.open_of(Agent(HERE, name))]
            assert found == ([key] if name == agent else [])


EVENTS = [
    ContactEvent("s", f"e-{number}", f"c-{number}", START, Stage.OFFERED, agent="alice")
    for number in range(3)
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A journal whose index lacks all of it."""
    made = Database(str(tmp_path / "c.db"))
    made.migrate()
    made.serve()
    with rows.batch(made, START) as batch:
        assert all(rows.keep(batch, HERE, each) for each in EVENTS)
    yield made
    made.close()


def test_another_process_reads_the_end_while_the_server_goes_on_writing(
    database: Database,
) -> None:
    command = Database(str(database.path))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as server:

        def beat(_statement: str) -> None:
            server.execute("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, random())")

        command.raw.set_trace_callback(beat)
        assert journal.contact(command.raw.cursor(), ContactKey(HERE, "c-2")) is not None
    command.close()


def test_an_end_that_could_not_be_read_whole_is_read_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.raw.tail.forget_all()
    cursor = database.raw.cursor()
    with monkeypatch.context() as patched:
        patched.setattr(Tail, "put_contact", refuse)
        with pytest.raises(StoreUnavailable):
            journal.find_event(cursor, HERE, EVENTS[1])
    assert journal.find_event(cursor, HERE, EVENTS[1])[1]


def refuse(*_: object) -> None:
    raise StoreUnavailable("the disk reports an input/output error")


def end_of(known: Tail) -> tuple[object, ...]:
    """Give a copy of what a tail holds of the journal's end."""
    parts = (known.events, known.contacts, known.agents, known.ends)
    return (known.rows, *(dict(each) for each in parts))


@pytest.mark.parametrize("is_taken_along", [False, True])
def test_what_waits_in_the_redo_log_belongs_to_the_end_when_it_is_read_again(
    database: Database, *, is_taken_along: bool
) -> None:
    late = ContactEvent("s", "e-9", "c-1", START, Stage.ANSWERED, agent="bob")
    other = ContactEvent("s", "e-10", "c-10", START, Stage.OFFERED, agent="bob")
    with rows.waiting_batch(database, START) as batch:
        assert all(rows.keep(batch, HERE, each) for each in (late, other))
    known = database.raw.tail
    before = end_of(known)
    assert len(database.durability.backlog) == 2
    known.forget_all()
    assert not known.events
    if is_taken_along:
        database.begin()
    journal.loaded(database.raw.cursor())
    assert end_of(known) == before
    if is_taken_along:
        database.roll_back()
    with rows.waiting_batch(database, START) as batch:
        assert not any(rows.keep(batch, HERE, each) for each in (late, other))
