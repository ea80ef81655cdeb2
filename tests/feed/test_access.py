from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from adapter import close_codes
from tests.feed.conftest import Fresh
from tests.server import PANEL, READER, Feed, Server, eventually

FOREIGN = "https://evil.example"
DEEP = '{"type":"ping","x":' + "[" * 10_000


def own(server: Server) -> dict[str, str]:
    return {"Origin": server.url}


def ticket(server: Server, agent: str, tenant: str = "default") -> str:
    answer = server.request(
        "POST", "/v1/feed/ticket", {"agent": agent}, scope="feed", tenant=tenant
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 30
    return str(answer.json()["ticket"])


def greet(server: Server, secret: str | None, **more: Any) -> Feed:
    feed = server.connect(scope=None, protocol=PANEL, headers=own(server))
    feed.say(kind="hello", ticket=secret, version="1", **more)
    return feed


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("way", ["bearer", "api key", "basic"])
def test_a_feed_key_opens_the_feed_in_any_of_three_headers(
    server: Server, fresh: Fresh, way: str
) -> None:
    secret = server.key("feed")
    headers = {
        "bearer": {"Authorization": f"bearer {secret}"},
        "api key": {"X-Api-Key": secret},
        "basic": {"Authorization": basic("anyone", secret)},
    }[way]
    feed = server.connect(fresh("agent"), scope=None, headers=headers)
    assert feed.next()["type"] == "screenpop.snapshot"


@pytest.mark.parametrize("scope", ["ingest", "admin"])
def test_a_key_of_another_scope_is_not_allowed(server: Server, fresh: Fresh, scope: str) -> None:
    assert server.connect(fresh("agent"), scope=scope).close_code() == 4403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sp_000000000000_wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic !"},
        {"X-Api-Key": "x"},
    ],
    ids=["none", "unknown", "empty", "other kind", "broken", "no key at all"],
)
@pytest.mark.parametrize("protocol", [READER, PANEL, None])
def test_without_a_good_key_nobody_gets_in(
    server: Server, fresh: Fresh, headers: dict[str, str], protocol: str | None
) -> None:
    feed = server.connect(fresh("agent"), scope=None, protocol=protocol, headers=headers)
    assert feed.close_code() == 4401
    assert feed.seen == []


def test_half_a_key_is_wrong(server: Server, fresh: Fresh) -> None:
    secret = server.key("feed")[:-1]
    feed = server.connect(fresh("agent"), scope=None, headers={"X-Api-Key": secret})
    assert feed.close_code() == 4401


@pytest.mark.parametrize("query", ["", "?agent=", "?agent=%20", "?agent=a&agent=b", "?agnet=a"])
def test_the_agent_must_be_named_once(server: Server, query: str) -> None:
    assert server.connect(path=f"/v1/feed{query}").close_code() == 4400


@pytest.mark.parametrize("path", ["/v1/feeds?agent=a", "/?agent=a", "/v1/feed/?agent=a"])
def test_another_path_has_no_feed(server: Server, path: str) -> None:
    assert server.connect(path=path).close_code() == 4404


@pytest.mark.parametrize("panel", ["", "a b", "x" * 65, "a&panel=b"])
def test_a_panels_id_is_short_and_plain(server: Server, fresh: Fresh, panel: str) -> None:
    path = f"/v1/feed?agent={fresh('agent')}&panel={panel.replace(' ', '%20')}"
    assert server.connect(path=path, protocol=PANEL).close_code() == 4400


def test_a_subprotocol_that_nobody_knows_is_malformed(server: Server, fresh: Fresh) -> None:
    assert server.connect(fresh("agent"), protocol="screenpop.v9").close_code() == 4400


def test_a_revoked_key_closes_its_feeds_within_a_second(server: Server, fresh: Fresh) -> None:
    with server.office() as office:
        made = office.create_key("default", "feed", "short-lived")
    headers = {"Authorization": f"Bearer {made.secret}"}

    def opened() -> Feed | None:
        feed = server.connect(fresh("agent"), scope=None, headers=headers)
        try:
            return feed if feed.next()["type"] == "screenpop.snapshot" else None
        except Exception:  # noqa: BLE001 - not known yet
            return None

    feed = eventually(opened, "the key is known", within=1.0)
    other = server.connect(fresh("agent"))
    other.next()
    with server.office() as office:
        office.revoke_key(made.id)
    started = time.monotonic()
    assert feed.close_code() == 4401
    assert time.monotonic() - started < 1.0
    assert server.connect(fresh("agent"), scope=None, headers=headers).close_code() == 4401
    assert other.quiet(0.05)  # another key's feed goes on


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", "http://127.0.0.1:1", "file://"])
@pytest.mark.parametrize("scope", ["feed", None])
def test_a_foreign_origin_is_refused_with_a_key_and_without(
    server: Server, fresh: Fresh, origin: str, scope: str | None
) -> None:
    feed = server.connect(fresh("agent"), scope=scope, protocol=PANEL, headers={"Origin": origin})
    assert feed.close_code() == 4403


def test_our_own_origin_may_use_a_key(server: Server, fresh: Fresh) -> None:
    feed = server.connect(fresh("agent"), headers=own(server))
    assert feed.next()["type"] == "screenpop.snapshot"


def test_a_read_only_feed_cannot_say_hello(server: Server, fresh: Fresh) -> None:
    feed = server.connect(fresh("agent"), scope=None, headers=own(server))
    assert feed.close_code() == 4401


def test_a_setting_names_further_origins(tmp_path: Any) -> None:
    listed = "https://crm.example, HTTPS://Desk.example:8443"
    with Server(tmp_path, SCREENPOP_FEED_ORIGINS=listed) as server:
        for origin in ("https://crm.example", "https://desk.example:8443"):
            feed = server.connect("alice", headers={"Origin": origin})
            assert feed.next()["type"] == "screenpop.snapshot"
        for origin in ("http://crm.example", "https://desk.example", "https://x.crm.example"):
            assert server.connect("alice", headers={"Origin": origin}).close_code() == 4403


def test_a_ticket_opens_one_panel(server: Server, fresh: Fresh) -> None:
    agent, panel = fresh("Agent"), fresh("panel")
    feed = greet(server, ticket(server, agent), panel=panel)
    welcome = feed.next()
    assert welcome["type"] == "welcome"
    assert (welcome["agent"], welcome["panel"]) == (agent.casefold(), panel)
    assert welcome["tenant"] == "default"
    assert welcome["session"]
    assert welcome["expires"].endswith("Z")
    assert feed.next()["type"] == "screenpop.snapshot"
    server.answer(agent, fresh("c"))
    assert feed.until("screenpop.pop")["data"]["open"] is True


def test_a_ticket_is_good_for_one_use(server: Server, fresh: Fresh) -> None:
    secret = ticket(server, fresh("agent"))
    assert greet(server, secret).next()["type"] == "welcome"
    assert greet(server, secret).close_code() == 4401


@pytest.mark.parametrize("secret", [None, "", "wrong"])
def test_a_hello_needs_a_good_ticket(server: Server, secret: str | None) -> None:
    feed = greet(server, secret)
    assert feed.close_code() == 4401
    assert feed.seen == []


def test_the_session_of_a_welcome_gets_the_next_ticket(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    session = greet(server, ticket(server, agent)).next()["session"]
    asked = server.request("POST", "/v1/feed/ticket", {}, headers=of_session(session))
    again = greet(server, asked.json()["ticket"]).next()
    assert (again["agent"], again["session"]) == (agent, None)


def of_session(session: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {session}", "X-Screenpop": "1"}


def test_signing_out_closes_the_feeds_of_the_session_and_takes_back_its_tickets(
    server: Server, fresh: Fresh
) -> None:
    first = greet(server, ticket(server, fresh("agent")))
    head = of_session(first.next()["session"])
    waiting = server.request("POST", "/v1/feed/ticket", {}, headers=head).json()["ticket"]
    assert server.request("POST", "/v1/session/end", headers=head).status_code == 204
    assert first.close_code() == 4401
    assert greet(server, waiting).close_code() == 4401
    assert server.request("POST", "/v1/feed/ticket", {}, headers=head).status_code == 401


def test_a_revoked_key_ends_the_sessions_that_it_began(server: Server, fresh: Fresh) -> None:
    with server.office() as office:
        made = office.create_key("default", "feed", "short-lived")

    def asked() -> Any:
        head = {"X-Api-Key": made.secret}
        answer = server.request("POST", "/v1/feed/ticket", {"agent": "a"}, headers=head)
        return answer.json().get("ticket")

    first = greet(server, eventually(asked, "the key is known"))
    head = of_session(first.next()["session"])
    by_session = server.request("POST", "/v1/feed/ticket", {}, headers=head).json()["ticket"]
    second = greet(server, by_session)
    assert second.next()["type"] == "welcome"
    with server.office() as office:
        office.revoke_key(made.id)
    assert (first.close_code(1.0), second.close_code(1.0)) == (4401, 4401)
    eventually(
        lambda: server.request("POST", "/v1/feed/ticket", {}, headers=head).status_code == 401,
        "the session is over",
    )


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        "[]",
        '{"type":"ping"}',
        '{"type":"hello","ticket":1}',
        '{"type":"presence","visible":true}',
        DEEP,
    ],
)
def test_anything_but_a_hello_at_first_is_malformed(server: Server, text: str) -> None:
    feed = server.connect(scope=None, protocol=PANEL, headers=own(server))
    feed.socket.send(text)
    assert feed.close_code() == 4400


def test_a_panels_id_in_a_hello_is_short_and_plain(server: Server, fresh: Fresh) -> None:
    assert greet(server, ticket(server, fresh("agent")), panel="a b").close_code() == 4400


def test_a_broken_message_after_the_hello_is_named_and_the_feed_goes_on(
    server: Server, fresh: Fresh
) -> None:
    panel = server.panel(fresh("agent"))
    panel.next()
    for text in ("x", DEEP, '{"type":"presence"}', '{"type":"pop.outcome","pop":"p"}'):
        panel.socket.send(text)
        assert panel.next()["type"] == "error"
    assert panel.sync() == []


def test_a_hello_on_a_feed_that_a_key_opened_is_answered(server: Server, fresh: Fresh) -> None:
    agent = fresh("agent")
    panel = server.panel(agent, "p-1")
    panel.next()
    panel.say(kind="hello", version="1")
    welcome = panel.next()
    assert (welcome["type"], welcome["agent"], welcome["panel"]) == ("welcome", agent, "p-1")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"visible": "yes"}, "$.visible"),
        ({"ticket": 5}, "$.ticket"),
        ({"version": 1}, "$.version"),
        ({"interacted": "soon"}, "RFC3339"),
        ({"ancestors": "x"}, "$.ancestors"),
        ({"panel": 5}, "$.panel"),
        ({"panel": "a b"}, "hello.panel: expected 1 to 64 of"),
        ({"panel": "x" * 65}, "hello.panel: expected 1 to 64 of"),
        ({"panel": ""}, "hello.panel: expected 1 to 64 of"),
    ],
)
@pytest.mark.parametrize("by_key", [True, False], ids=["key", "ticket"])
def test_a_hello_with_something_malformed_in_it_is_told_so(
    server: Server, fresh: Fresh, said: dict[str, Any], why: str, by_key: bool
) -> None:
    if by_key:
        feed = server.panel(fresh("agent"))
    else:
        feed = server.connect(scope=None, protocol=PANEL, headers=own(server))
        said = {"ticket": ticket(server, fresh("agent")), **said}
    feed.say(kind="hello", **said)
    reason = malformed(feed)
    assert reason.startswith("malformed query or hello: hello")
    assert why in reason


def malformed(feed: Feed) -> str:
    """Give the reason with which a feed is closed as malformed."""
    assert feed.close_code() == 4400
    closed = feed.socket.protocol.close_rcvd
    assert closed is not None
    return closed.reason


def test_a_wrong_second_hello_closes_the_feed_too(server: Server, fresh: Fresh) -> None:
    feed = greet(server, ticket(server, fresh("agent")))
    feed.until("screenpop.snapshot")
    feed.say(kind="hello", visible="yes")
    assert "$.visible" in malformed(feed)


@pytest.mark.parametrize("query", ["p-1", None], ids=["named in the query", "named nowhere"])
def test_a_panel_that_a_hello_names_too_late_is_told_so(
    server: Server, fresh: Fresh, query: str | None
) -> None:
    # With a key the feed may own pops before the hello: as the query's panel, or as ours.
    feed = server.panel(fresh("agent"), query)
    feed.next()
    feed.say(kind="hello", panel="p-2")
    panel = feed.next()["panel"]
    assert panel == query or (query is None and panel.endswith("/1"))
    assert "panel=" in feed.next()["detail"]
    feed.say(kind="hello", panel=panel)  # what we have told
    assert feed.next()["panel"] == panel
    assert feed.sync() == []


def test_a_wallboard_may_name_a_panel_that_it_does_not_have(server: Server) -> None:
    feed = server.panel("*")
    feed.next()
    feed.say(kind="hello", panel="p-1")
    assert feed.until("welcome")["panel"] is None
    feed.say(kind="hello", panel="a b")
    assert "hello.panel" in malformed(feed)


@pytest.mark.parametrize(
    ("query", "protocol", "why"),
    [
        ("agent=a&after=x", PANEL, "after: expected once, 1 to 18 digits"),
        ("agent=a&after=1&after=2", PANEL, "after: "),
        ("agent=a&after=1&epoch=a/b", PANEL, "epoch: expected once, 1 to 64 of"),
        ("agent=a&panel=a/1", PANEL, "panel: expected once, 1 to 64 of"),
        ("agent=a&agent=b", PANEL, "agent: expected once"),
        ("agnet=a", PANEL, "agent: expected once"),
        ("agent=a", "x.v9", "none of screenpop.v1, cloudevents.json"),
    ],
)
def test_the_reason_of_a_refusal_names_what_is_malformed(
    server: Server, query: str, protocol: str, why: str
) -> None:
    feed = server.connect(path=f"/v1/feed?{query}", protocol=protocol)
    assert malformed(feed).startswith(f"malformed query or hello: {why}")


def test_a_reason_has_room_for_what_is_malformed() -> None:
    assert len(close_codes.malformed("ü€" * 200).reason.encode()) == 123


def test_a_ticket_needs_a_feed_key(server: Server) -> None:
    def status(scope: str | None, **head: str) -> int:
        body = {"agent": "alice"}
        answer = server.request("POST", "/v1/feed/ticket", body, scope=scope, headers=head)
        return answer.status_code

    assert status("ingest") == 403
    assert status(None, Authorization="Bearer sp_0_x") == 401
    assert status(None, **{"X-Screenpop": "1"}) == 401
    assert status(None) == 403  # a browser's request without our page's header


@pytest.mark.parametrize("body", [{}, {"agent": ""}, {"agent": "*"}, {"agent": 1}, {"agent": " "}])
def test_a_ticket_is_for_one_named_agent(server: Server, body: dict[str, Any]) -> None:
    answer = server.request("POST", "/v1/feed/ticket", body, scope="feed")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["access_token", "ticket", "key", "token", "api_key"])
def test_a_secret_in_the_address_opens_nothing(server: Server, fresh: Fresh, name: str) -> None:
    path = f"/v1/feed?agent={fresh('agent')}&{name}={server.key('feed')}"
    assert server.connect(scope=None, path=path).close_code() == 4401
    assert server.key("feed") not in server.log()
