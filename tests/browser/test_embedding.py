from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.panels import panel_url
from tests.browser.sites import HOME, framing
from tests.browser.views import BLOCKED, CARD, NOTICE, PANEL, View
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

CRM4 = "https://contoso.crm4.dynamics.com"


@pytest.fixture(scope="module")
def view(browser: Browser) -> Iterator[View]:
    context = browser.new_context()
    yield View(context.new_page())
    context.close()


CASES = [
    # rules, pages around (outermost first), seen, seen where the parent hides its referrer
    ([CRM4], [CRM4], (PANEL, PANEL)),
    ([CRM4], ["https://fabrikam.crm4.dynamics.com"], (CARD, BLOCKED)),
    ([CRM4], ["http://contoso.crm4.dynamics.com"], (CARD, BLOCKED)),
    ([CRM4], [f"{CRM4}:8443"], (CARD, BLOCKED)),
    ([f"{CRM4}:8443"], [f"{CRM4}:8443"], (PANEL, PANEL)),
    ([f"{CRM4}:8443"], [CRM4], (CARD, BLOCKED)),
    ([f"{CRM4}:*"], [f"{CRM4}:8443"], (PANEL, PANEL)),
    (["*.crm4.dynamics.com"], [CRM4], (PANEL, PANEL)),
    (["*.crm4.dynamics.com"], ["https://a.b.crm4.dynamics.com"], (PANEL, PANEL)),
    (["*.crm4.dynamics.com"], ["https://crm4.dynamics.com"], (CARD, BLOCKED)),
    (["*.crm4.dynamics.com"], ["https://evilcrm4.dynamics.com"], (CARD, BLOCKED)),
    (["*.crm4.dynamics.com"], ["https://contoso.crm4.dynamics.com.evil.example"], (CARD, BLOCKED)),
    (["*.crm.dynamics.com"], [CRM4], (CARD, BLOCKED)),
    (["contoso.crm4.dynamics.com"], [CRM4], (PANEL, PANEL)),
    (["contoso.crm4.dynamics.com"], ["http://contoso.crm4.dynamics.com"], (PANEL, PANEL)),
    # Every browser lets https match a source written http: the server's and the page's own check.
    (["http://contoso.crm4.dynamics.com"], [CRM4], (CARD, NOTICE)),
    (["http://contoso.crm4.dynamics.com"], ["http://contoso.crm4.dynamics.com"], (PANEL, PANEL)),
    (["https://münchen.example"], ["https://xn--mnchen-3ya.example"], (PANEL, PANEL)),
    ([], [CRM4], (CARD, BLOCKED)),
    # Nested: the referrer names the nearest page only, frame-ancestors checks them all.
    ([CRM4], [CRM4, "https://forms.example"], (CARD, BLOCKED)),
    (["https://forms.example"], [CRM4, "https://forms.example"], (BLOCKED, BLOCKED)),
    ([CRM4, "https://forms.example"], [CRM4, "https://forms.example"], (PANEL, PANEL)),
    (["http://top.example", CRM4], ["https://top.example", CRM4], (NOTICE, NOTICE)),
]


def _named(case: object) -> str | None:
    return " > ".join(map(str, case)) or "nobody" if isinstance(case, list) else None


@pytest.mark.parametrize(("rules", "around", "sees"), CASES, ids=_named)
def test_the_panel_is_shown_where_the_rules_say(
    view: View,
    allow: Callable[..., None],
    rules: list[str],
    around: list[str],
    sees: tuple[str, str],
) -> None:
    allow(*rules)
    seen = view.show(*around), view.show(*around, policy="no-referrer")
    assert seen == sees


def test_a_refusal_names_the_origin_and_the_line_and_works_again_once_it_is_added(
    view: View, server: Server, allow: Callable[..., None]
) -> None:
    allow("https://elsewhere.example")
    assert view.show(f"{CRM4}:8443") == CARD
    frame = view.frame
    assert f"{CRM4}:8443" in frame.locator("body").inner_text()
    assert "elsewhere" not in frame.content()
    assert frame.locator("script, iframe, form, link").count() == 0
    frame.get_by_role("link", name="Try again").click()
    frame.wait_for_url(re.compile("embedder="))
    assert view.seen() == CARD
    _set_by_command_line(server, f"{CRM4}:8443\n")
    eventually(lambda: _rules(server) == f"{CRM4}:8443\n", "the server obeys", within=2)
    frame.get_by_role("link", name="Try again").click()
    expect(frame.locator("#connection")).to_be_visible()
    assert _refusals(server)[f"{CRM4}:8443", "server"]["line"] == f"{CRM4}:8443"


def _set_by_command_line(server: Server, text: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "adapter", "domains", "set", "-"],
        input=text,
        text=True,
        check=True,
        env={"SCREENPOP_DATA_DIR": str(server.folder), "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.DEVNULL,
    )


def _rules(server: Server) -> str:
    return server.request("GET", "/v1/admin/domains", scope="admin").text


def _refusals(server: Server) -> dict[tuple[str, str], dict[str, Any]]:
    rows = server.request("GET", "/v1/admin/refusals", scope="admin").json()["refusals"]
    return {(each["origin"], each["seen_by"]): each for each in rows}


def test_a_frame_that_only_the_browser_blocked_is_on_the_admins_list(
    view: View, server: Server, allow: Callable[..., None]
) -> None:
    hidden = "https://hidden.crm4.dynamics.com"
    allow(CRM4)
    assert view.show(hidden, policy="no-referrer") == BLOCKED
    listed = eventually(
        lambda: _refusals(server).get((hidden, "browser")), "the browser's report is listed"
    )
    assert listed["line"] == hidden


def test_rules_on_trial_block_nobody_and_the_browser_reports_whom_they_would(
    view: View, server: Server, allow: Callable[..., None]
) -> None:
    tried = "https://trial.crm4.dynamics.com"
    allow(CRM4, tried)
    path = "/v1/admin/domains/trial"
    try:
        assert server.request("PUT", path, CRM4, scope="admin").is_success
        assert view.show(tried) == PANEL

        def seen() -> bool:
            rows = server.request("GET", path, scope="admin").json()["would_refuse"]
            found = {each["seen_by"] for each in rows if each["origin"] == tried}
            return found == {"trial page", "trial browser"}

        eventually(seen, "the page and the browser have told of it")
    finally:
        assert server.request("PUT", path, "", scope="admin").is_success


EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("parent", "claimed", "sees"),
    [
        (CRM4, EVIL, (CARD, CARD)),
        (EVIL, CRM4, (CARD, BLOCKED)),
        (CRM4, CRM4, (PANEL, PANEL)),
    ],
)
def test_the_retry_parameter_lets_nobody_in(
    view: View, allow: Callable[..., None], parent: str, claimed: str, sees: tuple[str, str]
) -> None:
    allow(CRM4)
    retry = f"{HOME}/?embedder={claimed}"
    seen = view.show(parent, to=retry), view.show(parent, to=retry, policy="no-referrer")
    assert seen == sees


def test_a_tab_of_its_own_always_loads(page: Page, allow: Callable[..., None]) -> None:
    allow()
    for address in (f"{HOME}/", f"{HOME}/?embedder=https://evil.example"):
        page.goto(address)
        expect(page.locator("#connection[data-state=signed-out]")).to_be_visible()


def test_rules_that_change_spare_the_open_panel_and_meet_the_next_load(
    view: View, server: Server, allow: Callable[..., None]
) -> None:
    allow(CRM4)
    assert view.show(CRM4, to=panel_url(server, "alice")) == PANEL
    panel = view.frame
    expect(panel.locator("#connection[data-state=live]")).to_be_visible()
    allow("https://elsewhere.example")
    warning = panel.locator("[data-notice=embedder]")
    expect(warning).to_contain_text("may no longer show the panel")
    expect(warning).to_contain_text(CRM4)
    server.report("offered", "c-rules", agent="alice")
    expect(panel.locator("[data-contact=c-rules]")).to_be_visible()
    expect(panel.locator("#connection[data-state=live]")).to_be_visible()
    assert view.show(CRM4) == CARD
    server.report("ended", "c-rules", agent="alice")


def test_a_ticket_does_not_stay_in_the_frames_address(
    view: View, server: Server, allow: Callable[..., None]
) -> None:
    allow(CRM4)
    assert view.show(CRM4, to=panel_url(server, "alice")) == PANEL
    panel = view.frame
    expect(panel.locator("#connection[data-state=live]")).to_be_visible()
    panel.wait_for_url(f"{HOME}/")


@pytest.mark.parametrize("path", ["/nothing", "/v1/events"])
def test_a_frame_with_a_wrong_address_shows_a_card_and_leads_to_the_panel(
    view: View, allow: Callable[..., None], path: str
) -> None:
    allow(CRM4)
    view.page.goto(framing(CRM4, HOME + path))
    expect(view.page.frame_locator("iframe").get_by_role("heading")).to_be_visible()
    view.frame.get_by_role("link", name="Open the agent panel").click()
    assert view.seen() == PANEL


ANSWERS = [
    ("GET", "/", {}),
    ("GET", "/", {"sec-fetch-dest": "iframe", "referer": "https://evil.example/"}),
    ("GET", "/nothing/here", {}),
    ("POST", "/", {}),
    ("GET", "/v1/contacts/none", {}),
    ("GET", "/static/0/panel/tab.html", {}),
    ("GET", "/v1/events", {}),
]


@pytest.mark.parametrize(("method", "path", "headers"), ANSWERS)
def test_no_answer_that_a_browser_shows_goes_without_frame_ancestors(
    server: Server, method: str, path: str, headers: dict[str, str]
) -> None:
    asked = {"accept": "text/html", **headers}
    answer = server.http.request(method, server.url + path, headers=asked, follow_redirects=True)
    assert "frame-ancestors " in answer.headers.get("content-security-policy", ""), answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_host_that_is_no_tenant_gets_a_card_without_anything_of_anybody(tmp_path: Path) -> None:
    with Server(tmp_path, SCREENPOP_ENVIRONMENT_DOMAIN="screenpop.example") as server:
        with server.office() as office:
            office.create_tenant("acme")
        head = {"host": "nobody.screenpop.example", "accept": "text/html"}
        answer = eventually(
            lambda: (got := server.http.get(server.url, headers=head)).status_code == 421 and got,
            "the server knows that it has two tenants",
        )
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors *" in policy
        assert "default-src 'none'" in policy
        assert "<script" not in answer.text
        assert "nobody.screenpop.example" in answer.text
