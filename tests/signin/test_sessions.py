"""Keep a session as long as it may live, renew its bearer, and end it when it must end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapter.store.times import micros
from tests.server import Feed, Server, eventually
from tests.signin.conftest import CRM
from tests.signin.openid import OpenIdProvider
from tests.signin.visitor import PANEL_COOKIE, PanelSignIn, Visitor

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture
def bearer(server: Server, panel: PanelSignIn) -> str:
    """Sign alice in, confirmed."""
    made: str = panel.sign_in("alice")["session"]
    with server.office() as office:
        alice = next(each for each in office.people("default") if each.name == "Alice Contoso")
        office.link("default", alice.id, "alice")
    return made


def age(server: Server, **columns: timedelta) -> None:
    """Make every session older: move the named times into the past."""
    moved = ", ".join(
        f"{name}={name}-{int(by.total_seconds() * 1e6)}" for name, by in columns.items()
    )
    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute(f"UPDATE sessions SET {moved}")  # noqa: S608 - the test's own words


def rows(server: Server) -> int:
    with server.office() as office, office.database.reading():
        found = office.database.raw.execute("SELECT count(*) FROM sessions").fetchone()
    return int(found[0])


def open_feed(server: Server, panel: PanelSignIn, bearer: str | None = None) -> Feed:
    ticket = panel.ticket(bearer).json()["ticket"]
    feed = server.connect(
        protocol="screenpop.v1", scope=None, headers={"Origin": server.url}, path="/v1/feed"
    )
    feed.say(kind="hello", ticket=ticket, ancestors=[CRM])
    feed.until("welcome")
    return feed


def test_an_idle_session_is_over(server: Server, panel: PanelSignIn, bearer: str) -> None:
    age(server, seen=timedelta(minutes=59))
    assert panel.ticket(bearer).status_code == 200  # and so it is in use again
    age(server, seen=timedelta(minutes=61))
    assert panel.ticket(bearer).status_code == 401


def test_no_session_outlives_its_absolute_limit(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    age(server, expires=timedelta(hours=12))
    assert panel.ticket(bearer).status_code == 401


def test_a_renewed_bearer_lasts_no_longer_than_the_first(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    age(server, issued=timedelta(minutes=16))
    renewed = panel.browser.api("/v1/session/renew", {"ancestors": [CRM]}).json()
    first = datetime.fromisoformat(renewed["expires"])
    assert first < datetime.now(UTC) + timedelta(hours=12)
    again = panel.browser.api("/v1/session/renew", {"ancestors": [CRM]}).json()
    assert again["expires"] == renewed["expires"]


def test_a_panel_is_told_when_its_session_ends_whatever_it_does(
    server: Server, panel: PanelSignIn
) -> None:
    signed = panel.sign_in("alice")
    with server.office() as office:
        alice = next(each for each in office.people("default") if each.name == "Alice Contoso")
        office.link("default", alice.id, "alice")
    assert (signed["lasts"], signed["ends_in"]) == (12 * 3600, 12 * 3600)
    age(server, created=timedelta(hours=11), expires=timedelta(hours=11))
    renewed = panel.browser.api("/v1/session/renew", {"ancestors": [CRM]}).json()
    for told in (panel.ticket(signed["session"]).json(), renewed):
        assert told["lasts"] == 12 * 3600
        assert 3500 < told["ends_in"] <= 3600


def test_a_fresh_bearer_is_kept(panel: PanelSignIn, bearer: str) -> None:
    answer = panel.browser.api("/v1/session/renew", {"ancestors": [CRM]})
    assert "session" not in answer.json()
    assert "set-cookie" not in answer.headers


def test_after_a_quarter_of_an_hour_there_is_a_new_bearer(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    age(server, issued=timedelta(minutes=16))
    renewed = panel.ticket(bearer).json()["session"]
    assert renewed != bearer
    assert panel.browser.cookies[panel.browser.at("").partition("//")[2]][PANEL_COOKIE] == renewed
    assert panel.ticket(renewed).status_code == 200
    # Another tab is in the middle of a request with the old one; a minute later it is over.
    without_cookie = PanelSignIn(Visitor(server), [CRM])
    assert without_cookie.ticket(bearer).status_code == 200
    age(server, replaced=timedelta(seconds=61))
    assert without_cookie.ticket(bearer).status_code == 401
    assert without_cookie.ticket(renewed).status_code == 200
    without_cookie.browser.close()


def test_a_renewal_whose_answer_is_lost_signs_nobody_out(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    tab = PanelSignIn(Visitor(server), [CRM])
    age(server, issued=timedelta(minutes=16))
    lost = tab.ticket(bearer).json()["session"]
    tab.browser.cookies.clear()
    again = tab.ticket(bearer).json()["session"]
    assert again not in (lost, bearer)
    assert tab.ticket(again).status_code == 200
    tab.browser.close()


def test_two_tabs_that_renew_at_once_both_stay_signed_in(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    age(server, issued=timedelta(minutes=16))
    tabs = [PanelSignIn(Visitor(server), [CRM]) for _ in range(2)]
    made = [tab.ticket(bearer).json()["session"] for tab in tabs]
    for tab, own in zip(tabs, made, strict=True):
        tab.browser.cookies.clear()
        assert tab.ticket(own).status_code == 200
    age(server, replaced=timedelta(seconds=61))
    for tab, own in zip(tabs, made, strict=True):
        assert tab.ticket(own).status_code == 200
        assert tab.ticket(bearer).status_code == 401
        tab.browser.close()


def test_a_feed_survives_the_renewal_and_ends_with_the_session(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    feed = open_feed(server, panel, bearer)
    age(server, issued=timedelta(minutes=16))
    renewed = panel.ticket(bearer).json()["session"]
    panel.ticket(renewed)
    age(server, replaced=timedelta(seconds=61))
    feed.sync()
    panel.browser.api("/v1/session/end", {}, authorization=f"Bearer {renewed}")
    assert feed.close_code(within=2) == 4401


def test_another_agent_for_the_person_closes_the_feed(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    feed = open_feed(server, panel, bearer)
    with server.office() as office:
        alice = next(each for each in office.people("default") if each.agent == "alice")
        office.link("default", alice.id, "alice.two")
    assert feed.close_code(within=2) == 4401
    assert panel.ticket(bearer).json()["agent"] == "alice.two"


def test_a_role_that_is_taken_away_closes_the_feed(
    server: Server, panel: PanelSignIn, provider: OpenIdProvider, stranger: Visitor
) -> None:
    provider.twist(claims={"roles": []})
    session = panel.sign_in("bob")["session"]
    with server.office() as office:
        bob = next(each for each in office.people("default") if each.name == "Bob Contoso")
        office.set_roles("default", bob.id, ["agent"])
        office.link("default", bob.id, "bob")
    feed = open_feed(server, panel, session)
    with server.office() as office:
        office.set_roles("default", bob.id, [])
    assert feed.close_code(within=2) == 4401
    assert panel.ticket(session).json()["type"].endswith(":not-an-agent")


def test_a_ticket_of_a_session_that_ended_opens_nothing(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    ticket = panel.ticket(bearer).json()["ticket"]
    panel.browser.api("/v1/session/end", {}, authorization=f"Bearer {bearer}")
    feed = server.connect(
        protocol="screenpop.v1", scope=None, headers={"Origin": server.url}, path="/v1/feed"
    )
    feed.say(kind="hello", ticket=ticket, ancestors=[CRM])
    assert feed.close_code() == 4401


def test_the_bearer_is_stored_as_its_digest_alone(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    content = server.database.read_bytes()
    log = server.folder / "screenpop.db-wal"
    content += log.read_bytes() if log.exists() else b""
    assert bearer.encode() not in content


def test_a_trusted_directory_settles_the_agent_but_never_the_same_for_two(
    server: Server, panel: PanelSignIn, provider: OpenIdProvider, stranger: Visitor
) -> None:
    from tests.signin.conftest import use  # noqa: PLC0415

    use(server, provider, trust="directory")
    try:
        provider.twist(claims={"oid": "new-one", "preferred_username": "dora@contoso.example"})
        first = panel.sign_in("bob")
        assert panel.ticket(first["session"]).json()["agent"] == "dora@contoso.example"
        provider.twist(claims={"oid": "new-two", "preferred_username": "dora@contoso.example"})
        second = PanelSignIn(stranger, [CRM])
        refused = second.ticket(second.sign_in("bob")["session"])
        assert refused.json()["type"].endswith(":agent-unconfirmed")
    finally:
        provider.twist()
        use(server, provider)


def test_what_an_admin_does_is_in_the_audit_log(
    server: Server, panel: PanelSignIn, bearer: str
) -> None:
    audit: list[dict[str, Any]] = server.request("GET", "/v1/admin/audit", scope="admin").json()[
        "audit"
    ]
    told = str(audit)
    assert "sign-in" in told
    assert "client_secret" in told
    assert "a secret: with" not in told
    changed = next(each for each in audit if "Alice Contoso" in each["what"])
    assert '"agent":"alice"' in changed["after"]


def test_sessions_that_are_over_are_forgotten(server: Server) -> None:
    from adapter.store import sessions  # noqa: PLC0415

    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute("UPDATE sessions SET expires=?", (micros(datetime.now(UTC)),))
        sessions.forget(cursor, datetime.now(UTC))
    eventually(lambda: rows(server) == 0, "no session is kept")
