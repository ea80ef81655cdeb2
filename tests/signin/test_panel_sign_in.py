"""Sign in from the panel, with a strict provider that others wrote, and as an attacker would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server import Server
from tests.signin.conftest import CRM, OTHER_CRM, use
from tests.signin.openid import CLIENT_SECRET, OTHER_TID, TID, OpenIdProvider
from tests.signin.visitor import PANEL_COOKIE, PanelSignIn, Visitor


def person(server: Server, name: str) -> dict[str, Any]:
    people = server.request("GET", "/v1/admin/people", scope="admin").json()["people"]
    return next(each for each in people if each["email"] == f"{name}@contoso.example")


def confirm(server: Server, name: str) -> None:
    found = person(server, name)
    answer = server.request(
        "PUT", f"/v1/admin/people/{found['id']}", {"agent": name, "revoked": False}, scope="admin"
    )
    assert answer.status_code == 200, answer.text


def test_an_agent_signs_in_and_gets_tickets_once_confirmed(
    server: Server, panel: PanelSignIn
) -> None:
    signed = panel.sign_in("alice")
    assert signed["state"] == "signed-in"
    waiting = panel.ticket(signed["session"])
    assert (waiting.status_code, waiting.json()["agent"]) == (403, "alice@contoso.example")
    assert waiting.json()["type"].endswith(":agent-unconfirmed")
    confirm(server, "alice")
    assert panel.ticket(signed["session"]).json()["agent"] == "alice"
    assert panel.ticket().json()["agent"] == "alice"  # by the cookie alone


def test_the_cookie_of_the_panel_is_partitioned_and_bound_to_the_host(panel: PanelSignIn) -> None:
    assert panel.register().status_code == 200
    panel.call_back(panel.to_callback())
    (cookie,) = panel.redeem().headers.get_list("set-cookie")
    assert cookie.startswith(f"{PANEL_COOKIE}=")
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned"):
        assert f"; {attribute}" in cookie
    assert "domain" not in cookie.lower()


def test_the_closing_page_is_static_and_keeps_its_opener_policy_open(panel: PanelSignIn) -> None:
    panel.register()
    done = panel.call_back(panel.to_callback())
    assert "Alice Contoso" in done.text
    assert "cross-origin-opener-policy" not in done.headers
    assert "frame-ancestors 'none'" in done.headers["content-security-policy"]
    assert "<script>" not in done.text


def test_the_result_is_given_once(panel: PanelSignIn) -> None:
    assert panel.sign_in()["state"] == "signed-in"
    assert panel.redeem().status_code == 404


def test_a_wrong_verifier_gets_nothing(panel: PanelSignIn) -> None:
    panel.register()
    panel.call_back(panel.to_callback())
    assert panel.redeem(verifier="x" * 43).status_code == 401
    assert panel.redeem().json()["state"] == "signed-in"


def test_the_panel_of_another_page_cannot_redeem_it(panel: PanelSignIn) -> None:
    panel.register()
    panel.call_back(panel.to_callback())
    assert panel.redeem(ancestors=[OTHER_CRM]).status_code == 401


def test_a_session_works_under_no_other_embedding_origin(
    server: Server, panel: PanelSignIn
) -> None:
    signed = panel.sign_in("alice")
    confirm(server, "alice")
    assert panel.ticket(signed["session"]).status_code == 200
    for elsewhere in ([OTHER_CRM], [], [CRM, OTHER_CRM]):
        assert panel.ticket(signed["session"], ancestors=elsewhere).status_code == 401
        assert panel.ticket(ancestors=elsewhere).status_code == 401


def test_a_session_of_a_page_that_does_not_say_where_it_is_works_nowhere_else(
    server: Server, panel: PanelSignIn
) -> None:
    panel.ancestors = None
    signed = panel.sign_in("alice")
    confirm(server, "alice")
    assert panel.ticket(signed["session"]).status_code == 200
    for elsewhere in ([CRM], [OTHER_CRM], []):
        assert panel.ticket(signed["session"], ancestors=elsewhere).status_code == 401


def test_another_provider_needs_the_secret_again(
    server: Server, panel: PanelSignIn, provider: OpenIdProvider
) -> None:
    """Else an admin's key would send the secret to any server of its choice."""
    kept = provider.settings()
    del kept["client_secret"]

    def put(**changes: Any) -> Any:
        return server.request("PUT", "/v1/admin/sign-in", {**kept, **changes}, scope="admin")

    assert put().status_code == 200
    for changes in ({"issuer": "https://evil.example"}, {"client_id": "another"}):
        refused = put(**changes)
        assert refused.status_code == 422, refused.text
        assert "client_secret" in refused.text
    assert put(client_secret="").json()["has_secret"]
    assert panel.sign_in()["state"] == "signed-in"


def test_a_page_that_is_not_allowed_cannot_begin(visitor: Visitor) -> None:
    assert PanelSignIn(visitor, ["https://not.allowed.example"]).register().status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_a_window_that_our_panel_did_not_open_asks_for_the_panels_code(
    panel: PanelSignIn, stranger: Visitor, site: str
) -> None:
    code = panel.register().json()["code"]
    page = panel.open_window(stranger, sec_fetch_site=site)
    assert page.status_code == 200
    assert "location" not in page.headers
    assert code not in page.text
    assert not stranger.cookies[stranger.at("").partition("//")[2]]


def test_the_window_speaks_the_panels_language_to_its_end(
    panel: PanelSignIn, stranger: Visitor, provider: OpenIdProvider
) -> None:
    provider.twist()
    panel.register()
    address = stranger.at(f"/sign-in/start?tx={panel.tx}&lang=ja")
    asked = stranger.ask("GET", address, headers={"accept-language": "en"})
    assert '<html lang="ja"' in asked.text
    assert "<button>次へ</button>" in asked.text
    own = {"sec-fetch-site": "same-origin", "sec-fetch-dest": "document", "accept-language": "en"}
    start = panel.browser.ask(
        "GET", panel.browser.at(f"/sign-in/start?tx={panel.tx}&lang=ja"), headers=own
    )
    held: Any = panel.browser.follow(start, "alice", until="/v1/signin/callback")
    done = panel.browser.ask("POST", held.target, fields=held.fields, headers={"origin": "null"})
    assert '<html lang="ja"' in done.text


def test_a_frame_of_our_own_cannot_begin_unseen(panel: PanelSignIn) -> None:
    panel.register()
    assert panel.open_window(sec_fetch_dest="iframe").status_code == 200


def _type(panel: PanelSignIn, code: str) -> Any:
    own = {"sec-fetch-site": "same-origin"}
    fields = {"tx": panel.tx, "code": code}
    return panel.browser.ask(
        "POST", panel.browser.at("/sign-in/confirm"), fields=fields, headers=own
    )


def test_the_right_code_leads_on_by_a_link(panel: PanelSignIn) -> None:
    code = panel.register().json()["code"]
    panel.open_window(sec_fetch_site="")
    page = _type(panel, f" {code.lower()} ")
    assert page.status_code == 200
    assert "code_challenge_method=S256" in page.text


def test_five_wrong_codes_end_it(panel: PanelSignIn) -> None:
    code = panel.register().json()["code"]
    panel.open_window(sec_fetch_site="none")
    assert [_type(panel, "????").status_code for _ in range(5)] == [422] * 4 + [403]
    assert _type(panel, code).status_code == 400
    assert panel.redeem().json()["reason"] == "wrong-token"


def test_a_code_that_another_site_posts_is_refused(panel: PanelSignIn) -> None:
    code = panel.register().json()["code"]
    fields = {"tx": panel.tx, "code": code}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        answer = panel.browser.ask(
            "POST", panel.browser.at("/sign-in/confirm"), fields=fields, headers=headers
        )
        assert answer.status_code == 403


def test_a_callback_in_another_browser_signs_nobody_in(
    panel: PanelSignIn, stranger: Visitor
) -> None:
    panel.register()
    held = panel.to_callback()
    refused = panel.call_back(held, stranger)
    assert refused.status_code == 403
    assert PANEL_COOKIE not in str(stranger.cookies)
    # Whoever began still gets what is theirs.
    assert panel.call_back(held).status_code == 200
    assert panel.redeem().json()["state"] == "signed-in"


def test_a_replayed_callback_is_refused(panel: PanelSignIn) -> None:
    panel.register()
    held = panel.to_callback()
    assert panel.call_back(held).status_code == 200
    assert panel.call_back(held).status_code == 400
    assert panel.redeem().json()["state"] == "signed-in"


def test_a_code_of_another_sign_in_is_refused(panel: PanelSignIn, stranger: Visitor) -> None:
    """Code injection: the victim's state with a code that the attacker got for himself."""
    theirs = PanelSignIn(stranger, [CRM])
    theirs.register()
    stolen = theirs.to_callback("bob")
    panel.register()
    held = panel.to_callback("alice")
    assert held.fields is not None
    assert stolen.fields is not None
    held.fields["code"] = stolen.fields["code"]
    assert panel.call_back(held).status_code == 403
    assert panel.redeem().json()["reason"] == "refused"


@pytest.mark.parametrize(
    ("twist", "reason"),
    [
        ({"claims": {"aud": "another-client"}}, "wrong-token"),
        ({"claims": {"aud": ["screenpop", "another-client"]}}, "wrong-token"),
        ({"claims": {"azp": "another-client"}}, "wrong-token"),
        ({"claims": {"iss": "https://evil.example"}}, "wrong-token"),
        ({"claims": {"nonce": "another"}}, "wrong-token"),
        ({"claims": {"nonce": None}}, "wrong-token"),
        ({"claims": {"exp": 1_700_000_000}}, "wrong-token"),
        ({"claims": {"exp": None}}, "wrong-token"),
        ({"claims": {"nbf": 4_000_000_000}}, "wrong-token"),
        ({"claims": {"iat": 4_000_000_000}}, "wrong-token"),
        ({"claims": {"tid": OTHER_TID}}, "wrong-directory"),
        ({"claims": {"tid": None}}, "wrong-directory"),
        ({"claims": {"oid": None}}, "wrong-token"),
        ({"claims": {"oid": ""}}, "wrong-token"),
        ({"claims": {"oid": ["a", "b"]}}, "wrong-token"),
        ({"alg": "none"}, "wrong-token"),
        ({"alg": "HS256", "secret": CLIENT_SECRET}, "wrong-token"),
        ({"key": "other"}, "wrong-token"),
        ({"key": "other", "kid": "unknown"}, "wrong-token"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_token_that_proves_nothing_signs_nobody_in(
    panel: PanelSignIn, provider: OpenIdProvider, twist: dict[str, Any], reason: str
) -> None:
    provider.twist(**twist)
    panel.register()
    page = panel.call_back(panel.to_callback())
    assert page.status_code == 403
    told = panel.redeem()
    assert (told.json()["state"], told.json()["reason"]) == ("failed", reason)
    assert "set-cookie" not in told.headers


def test_an_answer_without_a_token_is_named(panel: PanelSignIn, provider: OpenIdProvider) -> None:
    provider.twist(without=True)
    panel.register()
    assert panel.call_back(panel.to_callback()).status_code == 403
    assert panel.redeem().json() == {
        "state": "failed",
        "reason": "wrong-token",
        "detail": "The sign-in was refused: the answer holds no ID token.",
    }


def test_the_panel_is_told_why_in_the_language_of_its_window(
    panel: PanelSignIn, provider: OpenIdProvider
) -> None:
    provider.twist(without=True)
    panel.register()
    panel.call_back(panel.to_callback(accept_language="ja"))
    assert panel.redeem().json()["detail"] == (
        "サインインは拒否されました: 応答に ID トークンがありません。"
    )


def test_a_good_token_that_was_only_signed_anew_is_taken(
    panel: PanelSignIn, provider: OpenIdProvider
) -> None:
    """So that the test above fails for its claims, and not for how the tests sign."""
    provider.twist(claims={"azp": "screenpop"})
    assert panel.sign_in()["state"] == "signed-in"


def test_a_person_of_another_directory_may_not_come(panel: PanelSignIn) -> None:
    panel.register()
    assert panel.call_back(panel.to_callback("eve")).status_code == 403
    assert panel.redeem().json()["reason"] == "wrong-directory"


def test_a_cancelled_consent_is_told_in_the_panel(panel: PanelSignIn) -> None:
    panel.register()
    page = panel.call_back(panel.to_callback(None))
    assert "cancelled" in page.text
    assert panel.redeem().json()["reason"] == "denied"


def test_a_cancelled_window_leads_nowhere(panel: PanelSignIn) -> None:
    panel.register()
    held = panel.to_callback()
    body = {"tx": panel.tx, "verifier": panel.verifier, "ancestors": panel.ancestors}
    assert panel.browser.api("/v1/sign-in/cancel", body).status_code == 204
    assert panel.call_back(held).status_code == 400
    assert panel.redeem().status_code == 404


def test_a_transaction_opens_one_window_only(panel: PanelSignIn, stranger: Visitor) -> None:
    panel.register()
    assert panel.open_window().status_code == 303
    assert panel.open_window(stranger).status_code == 400


def test_a_transaction_cannot_be_taken_over_by_its_name(
    panel: PanelSignIn, stranger: Visitor
) -> None:
    panel.register()
    theirs = PanelSignIn(stranger, [CRM])
    theirs.tx = panel.tx
    assert theirs.register().status_code == 400


def test_the_window_may_come_before_its_registration(panel: PanelSignIn, stranger: Visitor) -> None:
    """A click opens the window first, or browsers block it."""
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(panel.open_window, stranger)
        assert panel.register().status_code == 200
        assert opened.result(10).status_code == 303


def test_two_tabs_of_one_browser_sign_in_at_once(visitor: Visitor, panel: PanelSignIn) -> None:
    second = PanelSignIn(visitor, [CRM])
    panel.register()
    second.register()
    first_held = panel.to_callback("alice")
    second_held = second.to_callback("alice")
    assert panel.call_back(first_held).status_code == 200
    assert second.call_back(second_held).status_code == 200
    assert panel.redeem().json()["state"] == "signed-in"
    assert second.redeem().json()["state"] == "signed-in"


def test_a_cookie_that_was_planted_is_not_the_session_afterwards(panel: PanelSignIn) -> None:
    host = panel.browser.at("").partition("//")[2]
    panel.browser.cookies[host] = {PANEL_COOKIE: "planted" * 6 + "x"}
    signed = panel.sign_in()
    assert panel.browser.cookies[host][PANEL_COOKIE] == signed["session"]
    assert not signed["session"].startswith("planted")


def test_signing_in_again_gives_another_session(panel: PanelSignIn) -> None:
    first = panel.sign_in()["session"]
    again = PanelSignIn(panel.browser, [CRM])
    assert again.sign_in()["session"] != first


def test_the_panel_waits_for_the_window_without_asking_again_and_again(
    panel: PanelSignIn, stranger: Visitor
) -> None:
    panel.register()
    other = PanelSignIn(stranger, [CRM])
    other.tx, other.verifier = panel.tx, panel.verifier
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.redeem)
        panel.call_back(panel.to_callback())
        assert waiting.result(30).json()["state"] == "signed-in"


def test_a_provider_that_is_down_is_told_in_the_panel(
    server: Server, panel: PanelSignIn, provider: OpenIdProvider
) -> None:
    use(server, provider, issuer=f"http://localhost:9/{TID}/v2.0")
    try:
        panel.register()
        assert panel.open_window().status_code == 502
        told = panel.redeem().json()
        assert told["reason"] == "unavailable"
        assert "localhost" in told["detail"]
    finally:
        use(server, provider)


def test_a_wrong_client_secret_is_named(
    server: Server, panel: PanelSignIn, provider: OpenIdProvider
) -> None:
    use(server, provider, client_secret="wrong")
    try:
        panel.register()
        panel.call_back(panel.to_callback())
        told = panel.redeem().json()
        assert told["reason"] == "refused"
        assert "client secret" in told["detail"]
    finally:
        use(server, provider)


def test_a_revoked_person_is_out_at_once_and_may_not_come_back(
    server: Server, panel: PanelSignIn
) -> None:
    signed = panel.sign_in("bob")
    confirm(server, "bob")
    made = panel.ticket(signed["session"])
    feed = server.connect(
        protocol="screenpop.v1",
        scope=None,
        headers={"Origin": server.url},
        path="/v1/feed",
    )
    feed.say(kind="hello", ticket=made.json()["ticket"], ancestors=[CRM])
    feed.until("welcome")
    found = person(server, "bob")["id"]
    with server.office() as office:  # a command line, in another process
        office.revoke_person("default", found)
    assert feed.close_code(within=2) == 4401
    assert panel.ticket(signed["session"]).status_code == 401
    again = PanelSignIn(panel.browser, [CRM])
    again.register()
    again.call_back(again.to_callback("bob"))
    assert again.redeem().json()["reason"] == "revoked"
    with server.office() as office:
        office.restore_person("default", found)


def test_signing_out_everywhere_ends_every_session(
    server: Server, panel: PanelSignIn, stranger: Visitor
) -> None:
    elsewhere = PanelSignIn(stranger, [CRM])
    here, there = panel.sign_in("alice")["session"], elsewhere.sign_in("alice")["session"]
    confirm(server, "alice")
    head = {"authorization": f"Bearer {here}"}
    assert panel.browser.api("/v1/session/end", {"everywhere": True}, **head).status_code == 204
    assert panel.ticket(here).status_code == 401
    assert elsewhere.ticket(there).status_code == 401


def test_a_person_without_a_role_is_told_so(panel: PanelSignIn) -> None:
    signed = panel.sign_in("nora")
    refused = panel.ticket(signed["session"])
    assert refused.status_code == 403
    assert refused.json()["type"].endswith(":not-an-agent")


def test_a_known_agent_is_proposed_by_the_short_name(server: Server, panel: PanelSignIn) -> None:
    server.report("offered", "c-ada", agent="ada")
    signed = panel.sign_in("ada")
    assert panel.ticket(signed["session"]).json()["agent"] == "ada"
    confirmed = server.request(
        "POST", "/v1/admin/people/confirm", {"tid": TID}, scope="admin"
    ).json()
    assert "ada" in [each["agent"] for each in confirmed["people"]]
    assert panel.ticket(signed["session"]).status_code == 200
