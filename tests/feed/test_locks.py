"""Open feeds while another program holds the lock of the database and rows wait for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.feed.conftest import Fresh
from tests.feed.local import Local
from tests.feed.test_bindings import greet, session_of
from tests.server import PANEL, RECORD, Feed, Server, eventually

POP = "screenpop.pop"
SNAPSHOT = "screenpop.snapshot"


@contextmanager
def locked(server: Server) -> Iterator[sqlite3.Connection]:
    """Hold the lock, as a shell does, until it is rolled back or the test is over."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout=5000")
        other.execute("BEGIN IMMEDIATE")
        yield other


def contacts(feed: Feed) -> list[str]:
    """Read a snapshot and give its contacts."""
    snapshot = feed.next()
    assert snapshot["type"] == SNAPSHOT
    return [each["id"] for each in snapshot["data"]["contacts"]]


def told(feed: Feed, count: int) -> list[tuple[int, str]]:
    """Read so many messages: sequence and contact."""
    messages = [feed.next() for _ in range(count)]
    return [(int(each["sequence"]), each["subject"]) for each in messages]


def by_ticket(server: Server, session: str, **hello: Any) -> Feed:
    """Connect as the panel in a browser does, by a ticket of its session."""
    head = {"Authorization": f"Bearer {session}", "X-Screenpop": "1"}
    asked = server.request("POST", "/v1/feed/ticket", {"ancestors": []}, headers=head)
    assert asked.status_code == 200, asked.text
    feed = server.connect(scope=None, protocol=PANEL, headers={"Origin": server.url})
    feed.say(kind="hello", ticket=asked.json()["ticket"], version="1", **hello)
    return feed


def test_a_snapshot_under_a_lock_has_what_waits_for_it_and_goes_on_from_there(
    server: Server, fresh: Fresh
) -> None:
    agent, before, waits, later = fresh("agent"), fresh("c"), fresh("c"), fresh("c")
    session = session_of(server, agent, ancestors=[])
    server.report("offered", before, agent=agent)
    with locked(server) as other:
        server.report("offered", waits, agent=agent)
        server.report("updated", before, attributes={"Tier": "gold"})
        panel, reader = by_ticket(server, session), server.connect(agent)
        panel.until("welcome")
        for feed in (panel, reader):
            assert contacts(feed) == [waits, before]
            (gold,) = (c for c in feed.seen[-1]["data"]["contacts"] if c["id"] == before)
            assert gold["attributes"] == {"Tier": "gold"}
        server.report("offered", later, agent=agent)
        assert [feed.next()["subject"] for feed in (panel, reader)] == [later, later]
        other.execute("ROLLBACK")
    assert panel.sync() == []
    assert reader.quiet()


def test_who_resumes_under_a_lock_gets_each_message_once_and_in_order(
    server: Server, fresh: Fresh
) -> None:
    agent, board = fresh("agent"), server.connect("*")
    after = int(board.next()["sequence"])
    names = [fresh("c") for _ in range(30)]
    for name in names[:10]:
        server.report("offered", name, agent=agent)
    with server.office():
        pass  # any command waits until the database has them
    with locked(server) as other:
        for name in names[10:25]:
            server.report("offered", name, agent=agent)
        feeds = [server.connect("*", after=after), server.panel(agent, after=after)]
        part = [server.connect(who, after=after + 17) for who in ("*", agent)]
        for name in names[25:]:
            server.report("offered", name, agent=agent)
        expected = list(enumerate(names, after + 1))
        assert [told(feed, 30) for feed in feeds] == [expected] * 2
        assert [told(feed, 13) for feed in part] == [expected[17:]] * 2
        other.execute("ROLLBACK")
    late = fresh("c")
    server.report("offered", late, agent=agent)
    for feed in (*feeds, *part):
        assert feed.next()["subject"] == late
    again = server.connect(agent, after=after)
    assert told(again, 31) == [*expected, (after + 31, late)]


def test_a_long_replay_goes_on_while_what_it_reads_moves_into_the_database(
    server: Server, fresh: Fresh
) -> None:
    agent, board = fresh("agent"), server.connect("*")
    after = int(board.next()["sequence"])
    with locked(server) as other:
        for _ in range(12):
            events = [server.event("offered", fresh("c"), agent=agent) for _ in range(100)]
            assert server.post(*events).status_code == 202
        feeds = [server.connect(who, after=after) for who in (agent, "*")]
        first = [told(feed, 100) for feed in feeds]
        other.execute("ROLLBACK")
    rest = [told(feed, 1100) for feed in feeds]
    for begun, ended in zip(first, rest, strict=True):
        numbers = [number for number, _ in (*begun, *ended)]
        assert (numbers[0], len(numbers)) == (after + 1, 1200)
        assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


def test_a_contact_whose_rows_wait_in_part_is_shown_whole_after_a_restart(
    own_server: Server,
) -> None:
    own_server.report("offered", "c", agent="alice", attributes={"A": "1"})
    own_server.restart()  # nothing is remembered of it
    with locked(own_server):
        own_server.report("updated", "c", attributes={"B": "2"})
        feed = own_server.connect("alice")
        assert feed.next()["data"]["contacts"][0]["attributes"] == {"A": "1", "B": "2"}


def test_a_panel_that_has_a_pop_to_claim_waits_for_the_lock_and_then_opens_it(
    server: Server, fresh: Fresh
) -> None:
    agent, contact = fresh("agent"), fresh("c")
    server.answer(agent, contact)  # no panel is there
    with locked(server) as other:
        server.report("updated", contact)
        panel = server.panel(agent)
        assert panel.sync() == []
        more = fresh("c")
        server.report("offered", more, agent=agent)
        other.execute("ROLLBACK")
    snapshot = panel.next()
    assert snapshot["type"] == SNAPSHOT
    assert {each["id"] for each in snapshot["data"]["contacts"]} == {contact, more}
    (pop,) = snapshot["data"]["pops"]
    assert (pop["present"], pop["attempt"]) == ("open", 1)
    assert panel.sync() == []


def test_a_mistake_after_the_wait_for_the_lock_ends_the_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise LookupError("a mistake of ours")

    local = Local(tmp_path)
    local.set_policy()
    with local:
        local.answer("alice", "c")  # no panel is there
        with locked(local) as other:
            panel = local.panel("alice")
            assert panel.sync() == []
            monkeypatch.setattr(type(local.services.subscriptions), "_snapshot", mistaken)
            other.execute("ROLLBACK")
            assert panel.close_code() == 1006
        assert local.services.hub.feeds() == []


@pytest.mark.parametrize("order", ["behind it", "before it"])
def test_a_pop_that_waits_for_the_lock_with_its_panel_opens_there_once(
    server: Server, fresh: Fresh, order: str
) -> None:
    agent, first, second = fresh("agent"), fresh("c"), fresh("c")
    server.answer(agent, first)  # no panel is there: whoever comes has to claim it
    answered = server.event("answered", second, agent=agent, attributes={"CrmId": RECORD})
    post = Thread(target=lambda: server.post(answered))
    with locked(server) as other:
        if order == "before it":
            post.start()
            eventually(lambda: waits(server) == 1, "the pop waits")
        panel = server.panel(agent)
        assert panel.sync() == []
        if order == "behind it":
            post.start()
        eventually(lambda: waits(server) == 2, "both wait")
        other.execute("ROLLBACK")
        post.join()
    pops = {each["contact"]: each for each in panel.next()["data"]["pops"]}
    for contact in (first, second):
        assert (pops[contact]["present"], pops[contact]["attempt"]) == ("open", 1)
    assert panel.sync() == []


def waits(server: Server) -> float:
    text = server.http.get(server.url + "/metrics").text
    (line,) = (each for each in text.splitlines() if each.startswith("screenpop_journal_queue "))
    return float(line.split()[1])


def test_a_second_panel_that_has_nothing_to_claim_is_shown_what_the_first_has(
    server: Server, fresh: Fresh
) -> None:
    agent = fresh("agent")
    first = server.panel(agent, "first")
    server.answer(agent, fresh("c"))
    first.until(POP)
    with locked(server):
        assert server.panel(agent, "second").next()["data"]["pops"][0]["present"] == "mirror"


def test_a_new_session_waits_for_the_lock(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    with locked(server) as other:
        server.report("offered", fresh("c"), agent=agent)
        feed = greet(server, agent, ancestors=[])
        feed.say(kind="hello", ticket="another", version="1")
        assert feed.sync() == []
        other.execute("ROLLBACK")
    assert feed.next()["type"] == "welcome"
    assert feed.next()["type"] == SNAPSHOT
    assert feed.sync() == []
