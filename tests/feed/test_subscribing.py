from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.feed.conftest import Fresh
from tests.feed.local import Local
from tests.server import PANEL, READER, Feed, Server, eventually


def contacts(snapshot: dict[str, Any]) -> list[str]:
    return [each["id"] for each in snapshot["data"]["contacts"]]


@pytest.mark.parametrize("protocol", [READER, PANEL, None])
def test_a_new_feed_gets_a_snapshot_and_then_what_happens(
    server: Server, fresh: Fresh, protocol: str | None
) -> None:
    agent, open_, over = fresh("agent"), fresh("c"), fresh("c")
    server.report("offered", open_, agent=agent)
    server.report("offered", over, agent=agent)
    server.report("ended", over)
    feed = server.connect(agent, protocol=protocol)
    snapshot = feed.next()
    assert snapshot["type"] == "screenpop.snapshot"
    assert snapshot["id"] == f"snapshot-{snapshot['sequence']}"
    assert snapshot["data"]["sequence"] == snapshot["sequence"]
    assert contacts(snapshot) == [open_]
    assert "gap" not in snapshot["data"]
    server.report("answered", open_, agent=agent)
    live = feed.next()
    assert live["type"] == "screenpop.contact.answered"
    assert int(live["sequence"]) == int(snapshot["sequence"]) + 1
    assert feed.socket.subprotocol == protocol


def test_both_subprotocols_carry_the_same_events(server: Server, fresh: Fresh) -> None:
    agent, contact = fresh("agent"), fresh("c")
    reader, panel = server.connect(agent), server.panel(agent)
    reader.next(), panel.next()
    server.report("offered", contact, agent=agent)
    assert reader.next() == panel.next()


def read(feed: Feed, count: int) -> list[str]:
    return [feed.next()["id"] for _ in range(count)]


def test_resuming_gives_what_was_missed_in_order_and_once(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    first = server.connect(agent)
    seen = first.next()["sequence"]
    first.close()
    subjects = [fresh("c") for _ in range(30)]
    for subject in subjects:
        server.report("offered", subject, agent=agent)
        server.report("offered", fresh("c"), agent=fresh("agent"))  # somebody else's
    again = server.connect(agent, after=seen)
    assert [again.next()["subject"] for _ in subjects] == subjects
    server.report("ended", subjects[0])
    assert again.next()["type"] == "screenpop.contact.ended"
    assert len({each["id"] for each in again.seen}) == 31


def test_a_message_seen_live_and_by_resuming_is_the_same(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    live = server.connect(agent)
    seen = live.next()["sequence"]
    server.answer(agent, fresh("c"))
    lived = [live.next(), live.next()]
    again = server.connect(agent, after=seen)
    assert [again.next(), again.next()] == lived


def test_resuming_at_the_last_message_gives_only_what_is_new(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.report("offered", fresh("c"), agent=agent)
    seen = server.connect("*").next()["sequence"]
    feed = server.connect(agent, protocol=PANEL, after=seen)
    assert feed.sync() == []
    server.report("offered", fresh("c"), agent=agent)
    assert int(feed.next()["sequence"]) > int(seen)


def test_resuming_from_zero_gives_all_that_is_kept(server: Server, fresh: Fresh) -> None:
    agent, subject = fresh("agent"), fresh("c")
    server.report("offered", subject, agent=agent)
    for after in (0, "000000000000"):
        assert server.connect(agent, after=after).next()["subject"] == subject


def test_resuming_from_the_future_starts_with_a_marked_snapshot(
    server: Server, fresh: Fresh
) -> None:
    feed = server.connect(fresh("agent"), after=999_999_999_999)
    snapshot = feed.next()
    assert snapshot["type"] == "screenpop.snapshot"
    assert snapshot["data"]["gap"] is True


def test_resuming_from_before_what_is_kept_starts_with_a_marked_snapshot(
    own_server: Server,
) -> None:
    server = own_server
    for contact in ("c-1", "c-2"):  # the last message stays: its sequence is gone on from
        server.report("offered", contact, agent="alice")
    server.stop()
    with server.office() as office:  # what thirty days do
        office.database.raw.execute("UPDATE journal SET time=1")
    server.start()

    def snapshot() -> dict[str, Any] | None:
        feed = server.connect("alice", after=0)
        message = feed.next()
        feed.close()
        return message if message["type"] == "screenpop.snapshot" else None

    assert eventually(snapshot, "the old message is deleted")["data"]["gap"] is True


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "%EF%BC%91", "9" * 19, "1&after=2"])
def test_an_after_that_is_no_number_is_malformed(server: Server, fresh: Fresh, after: str) -> None:
    feed = server.connect(path=f"/v1/feed?agent={fresh('agent')}&after={after}")
    assert feed.close_code() == 4400


def test_a_wallboard_sees_every_agent_and_what_has_none(server: Server, fresh: Fresh) -> None:
    alice, bob, waiting = fresh("agent"), fresh("agent"), fresh("c")
    server.report("created", waiting)
    board = server.connect("*")
    assert waiting in contacts(board.next())
    server.answer(alice, fresh("c"))
    server.report("offered", fresh("c"), agent=bob)
    server.report("updated", waiting, attributes={"Place": "3"})
    kinds = [board.next() for _ in range(4)]
    assert [each["type"].removeprefix("screenpop.") for each in kinds] == [
        "contact.answered",
        "pop",
        "contact.offered",
        "contact.updated",
    ]
    assert kinds[1]["data"]["open"] is False


def test_a_wallboards_snapshot_shows_unfinished_pops(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    pops = server.connect("*", protocol=PANEL).next()["data"]["pops"]
    (pop,) = (each for each in pops if each["agent"] == agent)
    assert (pop["open"], pop["present"]) == (False, "mirror")


def test_a_wallboard_resumes_too(server: Server, fresh: Fresh) -> None:
    board = server.connect("*")
    seen = int(board.next()["sequence"])
    board.close()
    for _ in range(3):
        server.report("offered", fresh("c"), agent=fresh("agent"))
    again = server.connect("*", after=seen)
    assert read(again, 3) == [f"{seen + number:012}" for number in (1, 2, 3)]


def test_nobody_sees_another_agents_messages(server: Server, fresh: Fresh) -> None:
    alice, bob = fresh("agent"), fresh("agent")
    panel = server.panel(bob)
    panel.next()
    server.answer(alice, fresh("c"))
    assert panel.sync() == []


def test_an_agent_exists_by_being_named(server: Server, fresh: Fresh) -> None:
    agent = fresh("never heard of <b>ü</b>")
    feed = server.connect(agent)
    snapshot = feed.next()
    assert snapshot["data"] == {
        "contacts": [],
        "pops": [],
        "sequence": snapshot["sequence"],
        "epoch": feed.epoch,
    }
    server.report("offered", fresh("c"), agent=agent)
    assert feed.next()["data"]["agent"] == agent


def test_case_does_not_count_in_an_agents_id(server: Server, fresh: Fresh) -> None:
    agent = fresh("Straße@Contoso")
    feed = server.connect(agent.upper())
    feed.next()
    server.report("offered", fresh("c"), agent=f" {agent.lower()} ")
    assert feed.next()["data"]["agent"] == agent.casefold()


def test_case_counts_in_a_contacts_id(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    lower, upper = fresh("c"), fresh("C")
    server.report("offered", lower, agent=agent)
    server.report("offered", upper, agent=agent)
    assert contacts(server.connect(agent).next()) == [lower, upper]


def test_an_alias_leads_to_the_agent_behind_it(server: Server, fresh: Fresh) -> None:
    agent, arn = fresh("agent"), f"arn:aws:connect:{fresh('Agent')}"
    answer = server.request(
        "PUT", "/v1/admin/aliases", {"agent": agent, "source_id": arn}, scope="admin"
    )
    assert answer.is_success, answer.text
    by_name, by_alias = server.connect(agent), server.connect(arn)
    by_name.next(), by_alias.next()
    server.report("offered", fresh("c"), agent=arn.upper())
    assert by_name.next() == by_alias.next()
    assert by_name.seen[-1]["data"]["agent"] == agent


def test_changed_settings_reach_every_feed_of_the_tenant(own_server: Server) -> None:
    server = own_server
    feeds = [server.connect("alice"), server.panel("bob"), server.connect("*")]
    seen = [feed.next()["sequence"] for feed in feeds]
    with server.office() as office:
        office.set_domains("default", "contoso.example")
    for feed in feeds:
        message = feed.next(1.0)  # within a second
        assert message["type"] == "screenpop.settings.changed"
        assert message["data"] == {"what": ["domains"]}
        assert "subject" not in message
    again = server.connect("carol", after=seen[0])  # who was away learns of it too
    assert again.next()["type"] == "screenpop.settings.changed"


def test_settings_changed_by_http_reach_the_feeds_at_once(server: Server, fresh: Fresh) -> None:
    feed = server.connect(fresh("agent"))
    feed.next()
    answer = server.request(
        "PUT",
        "/v1/admin/domains",
        "contoso.example",
        scope="admin",
        headers={"content-type": "text/plain"},
    )
    assert answer.is_success, answer.text
    assert feed.until("screenpop.settings.changed", 1.0)["data"] == {"what": ["domains"]}


def test_a_long_replay_to_a_slow_reader_is_whole_in_order_and_followed_by_live(
    own_server: Server,
) -> None:
    server = own_server
    padding = {"Padding": "x" * 2000}
    for start in range(0, 1500, 100):
        events = [
            server.event("offered", f"c-{number}", agent="alice", attributes=padding)
            for number in range(start, start + 100)
        ]
        assert server.post(*events).status_code == 202
    feed = server.connect("alice", after=0, max_queue=1)  # reads only as fast as it is asked
    for number in range(1500, 1520):  # while the replay waits for its reader
        server.report("offered", f"c-{number}", agent="alice", attributes=padding)
    assert [feed.next()["subject"] for _ in range(1520)] == [f"c-{n}" for n in range(1520)]
    assert read(server.connect("alice", after=1519), 1) == ["000000001520"]


def test_a_feed_of_an_id_that_gets_an_alias_comes_back_as_that_agent(
    server: Server, fresh: Fresh
) -> None:
    agent, arn = fresh("agent"), fresh("arn:aws:connect:agent")
    early = server.connect(arn)
    seen = early.next()["sequence"]
    alias = {"agent": agent, "source_id": arn}
    assert server.request("PUT", "/v1/admin/aliases", alias, scope="admin").is_success
    assert early.close_code() == 4409
    again = server.connect(arn, after=seen)
    server.report("offered", contact := fresh("c"), agent=agent)
    assert again.next()["subject"] == contact


@pytest.mark.parametrize("resumes", [False, True])
def test_a_panel_that_connects_has_the_database_asked_nothing_twice(
    tmp_path: Path, resumes: bool
) -> None:
    asked: list[str] = []
    with Local(tmp_path) as server:
        server.report("offered", "c-1", agent="alice")
        seen = server.panel("alice").next()["sequence"]
        assert server.panel("alice", after=seen).sync() == []
        database = server.services.database
        database.raw.set_trace_callback(asked.append)
        try:
            panel = server.panel("alice", after=seen if resumes else None)
            assert panel.sync() == [] or not resumes
        finally:
            database.raw.set_trace_callback(None)
    questions = [re.sub("[0-9]+", "N", each) for each in asked if each.startswith("SELECT")]
    assert questions
    assert len(questions) == len(set(questions))
    assert "agent_heads" not in str(questions), "that nothing went to everybody is known"
