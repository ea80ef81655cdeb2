from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.feed.conftest import Fresh
from tests.server import PANEL, READER, Feed, Server

POP = "screenpop.pop"


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def shows(feed: Feed) -> tuple[str, bool, int]:
    data = feed.until(POP)["data"]
    return data["present"], data["open"], data["attempt"]


def said(feed: Feed, **presence: Any) -> None:
    feed.say(kind="presence", **presence)
    feed.sync()  # the server has it


def test_of_many_panels_one_opens_and_nobody_else_may(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    panels = [server.panel(agent) for _ in range(5)]
    others = [server.connect(agent), server.connect("*"), server.connect("*", protocol=PANEL)]
    for feed in [*panels, *others]:
        feed.next()
    server.answer(agent, fresh("c"))
    shown = [shows(feed) for feed in panels]
    assert sorted(shown) == [("mirror", False, 1)] * 4 + [("open", True, 1)]
    assert [shows(feed) for feed in others] == [("mirror", False, 1)] * 3
    assert all(feed.sync() == [] for feed in panels)


def test_the_visible_panel_used_last_opens_it(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    one, two, three = (server.panel(agent) for _ in range(3))
    said(one, visible=True, interacted=ago(1))
    said(two, visible=False, interacted=ago(0))
    said(three, visible=True, interacted=ago(60))
    server.answer(agent, fresh("c"))
    assert shows(one) == ("open", True, 1)
    assert shows(two) == shows(three) == ("mirror", False, 1)


def test_presence_counts_when_it_changes(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    one, two = server.panel(agent), server.panel(agent)
    owners = []
    for visible, hidden in ((one, two), (two, one), (one, two)):
        said(hidden, visible=False)
        said(visible, visible=True)
        server.answer(agent, fresh("c"))
        owners.append(shows(visible)[0])
        assert shows(hidden)[0] == "mirror"
    assert owners == ["open"] * 3


def test_a_hidden_panel_opens_it_where_none_is_visible(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    said(panel, visible=False)
    server.answer(agent, fresh("c"))
    assert shows(panel) == ("open", True, 1)


@pytest.mark.parametrize("interacted", ["2026-11-21T20:00:00", "1970-01-01T00:00:00Z", None])
def test_odd_times_of_a_panel_hurt_nobody(
    server: Server, fresh: Fresh, interacted: str | None
) -> None:
    agent = fresh("agent")
    panel = server.panel(agent)
    said(panel, visible=True, interacted=interacted)
    server.answer(agent, fresh("c"))
    assert shows(panel) == ("open", True, 1)


def test_a_clock_that_is_ahead_does_not_win_for_ever(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    ahead, right = server.panel(agent), server.panel(agent)
    said(ahead, visible=True, interacted=ago(-3600))
    said(right, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    assert shows(right) == ("open", True, 1)


def test_when_the_owner_closes_another_panel_gets_a_card(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    other, owner = server.panel(agent), server.panel(agent)
    said(owner, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    assert shows(owner) == ("open", True, 1)
    assert shows(other) == ("mirror", False, 1)
    started = time.monotonic()
    owner.close()
    assert shows(other) == ("card", False, 2)
    assert time.monotonic() - started < 1.0


def test_when_the_owner_is_cut_off_another_panel_gets_a_card(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    other, owner = server.panel(agent), server.panel(agent)
    said(owner, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    assert shows(owner) == ("open", True, 1)
    shows(other)
    started = time.monotonic()
    owner.cut()
    assert shows(other) == ("card", False, 2)
    assert time.monotonic() - started < 1.0


def test_a_database_that_is_locked_for_a_moment_loses_no_card(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    other, owner = server.panel(agent), server.panel(agent)
    said(owner, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    shows(owner), shows(other)
    lock = sqlite3.connect(server.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")  # as a command line does
    owner.close()
    assert other.quiet(0.8)
    lock.execute("ROLLBACK")
    lock.close()
    assert shows(other) == ("card", False, 2)


def test_the_best_of_the_others_gets_the_card(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    hidden, visible, owner = (server.panel(agent) for _ in range(3))
    said(hidden, visible=False)
    said(visible, visible=True, interacted=ago(5))
    said(owner, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    for feed in (hidden, visible, owner):
        shows(feed)
    owner.close()
    assert shows(visible) == ("card", False, 2)
    assert shows(hidden) == ("mirror", False, 2)


def test_an_owner_that_comes_back_at_once_keeps_its_pop(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    other, owner = server.panel(agent, "other"), server.panel(agent, "owner")
    said(owner, visible=True, interacted=ago(0))
    server.answer(agent, fresh("c"))
    pop = owner.until(POP)
    shows(other)
    owner.cut()
    back = server.panel(agent, "owner", after=pop["sequence"])
    assert back.sync() == []
    assert other.quiet(0.8)  # longer than the grace
    back.outcome(pop["data"]["pop"], "opened")


def test_another_panel_that_comes_in_the_meantime_does_not_take_it(
    server: Server, fresh: Fresh
) -> None:
    agent = fresh("agent")
    owner = server.panel(agent, "owner")
    server.answer(agent, fresh("c"))
    sequence = owner.until(POP)["sequence"]
    owner.close()
    other = server.panel(agent, "other")
    assert other.next()["data"]["pops"][0]["present"] == "mirror"
    assert server.panel(agent, "owner", after=sequence).sync() == []
    assert other.quiet(0.8)


def test_an_owner_that_missed_its_pop_still_opens_it(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    owner = server.panel(agent, "owner")
    before = owner.next()["sequence"]
    server.answer(agent, fresh("c"))
    first = owner.until(POP)  # let it be lost on the wire
    owner.cut()
    back = server.panel(agent, "owner", after=before)
    again = back.until(POP)
    assert again == first  # the same identity: a client that has seen it drops it


def test_of_two_sockets_of_one_panel_the_newer_opens_it(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    old = server.panel(agent, "p")
    sequence = old.next()["sequence"]
    new = server.panel(agent, "p", after=sequence)
    server.answer(agent, fresh("c"))
    assert shows(new) == ("open", True, 1)
    assert shows(old) == ("mirror", False, 1)
    old.close()
    assert new.quiet(0.8)


def test_a_pop_that_waited_for_a_panel_is_the_first_ones(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    first, second = server.panel(agent), server.panel(agent)
    (mine,) = first.next()["data"]["pops"]
    (theirs,) = second.next()["data"]["pops"]
    assert (mine["present"], mine["open"], mine["attempt"]) == ("open", True, 1)
    assert (theirs["present"], theirs["open"]) == ("mirror", False)
    assert mine["pop"] == theirs["pop"]


def test_a_reader_does_not_take_a_waiting_pop(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    for protocol in (READER, None):
        (seen,) = server.connect(agent, protocol=protocol).next()["data"]["pops"]
        assert (seen["present"], seen["open"]) == ("mirror", False)
    (mine,) = server.panel(agent).next()["data"]["pops"]
    assert mine["open"] is True


def test_a_pop_of_a_dead_owner_is_a_card_for_who_comes_later(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    owner = server.panel(agent)
    server.answer(agent, fresh("c"))
    shows(owner)
    owner.close()
    later = server.panel(agent, "later")
    (seen,) = later.next()["data"]["pops"]
    if seen["present"] == "mirror":  # the grace was not over
        assert shows(later) == ("card", False, 2)
    else:
        assert (seen["present"], seen["open"], seen["attempt"]) == ("card", False, 2)


def test_a_stale_pop_is_a_card(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    with server.office() as office:
        office.database.raw.execute(
            "UPDATE pops SET created=created-31000000 WHERE agent=?", (agent,)
        )
    (seen,) = server.panel(agent).next()["data"]["pops"]
    assert (seen["present"], seen["open"], seen["attempt"]) == ("card", False, 1)


def test_a_pop_of_yesterday_is_not_offered_any_more(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    with server.office() as office:
        office.database.raw.execute(
            "UPDATE pops SET created=created-90000000000 WHERE agent=?", (agent,)
        )
    assert server.panel(agent).next()["data"]["pops"] == []
