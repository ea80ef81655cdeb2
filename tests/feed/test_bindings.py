"""Bind a session to the pages around its panel: another page gets no ticket by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.feed.conftest import Fresh
from tests.server import PANEL, Feed, Server

CRM = "https://crm.example"


def session_of(server: Server, agent: str, **hello: Any) -> str:
    """Start a session by the ticket of a feed key."""
    feed = greet(server, agent, **hello)
    return str(feed.next()["session"])


def greet(server: Server, agent: str, **hello: Any) -> Feed:
    asked = server.request("POST", "/v1/feed/ticket", {"agent": agent}, scope="feed")
    feed = server.connect(scope=None, protocol=PANEL, headers={"Origin": server.url})
    feed.say(kind="hello", ticket=asked.json()["ticket"], version="1", **hello)
    return feed


def status(server: Server, session: str, body: dict[str, Any]) -> int:
    head = {"Authorization": f"Bearer {session}", "X-Screenpop": "1"}
    return server.request("POST", "/v1/feed/ticket", body, headers=head).status_code


def test_a_session_begun_on_a_page_of_its_own_serves_no_page_that_hides_where_it_is(
    server: Server, fresh: Fresh
) -> None:
    session = session_of(server, fresh("agent"), ancestors=[])
    assert status(server, session, {}) == 401
    assert status(server, session, {"ancestors": []}) == 200


def test_a_session_begun_inside_a_page_serves_only_there(own_server: Server) -> None:
    rules = own_server.request(
        "PUT",
        "/v1/admin/domains",
        f"{CRM}\nhttps://other.example\n",
        scope="admin",
        headers={"content-type": "text/plain"},
    )
    assert rules.status_code in (200, 204), rules.text
    session = session_of(own_server, "alice", ancestors=[CRM])
    assert status(own_server, session, {"ancestors": [CRM]}) == 200
    elsewhere: list[dict[str, Any]] = [
        {},
        {"ancestors": []},
        {"ancestors": ["https://other.example"]},
        {"ancestors": [CRM, CRM]},
    ]
    for body in elsewhere:
        assert status(own_server, session, body) == 401


def test_a_session_of_unknown_surroundings_serves_where_the_page_cannot_tell(
    server: Server, fresh: Fresh
) -> None:
    session = session_of(server, fresh("agent"))
    assert status(server, session, {}) == 200
    assert status(server, session, {"ancestors": []}) == 200


@pytest.mark.parametrize("ancestors", ["https://a.example", [1], ["https://a"] * 33, ["x" * 1025]])
def test_a_list_of_ancestors_that_is_none_is_malformed(
    server: Server, fresh: Fresh, ancestors: object
) -> None:
    assert greet(server, fresh("agent"), ancestors=ancestors).close_code() == 4400
