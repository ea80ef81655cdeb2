"""What a panel showed before: today's contacts and the agent's notes, for that agent alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from adapter import notes
from adapter.web import history
from tests.server import ORGANISATION, Server

_NUMBERS = itertools.count(1)
AROUND = "https://contoso.crm4.dynamics.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("history"))
    made.set_policy()
    with made:
        yield made


class Desk:
    """An agent whose panel has connected once: from then on it holds a session."""

    def __init__(self, server: Server, agent: str, **hello: Any) -> None:
        self.server = server
        self.agent = agent
        asked = server.request("POST", "/v1/feed/ticket", {"agent": agent}, scope="feed")
        self.feed = server.connect(
            protocol="screenpop.v1", scope=None, path="/v1/feed", headers={"Origin": server.url}
        )
        self.feed.say(kind="hello", ticket=asked.json()["ticket"], panel=f"p-{agent}", **hello)
        self.session = self.feed.next()["session"]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        head = {"authorization": f"Bearer {self.session}", "x-screenpop": "1", **headers}
        return self.server.request(method, path, body, headers=head)

    def today(self, **query: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/v1/history?{urlencode(query)}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def listed(self, **query: str) -> list[tuple[str, str]]:
        return [(each["contact"]["id"], each["left"]) for each in self.today(**query)["contacts"]]

    def write(self, contact: str, text: str, base: int = 0, **more: Any) -> httpx.Response:
        path = f"/v1/contacts/{quote(contact, safe='')}/notes"
        return self.ask("PUT", path, {"text": text, "base": base, **more})


@pytest.fixture
def desk(server: Server) -> Desk:
    return Desk(server, f"agent-{next(_NUMBERS)}")


@pytest.fixture
def fresh() -> Callable[[], str]:
    return lambda: f"c-{next(_NUMBERS)}"


def call(desk: Desk, contact: str, *stages: str, **more: Any) -> None:
    for stage in stages:
        if stage == "answered":
            desk.server.answer(desk.agent, contact, **more)
        else:
            desk.server.report(stage, contact, agent=desk.agent, **more)


def test_the_day_is_told_the_last_first_without_what_is_still_open(
    desk: Desk, fresh: Callable[[], str]
) -> None:
    first, missed, running = fresh(), fresh(), fresh()
    call(desk, first, "offered", "answered", "ended")
    call(desk, missed, "offered", "ended")
    call(desk, running, "offered", "answered")
    assert desk.listed() == [(missed, "ended"), (first, "ended")]
    told = desk.today()["contacts"][1]
    assert told["contact"]["stages"].keys() == {"offered", "answered", "ended"}
    assert told["at"] == told["contact"]["stages"]["ended"]
    assert told["pop"]["url"].startswith(ORGANISATION)
    assert desk.today()["contacts"][0]["pop"] is None


def test_a_contact_that_went_to_another_agent_is_told_as_transferred(
    desk: Desk, server: Server, fresh: Callable[[], str]
) -> None:
    contact = fresh()
    call(desk, contact, "offered", "answered")
    server.report("transferred", contact, agent=f"{desk.agent}-other")
    assert desk.listed() == [(contact, "transferred")]
    server.report("ended", contact, agent=f"{desk.agent}-other")
    assert desk.listed() == [(contact, "transferred")]
    # Its record was taken back: it is not theirs to open.
    assert desk.today()["contacts"][0]["pop"] is None


def test_what_was_added_after_a_contact_left_is_not_told(
    desk: Desk, server: Server, fresh: Callable[[], str]
) -> None:
    contact, other = fresh(), f"{desk.agent}-other"
    call(desk, contact, "offered", "answered", customer={"name": "Bea"})
    server.report("transferred", contact, agent=other)
    server.report(
        "answered", contact, agent=other, customer={"iban": "DE02"}, attributes={"said": "later"}
    )
    server.report("ended", contact, agent=other)
    (told,) = desk.today()["contacts"]
    assert told["left"] == "transferred"
    assert told["contact"]["customer"] == {"name": "Bea"}
    assert "said" not in told["contact"]["attributes"]
    assert told["contact"]["agent"] == other
    assert "ended" not in told["contact"]["stages"]
    assert "event" not in told["contact"]
    # Whose it is now is told all of it.
    (whole,) = Desk(server, other).today()["contacts"]
    assert whole["contact"]["customer"] == {"name": "Bea", "iban": "DE02"}
    assert whole["contact"]["attributes"]["said"] == "later"


def test_what_was_before_today_is_not_told(desk: Desk, fresh: Callable[[], str]) -> None:
    call(desk, fresh(), "offered", "ended")
    assert desk.listed(since="2001-01-01T00:00:00Z")
    assert desk.listed(since="2999-01-01T00:00:00Z") == []


def test_a_day_has_an_end(desk: Desk, fresh: Callable[[], str]) -> None:
    for _ in range(history.MOST + 3):
        call(desk, fresh(), "ended")
    assert len(desk.listed()) == history.MOST


@pytest.mark.parametrize("since", ["yesterday", "2026-11-22T00:00:00", ""])
def test_a_since_that_is_no_time_is_named(desk: Desk, since: str) -> None:
    answer = desk.ask("GET", f"/v1/history?{urlencode({'since': since})}")
    assert answer.status_code == 400
    assert "since" in answer.json()["detail"]


def test_a_note_is_kept_for_the_agent_who_wrote_it(
    desk: Desk, server: Server, fresh: Callable[[], str]
) -> None:
    contact = f"{fresh()}/with a slash"
    call(desk, contact, "offered", "answered")
    assert desk.write(contact, "Wants a refund 返金").json()["version"] == 1
    told = desk.today()["notes"]
    assert told[contact]["text"] == "Wants a refund 返金"
    other = Desk(server, f"{desk.agent}-other")
    assert other.today()["notes"] == {}
    server.report("transferred", contact, agent=other.agent)
    assert other.today()["notes"] == {}
    assert other.write(contact, "Mine").json()["version"] == 1
    assert desk.today()["notes"][contact]["text"] == "Wants a refund 返金"


def test_two_windows_write_and_nothing_is_lost(desk: Desk, fresh: Callable[[], str]) -> None:
    contact = fresh()
    call(desk, contact, "answered")
    desk.write(contact, "left window")
    answer = desk.write(contact, "right window", base=0).json()
    assert (answer["text"], answer["replaced"]) == ("right window", "left window")
    assert desk.today()["notes"][contact]["replaced"] == "left window"
    answer = desk.write(contact, "both", base=answer["version"], settled=True).json()
    assert answer["replaced"] == ""


def test_a_note_outlives_a_crash_of_the_server(tmp_path: Path, fresh: Callable[[], str]) -> None:
    with Server(tmp_path) as own:
        desk = Desk(own, "alice")
        call(desk, "c-1", "offered")
        assert desk.write("c-1", "Promised to call back").status_code == 200
        own.restart(kill=True)
        assert desk.today()["notes"]["c-1"]["text"] == "Promised to call back"


def test_a_contact_that_never_reached_the_agent_takes_no_note(
    desk: Desk, server: Server, fresh: Callable[[], str]
) -> None:
    contact = fresh()
    assert desk.write(contact, "x").status_code == 404
    server.report("offered", contact, agent=f"{desk.agent}-other")
    assert desk.write(contact, "x").status_code == 404
    # Where it rang and went on it did reach the agent.
    server.report("offered", contact, agent=desk.agent)
    server.report("offered", contact, agent=f"{desk.agent}-other")
    assert desk.write(contact, "x").status_code == 200


def test_a_note_that_is_too_long_is_refused(desk: Desk, fresh: Callable[[], str]) -> None:
    contact = fresh()
    call(desk, contact, "offered")
    assert desk.write(contact, "x" * (notes.MOST + 1)).status_code == 413
    assert desk.today()["notes"] == {}


def test_nobody_else_reads_or_writes(desk: Desk, server: Server, fresh: Callable[[], str]) -> None:
    contact = fresh()
    call(desk, contact, "offered")
    path = f"/v1/contacts/{contact}/notes"
    for method, where in (("GET", "/v1/history"), ("PUT", path)):
        body = {"text": "x"} if method == "PUT" else None
        own = {"x-screenpop": "1"}
        assert server.request(method, where, body, headers=own).status_code == 401
        wrong = {**own, "authorization": "Bearer not-a-session"}
        assert server.request(method, where, body, headers=wrong).status_code == 401
        for foreign in (
            {"origin": "https://evil.example"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            assert desk.ask(method, where, body, **foreign).status_code == 403
        head = {"authorization": f"Bearer {desk.session}"}
        assert server.request(method, where, body, headers=head).status_code == 403
        answer = server.request(method, where, body, scope="admin", headers=own)
        assert answer.status_code == 401


def test_a_session_is_good_only_under_the_page_it_began_under(
    server: Server, fresh: Callable[[], str]
) -> None:
    assert server.request("PUT", "/v1/admin/domains", AROUND, scope="admin").is_success
    desk = Desk(server, f"agent-{next(_NUMBERS)}", ancestors=[AROUND])
    contact = fresh()
    call(desk, contact, "offered", "ended")
    assert desk.listed(ancestors=AROUND) == [(contact, "ended")]
    assert desk.write(contact, "x", ancestors=[AROUND]).status_code == 200
    for query in ("", "?ancestors=", f"?ancestors={quote('https://other.example')}"):
        assert desk.ask("GET", f"/v1/history{query}").status_code in (401, 403)
    assert desk.write(contact, "y").status_code == 401
    assert desk.write(contact, "y", ancestors=[]).status_code == 401


def test_equal_ids_of_two_tenants_never_meet(tmp_path: Path) -> None:
    own = Server(tmp_path, SCREENPOP_ENVIRONMENT_DOMAIN="example.test")
    for name in ("acme", "umbrella"):
        with own.office() as office:
            office.create_tenant(name)
        own.make_keys(name)
    with own:
        sessions = {}
        for name in ("acme", "umbrella"):
            host = {"Host": f"{name}.example.test"}
            event = own.event("ended", "c-1", agent="alice", customer={"name": name})
            assert own.post(event, tenant=name, headers=host).status_code == 202
            asked = own.request(
                "POST",
                "/v1/feed/ticket",
                {"agent": "alice"},
                scope="feed",
                tenant=name,
                headers=host,
            )
            feed = own.connect(
                protocol="screenpop.v1",
                scope=None,
                path="/v1/feed",
                headers={**host, "Origin": f"http://{name}.example.test"},
            )
            feed.say(kind="hello", ticket=asked.json()["ticket"], panel="p")
            sessions[name] = feed.next()["session"]

        def head(host: str, session: str) -> dict[str, str]:
            bearer = f"Bearer {sessions[session]}"
            return {"Host": f"{host}.example.test", "authorization": bearer, "x-screenpop": "1"}

        path = "/v1/contacts/c-1/notes"
        saved = own.request("PUT", path, {"text": "ours"}, headers=head("acme", "acme"))
        assert saved.status_code == 200, saved.text
        told = own.request("GET", "/v1/history", headers=head("umbrella", "umbrella")).json()
        assert told["notes"] == {}
        assert [each["contact"]["customer"]["name"] for each in told["contacts"]] == ["umbrella"]
        crossed = own.request("GET", "/v1/history", headers=head("acme", "umbrella"))
        assert crossed.status_code == 401
