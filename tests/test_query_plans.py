"""No question about one agent, contact or page looks through all that a tenant ever had.

SQLite without statistics takes a tenant to have ten rows. So it may prefer the beginning of a key,
the tenant, to an index that leads to the few rows that are wanted: fast in every small test.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from adapter.store import audit_pages, dead_letters, journal, outbox, pops
from adapter.store.database import Database
from adapter.tenants import Agent, ContactKey, Tenant
from tests import principals
from tests.feed.local import Local
from tests.portal.test_every_route import SHOWN
from tests.portal.visitor import Visitor

HERE = Tenant("here")
KEY = ContactKey(HERE, "c-1")
ALICE = Agent(HERE, "alice")
NOW = datetime(2026, 11, 29, tzinfo=UTC)

LARGE = "|".join(
    (
        *("journal", "contact_heads", "event_keys", "pushes", "outbox", "pops", "trace"),
        *("contact_links", "recording_links", "notes", "audit"),
    )
)
"""Tables that grow with every contact."""
NARROW = "(?:unfinished|open|dead|erased|audit)_"
"""How the names of the indexes begin that hold few rows, or no others than are wanted."""
THROUGH_ALL = re.compile(rf"SCAN (?:{LARGE})\b(?! USING INDEX {NARROW})")
THROUGH_A_TENANT = re.compile(
    rf"SEARCH (?:{LARGE}) USING (?:PRIMARY KEY|(?:COVERING )?INDEX (?!{NARROW})\w+) \(tenant=\?\)"
)

QUESTIONS: list[Callable[[sqlite3.Cursor], object]] = [
    lambda cursor: journal.open_contacts(cursor, HERE, "alice", since=NOW),
    lambda cursor: journal.open_contacts(cursor, HERE, None, since=NOW),
    lambda cursor: journal.agents_contacts(cursor, ALICE),
    lambda cursor: journal.contact_with_newest(cursor, KEY),
    lambda cursor: journal.links_of(cursor, KEY),
    lambda cursor: journal.sequences(cursor, HERE),
    lambda cursor: journal.has_events(cursor, HERE),
    lambda cursor: journal.messages_after(cursor, HERE, "alice", 0, limit=10),
    lambda cursor: pops.stages(cursor, ALICE, "c-1"),
    lambda cursor: pops.unfinished(cursor, ALICE, since=NOW),
    lambda cursor: pops.unfinished_of_tenant(cursor, HERE, since=NOW),
    lambda cursor: pops.unfinished_of_contact(cursor, HERE, "c-1"),
    lambda cursor: pops.of_contact(cursor, HERE, "c-1"),
    lambda cursor: pops.latest_of_agent(cursor, ALICE, ["c-1", "c-2"]),
    *(partial(pops.by_ids, tenant=HERE, ids=[str(each) for each in range(n)]) for n in (1, 5, 500)),
    lambda cursor: pops.orphaned(cursor, HERE),
    lambda cursor: audit_pages.page(cursor, HERE),
    lambda cursor: audit_pages.page(cursor, HERE, before=5),
    lambda cursor: audit_pages.page(cursor, HERE, after=5),
    lambda cursor: audit_pages.latest(cursor, HERE, "x"),
    outbox.contacts_waiting,
    lambda cursor: outbox.contacts_untried(cursor, NOW),
    outbox.counts,
    lambda cursor: outbox.of_contact(cursor, KEY),
    lambda cursor: outbox.waiting(cursor, KEY),
    lambda cursor: dead_letters.count(cursor, HERE),
    lambda cursor: dead_letters.page(cursor, HERE, limit=10),
    lambda cursor: dead_letters.page(cursor, HERE, limit=10, after="1-1"),
]


def through_all(plans: sqlite3.Connection, statement: str) -> list[str]:
    """Give the steps of a statement's plan that read all of a large table, or of a tenant in it."""
    if not re.match(r"SELECT|UPDATE|DELETE", statement):
        return []
    steps = [row[3] for row in plans.execute(f"EXPLAIN QUERY PLAN {statement}")]
    sorts = any("TEMP B-TREE FOR ORDER BY" in step for step in steps)
    if "LIMIT" in statement and not sorts and "SCAN audit" not in steps:
        return []  # it ends as soon as it has so many
    wrong = (THROUGH_ALL, THROUGH_A_TENANT)
    return [step for step in steps if any(each.match(step) for each in wrong)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "p.db"))
    database.migrate()
    yield database
    database.close()


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_what_the_server_asks_is_found_by_an_index(database: Database, number: int) -> None:
    asked: list[str] = []
    database.raw.set_trace_callback(asked.append)
    with closing(database.raw.cursor()) as cursor:
        cursor.execute(
            "INSERT INTO journal_marks (tenant, number, sequence, silent) VALUES (?, 1, 0, 0)",
            (HERE,),
        )
        QUESTIONS[number](cursor)
    database.raw.set_trace_callback(None)
    assert len(asked) > 1
    for statement in asked:
        assert not through_all(database.raw, statement), statement


def test_a_plan_that_reads_all_is_recognised(database: Database) -> None:
    for statement in (
        "SELECT * FROM contact_heads WHERE tenant='here' AND ended=0 AND agent='alice'",
        "SELECT * FROM outbox WHERE tenant='here' AND state='failed'",
        "SELECT contact FROM outbox WHERE state='waiting' GROUP BY tenant, contact",
        "SELECT * FROM outbox WHERE tenant='here' AND state='failed' ORDER BY finished LIMIT 5",
        "DELETE FROM trace WHERE at<5",
    ):
        assert through_all(database.raw, statement), statement
    assert not through_all(database.raw, "SELECT * FROM trace ORDER BY position LIMIT 5")


def test_what_a_day_asks_is_found_by_an_index(tmp_path: Path) -> None:
    asked: set[str] = set()
    server = Local(tmp_path)
    server.set_policy()
    with server:
        server.services.database.raw.set_trace_callback(asked.add)
        alice = server.panel("alice", "p-1")
        alice.until("screenpop.snapshot")
        server.report("offered", agent="alice", customer={"phone": "+15550100"})
        server.answer("alice", links=["c-0"])
        pop = alice.until("screenpop.pop")["data"]["pop"]
        alice.outcome(pop, "opened")
        server.report("transferred", agent="bob")
        alice.close()
        server.panel("alice", "p-1", after=0).until("screenpop.contact.transferred")
        server.connect("*").until("screenpop.snapshot")
        server.report("ended")
        server.report("updated", "c-2", agent="bob")
        for path in ("contacts/c-1", "contacts/c-1/trace", "admin/dead-letters"):
            assert server.request("GET", f"/v1/{path}", scope="admin").status_code == 200
        with Visitor(server, principals.sign_in_as_admin(server)) as admin:
            for path in SHOWN:
                filled = re.sub(r"\{\w+:int\}", "1", path)
                assert admin.send("GET", re.sub(r"\{[^}]*\}", "c-1", filled)).status_code < 500
        wanted = {"phone": "+15550100"}
        erased = server.request("POST", "/v1/admin/erasures", wanted, scope="admin")
        assert erased.status_code == 200
    assert len(asked) > 50
    with closing(sqlite3.connect(server.database)) as plans:
        wrong = {each: steps for each in asked if (steps := through_all(plans, each))}
    assert not wrong
