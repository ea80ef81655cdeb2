"""What waits in the redo log is read as if the database had it already."""

from __future__ import annotations

import itertools
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from adapter.store import journal
from adapter.store.database import Cursor, Database
from adapter.store.journal.backlog import Backlog, Row
from adapter.tenants import Agent, Tenant

AGENTS = ("alice", "bob")
TENANTS = (Tenant("here"), Tenant("there"))


def row(position: int) -> Row:
    return (position, position, "t", None, b"", b"x", None, None, None)


@cache
def new_database() -> bytes:
    """Give the file of a database without a row, because to make one takes long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.db"
        database = Database(str(path))
        database.migrate()
        database.close()
        return path.read_bytes()


class Writer:
    """Appends messages as `Batch` does: each names the one before it to its agent."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(new_database())
        self.database = Database(str(path))
        self.database.serve()
        with self.database.transaction() as cursor:
            self._numbers = {each: journal.number_for_writing(cursor, each) for each in TENANTS}
        self._next = dict.fromkeys(TENANTS, 1)
        self.cursor = self.database.raw.cursor()

    def say(self, tenant: Tenant, name: str) -> Row:
        sequence = self._next[tenant]
        self._next[tenant] += 1
        agent, tail = Agent(tenant, name), self.database.raw.tail
        links = journal.pack_links([(name, journal.last_to(self.cursor, agent))])
        tail.put_agent(agent, sequence)
        position = journal.position_of(self._numbers[tenant], sequence)
        return (position, sequence, "t", None, links, b"%d" % sequence, None, None, None)


def everything(cursor: Cursor) -> dict[Any, Any]:
    """Read in every way that a feed does."""
    found: dict[Any, Any] = {each: journal.sequences(cursor, each) for each in TENANTS}
    for tenant, who, after in itertools.product(TENANTS, (None, *AGENTS), (0, 3)):
        for limit in (2, 100):
            read = journal.messages_after(cursor, tenant, who, after, limit=limit)
            found[tenant, who, after, limit] = read
    return found


steps = st.one_of(
    st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(AGENTS)), min_size=1, max_size=4),
    st.integers(1, 5),  # so many go into the database
    st.just("transaction"),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=12))
def test_a_reader_need_not_know_what_waits(wanted: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "c.db")
        database, cursor = writer.database, writer.cursor
        for step in wanted:
            if isinstance(step, list):
                database.durability.keep([writer.say(*each) for each in step])
            elif step == "transaction":
                before = everything(cursor)
                database.begin()
                assert everything(cursor) == before  # both have the rows now
                database.roll_back()
                assert everything(cursor) == before
            else:
                database.catch_up(step)
            seen = everything(cursor)
        database.catch_up()
        assert everything(cursor) == seen
        assert not database.durability.backlog
        database.close()


@pytest.mark.parametrize("count", [3, 300], ids=["few", "many"])
def test_the_view_follows_the_list(count: int) -> None:
    rows: list[Row] = []
    backlog = Backlog(rows)
    assert backlog.ends(0, 1000) is None
    rows += map(row, range(count, 0, -1))  # of several tenants they come in any order
    assert backlog.between(1, count) == list(range(2, count))
    assert backlog.between(0, 1000, 2) == [1, 2]
    del rows[:2]
    rows.append(row(900))
    assert backlog.ends(0, 1000) == (1, 900)
    assert backlog.links(count) is None
    del rows[:]
    assert backlog.ends(0, 1000) is None
    rows.append(row(5))
    assert backlog.report(5) == (5, None, None)


def test_a_row_that_is_emptied_in_the_database_is_not_found_elsewhere(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "c.db")
    made = writer.say(TENANTS[0], "alice")
    writer.database.durability.keep([made])
    position = made[0]
    with writer.database.transaction() as cursor:
        cursor.execute("DELETE FROM journal WHERE position=?", (position,))
        assert writer.database.raw.tail.backlog.links(position) is not None
    assert writer.database.raw.tail.backlog.links(position) is None
    writer.database.close()
