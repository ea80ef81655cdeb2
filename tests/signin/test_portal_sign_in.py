"""Enter the portal: by the one-time link, by the provider, and by nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
from hypothesis import given, strategies as st

from adapter.office import Office
from adapter.web import principals
from tests import principals as signed_in
from tests.server import Server
from tests.signin.openid import OpenIdProvider
from tests.signin.visitor import PORTAL_COOKIE, Visitor

OWN = {"sec-fetch-site": "same-origin"}


def link(server: Server) -> str:
    with server.office() as office:
        return office.admin_link("default").rpartition("#")[2]


def enter(visitor: Visitor, token: str, **headers: str) -> httpx.Response:
    head = {name.replace("_", "-"): value for name, value in headers.items()} or OWN
    return visitor.ask("POST", visitor.at("/admin/first"), fields={"token": token}, headers=head)


def by_provider(visitor: Visitor, login: str, wanted: str = "/admin/audit") -> httpx.Response:
    start = visitor.ask("GET", visitor.at(f"/admin/sign-in/start?next={wanted}"))
    held: Any = visitor.follow(start, login, until="/v1/signin/callback")
    return visitor.ask("POST", held.target, fields=held.fields, headers={"origin": "null"})


def without_addresses(html: str) -> str:
    """Leave out the addresses of scripts and sheets."""
    return re.sub(r'(?:href|src)="[^"]*"', "", html)


def who(visitor: Visitor) -> httpx.Response:
    """Ask a page that only says whether somebody is signed in."""
    return visitor.ask("GET", visitor.at("/admin/sign-in?next=/admin/here"))


def is_in(visitor: Visitor) -> bool:
    return bool(who(visitor).headers.get("location") == "/admin/here")


def test_the_one_time_link_lets_the_first_admin_in_once(
    server: Server, visitor: Visitor, stranger: Visitor
) -> None:
    token = link(server)
    entered = enter(visitor, token)
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin")
    (cookie,) = entered.headers.get_list("set-cookie")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert f"; {attribute}" in cookie
    assert is_in(visitor)
    again = enter(stranger, token)
    assert again.status_code == 403
    assert "set-cookie" not in again.headers


def test_a_link_ends_the_others_of_its_tenant(
    server: Server, visitor: Visitor, stranger: Visitor
) -> None:
    first, second = link(server), link(server)
    assert enter(visitor, second).status_code == 303
    assert enter(stranger, first).status_code == 403


def test_a_link_lasts_a_day(server: Server, visitor: Visitor) -> None:
    token = link(server)
    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute("UPDATE admin_links SET expires=expires-24*3600*1000000")
    assert enter(visitor, token).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "\udcff", "' OR 1=1 --"])
def test_no_other_token_lets_anybody_in(visitor: Visitor, token: str) -> None:
    assert enter(visitor, token.encode("utf-8", "replace").decode()).status_code == 403
    assert not is_in(visitor)


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {"x": "y"}],
    ids=str,
)
def test_no_other_site_may_post_the_link(
    server: Server, visitor: Visitor, headers: dict[str, str]
) -> None:
    assert enter(visitor, link(server), **headers).status_code == 403


def test_the_page_of_the_link_is_static_and_not_framed(visitor: Visitor) -> None:
    page = visitor.ask("GET", visitor.at("/admin/first"))
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script>|<style>|style=", page.text)


def test_serve_prints_a_link_until_there_was_an_admin(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with server:
        assert server.process is not None
        line = server.process.stdout.readline()
        assert line.startswith(f"first admin: {server.url}/admin/first#")
        visitor = Visitor(server)
        assert enter(visitor, line.strip().rpartition("#")[2]).status_code == 303
        assert server.log().count("first admin") == 0
        visitor.close()
        server.restart()
        with server.office() as office:
            assert office.first_admin_links() == []


def test_the_newest_link_replaces_the_older_ones(visitor: Visitor, server: Server) -> None:
    old, new = link(server), link(server)
    assert enter(visitor, old).status_code != 303
    assert enter(visitor, new).status_code == 303


def test_an_admin_of_the_directory_comes_to_the_page_asked_for(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    provider.twist()
    done = by_provider(visitor, "ada")
    assert (done.status_code, done.headers["location"]) == (303, "/admin/audit")
    assert is_in(visitor)
    assert PORTAL_COOKIE in str(done.headers.get_list("set-cookie"))


def test_a_cancelled_sign_in_offers_to_try_again(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    start = visitor.ask("GET", visitor.at("/admin/sign-in/start?next=/admin/audit"))
    held: Any = visitor.follow(start, None, until="/v1/signin/callback")
    page = visitor.ask("POST", held.target, fields=held.fields)
    assert page.status_code == 403
    assert 'href="/admin/sign-in?next=/admin/audit"' in page.text
    assert not is_in(visitor)


def test_a_failed_sign_in_is_told_in_the_language_in_which_it_began(
    visitor: Visitor, provider: OpenIdProvider
) -> None:
    start = visitor.ask(
        "GET", visitor.at("/admin/sign-in/start"), headers={"accept-language": "ja"}
    )
    held: Any = visitor.follow(start, None, until="/v1/signin/callback")
    page = visitor.ask("POST", held.target, fields=held.fields)
    assert '<html lang="ja"' in page.text
    assert "サインインがキャンセルされたか" in page.text


def test_the_choice_made_in_the_portal_counts_before_anybody_is_known(visitor: Visitor) -> None:
    head = {"accept-language": "en", "cookie": "screenpop-language=ja"}
    page = visitor.http.get(visitor.at("/admin/sign-in"), headers=head)
    assert '<html lang="ja"' in page.text


def test_a_callback_of_the_portal_in_another_browser_is_refused(
    visitor: Visitor, stranger: Visitor, provider: OpenIdProvider
) -> None:
    """Login CSRF: the attacker's answer must not sign the victim in as the attacker."""
    start = visitor.ask("GET", visitor.at("/admin/sign-in/start"))
    held: Any = visitor.follow(start, "ada", until="/v1/signin/callback")
    refused = stranger.ask("POST", held.target, fields=held.fields)
    assert refused.status_code == 403
    assert "begun in another browser" in refused.text
    assert 'href="/admin/sign-in?next=/admin"' in refused.text
    assert "panel" not in without_addresses(refused.text)
    assert not is_in(stranger)


def test_an_answer_that_belongs_to_no_sign_in_leads_to_both_places(visitor: Visitor) -> None:
    page = visitor.ask("GET", visitor.at("/v1/signin/callback?state=unknown&code=x"))
    assert page.status_code == 400
    assert "in the panel, or in the portal" in page.text
    assert 'href="/admin/sign-in"' in page.text


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": None}, "exp: トークンに有効期限が示されていません。"),
        ({"exp": 1_700_000_000}, "exp: トークンの有効期限が切れています。"),
        ({"aud": "another"}, "aud: 別のアプリケーション宛てのトークンです。"),
    ],
    ids=str,
)
def test_why_a_token_proves_nothing_is_told_in_japanese(
    visitor: Visitor, provider: OpenIdProvider, claims: dict[str, Any], said: str
) -> None:
    provider.twist(claims=claims)
    try:
        start = visitor.ask(
            "GET", visitor.at("/admin/sign-in/start"), headers={"accept-language": "ja"}
        )
        held: Any = visitor.follow(start, "ada", until="/v1/signin/callback")
        page = visitor.ask("POST", held.target, fields=held.fields)
    finally:
        provider.twist()
    assert page.status_code == 403
    assert f"<code>サインインは拒否されました: {said}</code>" in page.text


def test_a_panels_session_is_no_session_of_the_portal(
    server: Server, visitor: Visitor, provider: OpenIdProvider
) -> None:
    from tests.signin.visitor import PanelSignIn  # noqa: PLC0415

    bearer = PanelSignIn(visitor, []).sign_in("ada")["session"]
    visitor.cookies[server.url.partition("//")[2]][PORTAL_COOKIE] = bearer
    assert not is_in(visitor)


def test_a_session_of_the_portal_is_none_of_the_panel(server: Server, visitor: Visitor) -> None:
    bearer = signed_in.sign_in(server, "agent", agent="alice").partition("=")[2]
    answer = visitor.api("/v1/feed/ticket", {}, authorization=f"Bearer {bearer}")
    assert answer.status_code == 401


def test_signing_out_ends_the_session_on_the_server(server: Server, visitor: Visitor) -> None:
    cookie = signed_in.sign_in_as_admin(server)
    name, _, bearer = cookie.partition("=")
    visitor.cookies[server.url.partition("//")[2]] = {name: bearer}
    assert is_in(visitor)
    gone = visitor.ask("POST", visitor.at("/admin/sign-out"), fields={}, headers=OWN)
    assert gone.headers["location"] == "/admin/sign-in"
    visitor.cookies[server.url.partition("//")[2]] = {name: bearer}
    assert not is_in(visitor)


def test_no_other_site_may_sign_anybody_out(server: Server, visitor: Visitor) -> None:
    name, _, bearer = signed_in.sign_in_as_admin(server).partition("=")
    visitor.cookies[server.url.partition("//")[2]] = {name: bearer}
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = visitor.ask("POST", visitor.at("/admin/sign-out"), fields={}, headers=evil)
    assert answer.status_code == 403
    assert is_in(visitor)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("/admin/keys?x=1", "/admin/keys?x=1"),
        ("/admin", "/admin"),
        (None, "/admin"),
        ("", "/admin"),
        ("/", "/admin"),
        ("/administrator", "/admin"),
        ("//evil.example/admin", "/admin"),
        ("/admin//evil.example", "/admin"),
        ("/\\evil.example/admin", "/admin"),
        ("https://evil.example/admin/", "/admin"),
        ("/admin/\r\nset-cookie: x=1", "/admin"),
        ("/admin/\tx", "/admin"),
        ("/admin/é", "/admin"),
        ("/admin/sign-in?next=/admin", "/admin"),
        ("/admin/" + "x" * 2000, "/admin"),
        ("/admin/../sign-in/start?tx=X", "/admin"),
        ("/admin/./keys", "/admin"),
        ("/admin/..", "/admin"),
        ("/admin/..#x", "/admin"),
        ("/admin/%2e%2E/sign-in/start?tx=X", "/admin"),
        ("/admin/.%2e/x", "/admin"),
        ("/admin/%252e%252e/x", "/admin"),
        ("/admin/%2f/evil.example", "/admin"),
        ("/admin/a%252Fb", "/admin"),
        ("/admin/a%5cb", "/admin"),
        ("/admin/%0d%0ax", "/admin"),
        ("/admin/sign%2din/start", "/admin"),
        ("/admin/%73ign-in", "/admin"),
        ("/admin/x..y/%E3%81%82?at=%2F", "/admin/x..y/%E3%81%82?at=%2F"),
    ],
    ids=str,
)
def test_a_sign_in_leads_to_our_own_pages_only(wanted: str | None, expected: str) -> None:
    assert principals.own_path(wanted) == expected


_PIECES = st.sampled_from(
    [
        *[
            "/admin",
            "/",
            "..",
            ".",
            "%2e",
            "%2E",
            "%252e",
            "%2f",
            "%5c",
            "%25",
            "\\",
            "?",
            "#",
            "//",
        ],
        *["keys", "sign-in", "%73ign-in", "start", "evil.example", ":", "@", ";", " ", "\t", "%0a"],
    ]
)


@given(st.lists(_PIECES, max_size=10).map("".join) | st.text(max_size=30))
def test_whatever_is_accepted_stays_below_the_portal_in_a_browser(rest: str) -> None:
    path = principals.own_path("/admin/" + rest)
    origin = "https://contact-centre.example"
    for read in (path, unquote(path), unquote(unquote(path))):
        target = urlsplit(urljoin(origin + "/", read.partition("?")[0]))
        assert f"{target.scheme}://{target.netloc}" == origin
        assert target.path == "/admin" or target.path.startswith("/admin/")
        assert not target.path.startswith("/admin/sign-in")


def audited(server: Server) -> list[str]:
    answer = server.request("GET", "/v1/admin/audit", scope="admin").json()
    return [each["what"] for each in answer["audit"]]


def first_admin(server: Server) -> Any:
    with server.office() as office:
        return next(each for each in office.people("default") if each.subject == "first-admin")


@pytest.mark.parametrize(
    ("take", "ended", "command", "refused"),
    [
        (
            lambda office, person: office.revoke_person("default", person),
            "the first admin was revoked",
            "screenpop people restore {}",
            "the first admin is revoked",
        ),
        (
            lambda office, person: office.set_roles("default", person, ["supervisor"]),
            "the first admin is admin no more",
            "screenpop people role {} admin",
            "the first admin is admin no more",
        ),
    ],
    ids=["revoked", "no admin"],
)
def test_a_link_gives_nothing_back_that_was_taken_away_and_says_why(
    server: Server,
    visitor: Visitor,
    stranger: Visitor,
    *,
    take: Callable[[Office, str], object],
    ended: str,
    command: str,
    refused: str,
) -> None:
    assert enter(visitor, link(server)).status_code == 303
    before = link(server)
    person = first_admin(server).id
    try:
        with server.office() as office:
            take(office, person)
        taken = first_admin(server)
        assert f"one-time admin links ended: {ended}" in audited(server)
        assert enter(stranger, before).status_code == 403
        answer = enter(stranger, link(server))
        assert answer.status_code == 403
        assert command.format(person) in answer.text
        assert "set-cookie" not in answer.headers
        assert first_admin(server) == taken
        assert f"one-time link refused: {refused}" in audited(server)
    finally:
        with server.office() as office:
            office.restore_person("default", person)
            office.set_roles("default", person, ["admin"])
    assert enter(stranger, link(server)).status_code == 303


def test_links_end_when_an_admin_comes_by_the_provider(
    server: Server, visitor: Visitor, stranger: Visitor, provider: OpenIdProvider
) -> None:
    provider.twist()
    token = link(server)
    assert by_provider(visitor, "ada").status_code == 303
    assert enter(stranger, token).status_code == 403
    ended = "one-time admin links ended: an admin has signed in by the provider"
    assert ended in audited(server)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, SCREENPOP_ENVIRONMENT_DOMAIN="app.test")
    with server.office() as office:
        office.create_tenant("other")
    with server:
        yield server


def test_one_address_begins_so_many_sign_ins_a_second_at_each_tenant(two: Server) -> None:
    def begin(tenant: str, address: str) -> int:
        # This very machine is a trusted proxy.
        head = {"host": f"{tenant}.app.test", "x-forwarded-for": address, "accept": "text/html"}
        return two.request("GET", "/admin/sign-in/start", headers=head).status_code

    begun = [begin("default", "192.0.2.1") for _ in range(60)]
    assert begun[0] == 403  # no provider is set up
    assert 429 in begun
    assert begin("default", "192.0.2.2") == 403
    assert begin("other", "192.0.2.1") == 403
    same = [begin("default", f"2001:db8::{number:x}") for number in range(1, 61)]
    assert 429 in same


def test_a_session_of_one_tenant_opens_nothing_of_another(two: Server) -> None:
    cookie = signed_in.sign_in_as_admin(two, "default")
    for tenant, expected in (("default", 303), ("other", 200)):
        answer = two.request(
            "GET",
            "/admin/sign-in",
            headers={"cookie": cookie, "host": f"{tenant}.app.test", "accept": "text/html"},
        )
        assert answer.status_code == expected


def test_a_link_of_one_tenant_lets_nobody_into_another(two: Server) -> None:
    token = link(two)
    head = {
        **OWN,
        "host": "other.app.test",
        "content-type": "application/x-www-form-urlencoded",
    }
    answer = two.request("POST", "/admin/first", f"token={token}", headers=head)
    assert answer.status_code == 403


def test_people_of_one_tenant_are_not_read_or_changed_by_another(two: Server) -> None:
    signed_in.sign_in(two, "agent", tenant="default", name="Alice")
    head = {"host": "other.app.test"}
    listed = two.request("GET", "/v1/admin/people", scope="admin", tenant="other", headers=head)
    assert listed.json() == {"people": []}
    with two.office() as office:
        (alice,) = office.people("default")
    changed = two.request(
        "PUT",
        f"/v1/admin/people/{alice.id}",
        {"roles": ["admin"]},
        scope="admin",
        tenant="other",
        headers=head,
    )
    assert changed.status_code == 404
