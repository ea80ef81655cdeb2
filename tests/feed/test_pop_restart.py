"""Restart the server in the middle of pops: no second opening, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.server import Feed, Server

POP = "screenpop.pop"


@dataclass
class Before:
    """What was so when the server went down."""

    server: Server
    start: str
    """The sequence before any pop."""
    pops: dict[str, dict[str, Any]]
    """By agent: the message that its owner got."""


@pytest.fixture(scope="module", params=["stopped", "killed"])
def before(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Before]:
    server = Server(tmp_path_factory.mktemp(request.param))
    server.set_policy()
    with server:
        start = server.connect("*").next()["sequence"]
        pops = {}
        for agent in ("seen", "missed", "gone", "done", "blocked", "sole", "sole-seen"):
            panel = server.panel(agent, None if agent.startswith("sole") else "p")
            server.answer(agent, f"c-{agent}")
            pops[agent] = panel.until(POP)
            assert pops[agent]["data"]["open"] is True
            if agent in ("done", "blocked"):
                outcome = "opened" if agent == "done" else "blocked"
                panel.outcome(pops[agent]["data"]["pop"], outcome)
        several = [server.panel("several") for _ in range(2)]
        several[1].say(kind="presence", visible=False)
        several[1].sync()
        server.answer("several", "c-several")
        pops["several"] = several[0].until(POP)
        assert pops["several"]["data"]["open"] is True
        server.answer("waiting", "c-waiting")
        if request.param == "killed":
            server.kill9()
        else:
            assert server.stop() == 0
        server.hang_up()
        server.start()
        yield Before(server, start, pops)


def back(before: Before, agent: str, panel: str | None, after: str | None) -> list[dict[str, Any]]:
    """Give what a panel of an agent gets at first when it connects."""
    feed: Feed = before.server.panel(agent, panel, after=after)
    if after is None:
        return list(feed.next()["data"]["pops"])
    return [each["data"] for each in feed.sync() if each["type"] == POP]


def brief(pops: list[dict[str, Any]]) -> list[tuple[str, bool, int]]:
    return [(each["present"], each["open"], each["attempt"]) for each in pops]


def test_an_owner_that_has_seen_its_pop_keeps_it_in_silence(before: Before) -> None:
    assert back(before, "seen", "p", before.pops["seen"]["sequence"]) == []
    (shown,) = back(before, "seen", "other", None)
    assert (shown["present"], shown["open"]) == ("mirror", False)


def test_an_owner_that_never_got_its_pop_opens_it(before: Before) -> None:
    feed = before.server.panel("missed", "p", after=before.start)
    assert feed.until(POP) == before.pops["missed"]
    feed.outcome(before.pops["missed"]["data"]["pop"], "opened")
    assert back(before, "missed", "p", before.start)[0]["open"] is False


def test_the_pop_of_an_owner_that_is_gone_is_anothers_card(before: Before) -> None:
    assert brief(back(before, "gone", "other", None)) == [("card", False, 2)]
    # and the owner, back late, opens nothing
    assert all(not each["open"] for each in back(before, "gone", "p", before.start))


def test_an_opened_pop_is_not_offered_again(before: Before) -> None:
    assert back(before, "done", "other", None) == []
    assert brief(back(before, "done", "p", before.start)) == [("mirror", False, 1)]


def test_a_blocked_pop_is_a_card_still(before: Before) -> None:
    (shown,) = back(before, "blocked", "other", None)
    assert (shown["present"], shown["open"]) == ("card", False)


def test_the_only_client_of_an_agent_without_an_id_is_taken_for_the_owner(
    before: Before,
) -> None:
    feed = before.server.panel("sole", after=before.start)
    assert feed.until(POP) == before.pops["sole"]


def test_it_opens_nothing_twice_when_it_has_seen_the_pop(before: Before) -> None:
    assert back(before, "sole-seen", None, before.pops["sole-seen"]["sequence"]) == []


def test_of_several_clients_without_an_id_nobody_is_taken_for_the_owner(
    before: Before,
) -> None:
    shown = [back(before, "several", None, before.start) for _ in range(2)]
    pops = [each for panel in shown for each in panel]
    assert all(not each["open"] for each in pops)
    assert ("card", False, 2) in brief(pops)


def test_a_pop_that_waited_is_the_first_panels_even_now(before: Before) -> None:
    assert brief(back(before, "waiting", "a", None)) == [("open", True, 1)]
    second = back(before, "waiting", "b", None)
    assert (second[0]["present"], second[0]["open"]) == ("mirror", False)


def test_the_sequence_goes_on_where_it_was(before: Before) -> None:
    feed = before.server.connect("*", after=0)
    last = int(before.server.connect("*").next()["sequence"])
    assert [int(feed.next()["sequence"]) for _ in range(last)] == list(range(1, last + 1))
