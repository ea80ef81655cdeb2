"""Contacts are listed by their last change, each once, whatever the size of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from adapter.events import ContactEvent, Stage
from adapter.messages import POP
from adapter.store import contact_lists
from adapter.store.database import Database
from adapter.tenants import Tenant
from tests import journal_rows as rows

START = datetime(2026, 11, 21, 20, tzinfo=UTC)
CONTOSO, FABRIKAM = Tenant("contoso"), Tenant("fabrikam")
Commit = list[tuple[str, bool]]
"""Contact, and whether a pop is announced instead of a change."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database(str(tmp_path_factory.mktemp("lists") / "db"))
    opened.migrate()
    opened.serve()
    yield opened
    opened.close()


def write(database: Database, tenant: Tenant, commits: list[Commit]) -> None:
    """Write what the committer would, each commit at a time of its own."""
    with database.transaction() as cursor:
        for table in ("journal", "journal_marks", "event_keys", "contact_heads", "agent_heads"):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
    database.raw.tail.forget_all()
    number = 0
    for seconds, commit in enumerate(commits):
        now = START + timedelta(seconds=seconds)
        with rows.batch(database, now) as batch:
            for contact, pops in commit:
                number += 1
                if pops:
                    batch.say(tenant, POP, {}, agents=("alice",), subject=contact)
                    continue
                event = ContactEvent(
                    source="s",
                    id=f"e-{number}",
                    contact=contact,
                    time=now,
                    stage=Stage.OFFERED,
                    agent="alice",
                )
                rows.keep(batch, tenant, event)


def pages(database: Database, tenant: Tenant, size: int) -> list[str]:
    listed: list[str] = []
    before: int | None = None
    while True:
        part = contact_lists.walk(database.raw.cursor(), tenant, before=before, messages=size)
        listed += [each.contact.id for each in part.found]
        if part.before is None:
            return listed
        before = part.before


def expected(commits: list[Commit]) -> list[str]:
    """The latest changed first; within a commit the one whose last message is later."""
    last: dict[str, int] = {}
    number = 0
    for commit in commits:
        for contact, pops in commit:
            number += 1
            if not pops:
                last[contact] = number
    return sorted(last, key=lambda contact: -last[contact])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=6), max_size=8),
    st.integers(1, 7),
)
def test_pages_of_any_size_give_each_contact_once_and_in_order(
    database: Database, commits: list[Commit], size: int
) -> None:
    write(database, CONTOSO, commits)
    assert pages(database, CONTOSO, size) == expected(commits)
    assert pages(database, FABRIKAM, size) == []


def test_a_page_can_begin_where_nothing_is_any_more(database: Database) -> None:
    write(database, CONTOSO, [[("a", False)], [("b", False)]])
    walk = contact_lists.walk(database.raw.cursor(), CONTOSO, before=1, messages=10)
    assert walk.found == []
    assert walk.before is None
    beyond = contact_lists.walk(database.raw.cursor(), CONTOSO, before=10**15, messages=10)
    assert [each.contact.id for each in beyond.found] == ["b", "a"]


def test_a_listed_contact_says_who_has_it_and_since_when(tmp_path: Path) -> None:
    opened = Database(str(tmp_path / "db"))
    opened.migrate()
    write(opened, CONTOSO, [[("a", False)]])
    (listed,) = contact_lists.walk(opened.raw.cursor(), CONTOSO, before=None, messages=10).found
    assert (listed.agent, listed.updated, listed.sequence) == ("alice", START, 1)
    assert listed.contact.stage is Stage.OFFERED
    opened.close()
