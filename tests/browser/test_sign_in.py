"""Sign in from a panel in a frame of another site, as browsers with partitions let it happen."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Error, Frame, Page, expect

from tests.browser.panels import is_live
from tests.browser.sites import HOME, framing
from tests.server import Server
from tests.signin.openid import OpenIdProvider

pytestmark = pytest.mark.browser

CRM = "https://contoso.crm4.dynamics.com"
EVIL = "https://evil.crm4.dynamics.com"
CALLBACK = f"{HOME}/v1/signin/callback"
CARD = "sign-in-card[data-state={}]"


@pytest.fixture(scope="module", params=[True, False], ids=["coop", "no coop"])
def provider(server: Server, request: pytest.FixtureRequest) -> Iterator[OpenIdProvider]:
    """Give a provider on a site of its own, with and without an opener policy."""
    with OpenIdProvider([CALLBACK], host="id.localhost", coop=request.param) as running:
        saved = server.request(
            "PUT", "/v1/admin/sign-in", running.settings(name="Contoso"), scope="admin"
        )
        assert saved.status_code == 200, saved.text
        yield running
        # Other tests' panels say what they say where nobody signs in.
        assert server.request("PUT", "/v1/admin/sign-in", {}, scope="admin").status_code == 200


@pytest.fixture
def context(
    new_context: Callable[..., BrowserContext], allow: Callable[..., None], provider: OpenIdProvider
) -> BrowserContext:
    allow(CRM, EVIL)
    return new_context(locale="en-GB")


def panel_in(page: Page) -> Frame:
    frame = page.frame(url=re.compile(re.escape(HOME)))
    assert frame is not None
    return frame


def open_frame(context: BrowserContext, parent: str = CRM) -> Page:
    page = context.new_page()
    page.goto(framing(parent, f"{HOME}/"))
    return page


def open_window(page: Page, button: str = "Sign in with Contoso") -> Page:
    panel = panel_in(page)
    with page.context.expect_page() as opened:
        panel.get_by_role("button", name=button).click()
    return opened.value


def fill_in(window: Page, login: str = "alice") -> None:
    window.locator("#login").fill(login)
    window.locator("#go").click()


def confirm(server: Server, agent: str) -> None:
    people = server.request("GET", "/v1/admin/people", scope="admin").json()["people"]
    found = next(each for each in people if each["email"] == f"{agent}@contoso.example")
    answer = server.request(
        "PUT", f"/v1/admin/people/{found['id']}", {"agent": agent}, scope="admin"
    )
    assert answer.status_code == 200


def test_an_agent_signs_in_once_and_stays_so_over_a_reload(
    context: BrowserContext, server: Server
) -> None:
    page = open_frame(context)
    window = open_window(page)
    expect(panel_in(page).locator(CARD.format("waiting"))).to_be_visible()
    fill_in(window)
    # The link is confirmed already in the second round.
    panel = panel_in(page)
    live = panel.locator("#connection[data-state=live]")
    expect(panel.locator(CARD.format("agent-unconfirmed")).or_(live).first).to_be_visible()
    if not live.is_visible():
        # The short name where another test has made it known to the server.
        expect(panel.locator("sign-in-card")).to_contain_text("the agent alice")
        confirm(server, "alice")
        panel.get_by_role("button", name="Check now").click()
    is_live(panel)
    expect(panel.locator("#agent")).to_have_text("alice")
    page.reload()
    is_live(panel_in(page))


def signed_in(context: BrowserContext, server: Server, agent: str) -> Page:
    """Give a page whose panel is live as an agent."""
    page = open_frame(context)
    fill_in(open_window(page), agent)
    panel = panel_in(page)
    live = panel.locator("#connection[data-state=live]")
    expect(panel.locator(CARD.format("agent-unconfirmed")).or_(live).first).to_be_visible()
    if not live.is_visible():
        confirm(server, agent)
        panel.get_by_role("button", name="Check now").click()
    is_live(panel)
    return page


def near_the_end(server: Server) -> None:
    """Make every session one that began so long ago that it ends in ten minutes."""
    by = int((timedelta(hours=12) - timedelta(minutes=10)).total_seconds() * 1e6)
    with server.office() as office, office.database.transaction() as cursor:
        cursor.execute("UPDATE sessions SET created=created-?, expires=expires-?", (by, by))


def test_before_a_shift_ends_the_sign_in_is_renewed_between_contacts_and_nothing_is_lost(
    context: BrowserContext, server: Server
) -> None:
    page = signed_in(context, server, "bob")
    near_the_end(server)
    page.reload()
    panel = panel_in(page)
    is_live(panel)
    ending = panel.locator(CARD.format("ending"))
    expect(ending).to_contain_text("Your sign-in ends at")
    contact = f"c-end-{uuid.uuid4()}"
    server.report("offered", contact, agent="bob")
    server.answer("bob", contact)
    expect(panel.locator("[data-contact] textarea")).to_be_visible()
    expect(ending).to_be_hidden()  # never in the middle of a contact
    panel.locator("[data-contact] textarea").fill("calls back on Monday")
    panel.locator("body").click(position={"x": 2, "y": 2})
    server.report("ended", contact, agent="bob")
    expect(ending).to_be_visible()
    window = open_window(page, "Sign in again")
    fill_in_where_asked(window, "bob")
    expect(panel.locator("sign-in-card")).to_be_hidden()
    is_live(panel)
    panel.locator("#recent").evaluate("list => { list.open = true }")
    panel.locator("[data-recent] summary").first.click()
    expect(panel.locator("[data-recent] textarea").first).to_have_value("calls back on Monday")
    page.reload()
    is_live(panel_in(page))
    expect(panel_in(page).locator("sign-in-card")).to_be_hidden()


def fill_in_where_asked(window: Page, name: str) -> None:
    """Sign in, unless the provider knows the person still: then the window closes by itself."""
    for _ in range(200):
        try:
            if window.locator("#login").count():
                fill_in(window, name)
                return
            window.wait_for_timeout(50)
        except Error:
            if window.is_closed():
                return
            raise
    raise AssertionError("the window neither asked nor closed")


def test_signing_out_everywhere_ends_the_other_window_too(
    new_context: Callable[..., BrowserContext], context: BrowserContext, server: Server
) -> None:
    page = signed_in(context, server, "alice")
    other = signed_in(new_context(locale="en-GB"), server, "alice")
    panel_in(page).get_by_role("button", name="Sign out everywhere").click()
    for each in (page, other):
        expect(panel_in(each).locator("#connection[data-state=signed-out]")).to_be_visible()
    expect(panel_in(page).locator("sign-in-card")).to_contain_text("You are signed out")
    expect(panel_in(other).locator("sign-in-card")).to_contain_text("Your access was ended")


def test_nothing_of_customers_stays_in_sight_when_an_admin_ends_the_access(
    context: BrowserContext, server: Server
) -> None:
    page = signed_in(context, server, "alice")
    panel = panel_in(page)
    is_live(panel)
    contact = f"c-ended-{uuid.uuid4()}"
    server.report("offered", contact, agent="alice", customer={"phone": "+493012345"})
    expect(panel.locator("[data-contact]")).to_contain_text("12345")
    answer = server.request("GET", "/v1/admin/people", scope="admin").json()
    (alice,) = [each["id"] for each in answer["people"] if each["agent"] == "alice"]
    path = f"/v1/admin/people/{alice}"
    server.request("PUT", path, {"revoked": True}, scope="admin")
    try:
        expect(panel.locator("sign-in-card")).to_contain_text("Your access was ended")
        expect(panel.locator("[data-contact]")).to_have_count(0)
        expect(panel.locator("body")).not_to_contain_text("12345")
    finally:
        server.request("PUT", path, {"revoked": False}, scope="admin")
        server.report("ended", contact, agent="alice")


def test_the_window_closes_itself(context: BrowserContext) -> None:
    window = open_window(open_frame(context))
    with window.expect_event("close"):
        fill_in(window)


def test_a_session_is_refused_under_another_page_of_the_same_site(
    context: BrowserContext, server: Server
) -> None:
    """All of Dynamics is one site: the partitioned cookie goes along, and must not do."""
    page = open_frame(context)
    fill_in(open_window(page), "bob")
    panel = panel_in(page)
    expect(
        panel.locator(CARD.format("agent-unconfirmed"))
        .or_(panel.locator("#connection[data-state=live]"))
        .first
    ).to_be_visible()
    confirm(server, "bob")
    page.reload()
    is_live(panel_in(page))
    evil = open_frame(context, EVIL)
    expect(panel_in(evil).locator(CARD.format("idle"))).to_be_visible()


def test_a_cancelled_sign_in_is_a_card_that_offers_another_try(context: BrowserContext) -> None:
    page = open_frame(context)
    window = open_window(page)
    window.locator("#cancel").click()
    card = panel_in(page).locator(CARD.format("failed"))
    expect(card).to_contain_text("The sign-in was cancelled")
    again = open_window(page)
    expect(again.locator("#login")).to_be_visible()


def test_a_window_that_is_closed_is_no_dead_end(context: BrowserContext) -> None:
    page = open_frame(context)
    open_window(page).close()
    panel = panel_in(page)
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.locator(CARD.format("idle"))).to_be_visible()


def test_a_sandbox_that_blocks_windows_is_named(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{CRM}/")
    with page.expect_event("framenavigated", lambda frame: frame.url.startswith(HOME)):
        page.evaluate(
            """src => {
              const frame = document.createElement("iframe");
              frame.sandbox = "allow-scripts allow-same-origin allow-forms";
              frame.src = src;
              document.body.append(frame);
            }""",
            f"{HOME}/",
        )
    panel = panel_in(page)
    panel.get_by_role("button", name="Sign in with Contoso").click()
    card = panel.locator(CARD.format("blocked"))
    expect(card).to_contain_text("allow-popups")
    expect(card.get_by_role("link", name="Open in a new tab")).to_be_visible()


def test_a_link_from_elsewhere_asks_for_the_code_that_the_panel_shows(
    context: BrowserContext,
) -> None:
    page = open_frame(context)
    with page.context.expect_event(
        "request", lambda request: "/sign-in/start" in request.url
    ) as asked:
        window = open_window(page)
    expect(window.locator("#login")).to_be_visible()
    # The same link in a window that no panel has opened: used up by now.
    other = context.new_page()
    other.goto(asked.value.url)
    expect(other.locator("h1")).to_have_text("You are not signed in")


def test_the_first_admin_enters_by_the_link(context: BrowserContext, server: Server) -> None:
    with server.office() as office:
        token = office.admin_link("default").partition("#")[2]
    page = context.new_page()
    page.goto(f"{HOME}/admin/first#{token}")
    expect(page.locator("#token")).not_to_have_value("")
    expect(page).to_have_url(f"{HOME}/admin/first")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{HOME}/admin")
