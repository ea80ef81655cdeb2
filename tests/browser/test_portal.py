"""The portal in a real browser: by keyboard, at every width, without scripts, in no frame."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.browser import portal_pages
from tests.browser.sites import HOME
from tests.server import Server

pytestmark = pytest.mark.browser

OWN = ("/admin", "/admin/domains", "/admin/health", "/admin/audit", "/admin/settings")


@pytest.fixture
def new_admin(server: Server, new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Give a maker of browsers that are signed in to the portal."""

    def make(**options: object) -> Page:
        context = new_context(**options)
        portal_pages.sign_in(context, server)
        return context.new_page()

    return make


@pytest.fixture(autouse=True)
def no_rules(server: Server) -> None:
    text = {"content-type": "text/plain"}
    server.request("PUT", "/v1/admin/domains", "", scope="admin", headers=text)


@pytest.mark.parametrize("path", OWN)
def test_nothing_is_wider_than_the_page(new_admin: Callable[..., Page], path: str) -> None:
    # 320 px is also what a page of 1280 px has left at 400 % (WCAG 1.4.10).
    for width in (320, 700, 1280):
        page = new_admin(viewport={"width": width, "height": 800})
        page.goto(f"{HOME}{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} at {width}: {wide}"
        page.close()


def test_no_policy_is_broken_and_nothing_fails(new_admin: Callable[..., Page]) -> None:
    page = new_admin()
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in OWN:
        page.goto(f"{HOME}{path}", wait_until="networkidle")
    assert said == []


def test_problems_stand_at_their_line_while_it_is_typed(new_admin: Callable[..., Page]) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin/domains")
    area = page.get_by_role("textbox", name="Rules, one a line")
    area.fill("https://contoso.crm4.dynamics.com\nhttps://x.example/path\n*.crm.dynamics.com")
    findings = page.locator("#findings")
    expect(findings).to_contain_text("a rule ends after the domain or the port")
    expect(page.locator(".gutter span").nth(1)).to_have_attribute("data-mark", "✕")
    findings.get_by_role("link", name="Line 2").click()
    chosen = "(area) => area.value.slice(area.selectionStart, area.selectionEnd)"
    assert area.evaluate(chosen) == "https://x.example/path"
    page.keyboard.type("https://x.example")
    expect(findings.get_by_text("These lines cannot be saved")).to_have_count(0)
    expect(findings).to_contain_text("every customer of Dynamics 365 (North America)")
    expect(page.locator("#header")).to_contain_text("'self' https://contoso.crm4.dynamics.com")
    page.get_by_label("Origin of the page").fill("https://x.example:8443")
    expect(page.locator("#tried")).to_contain_text("https://x.example:8443 may not show the panel")


def test_rules_are_saved_by_keyboard_alone(server: Server, new_admin: Callable[..., Page]) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin/domains")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#content$"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Rules, one a line")).to_be_focused()
    page.keyboard.type("https://keyboard.example")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved: 1 rule is in force.")
    assert server.request("GET", "/v1/admin/domains", scope="admin").text == (
        "https://keyboard.example"
    )


def test_rules_are_saved_without_scripts(server: Server, new_admin: Callable[..., Page]) -> None:
    page = new_admin(java_script_enabled=False)
    page.goto(f"{HOME}/admin/domains")
    page.get_by_role("textbox", name="Rules, one a line").fill("*")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("a wildcard needs a domain after it")
    page.get_by_role("textbox", name="Rules, one a line").fill("https://plain.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_role("button", name="Copy: Header")).to_be_hidden()


def test_the_summary_of_errors_is_where_one_goes_on(new_admin: Callable[..., Page]) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin/domains")
    page.get_by_role("textbox", name="Rules, one a line").fill("*")
    page.get_by_role("button", name="Save", exact=True).click()
    summary = page.locator("#errors")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    summary.get_by_role("link").click()
    expect(page.get_by_role("textbox", name="Rules, one a line")).to_be_focused()


def test_the_menu_of_a_narrow_page_opens_and_leads_on(new_admin: Callable[..., Page]) -> None:
    page = new_admin(viewport={"width": 320, "height": 640})
    page.goto(f"{HOME}/admin")
    expect(page.get_by_role("link", name="Audit log")).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    expect(page.get_by_role("button", name="Menu")).to_be_visible()


def test_times_are_in_the_browsers_zone_from_the_first_page_on(
    new_admin: Callable[..., Page],
) -> None:
    page = new_admin(timezone_id="Asia/Tokyo", locale="en-GB")
    page.goto(f"{HOME}/admin/audit")
    at = page.locator("time").first
    utc = at.get_attribute("datetime")
    shown = page.evaluate(
        "(utc) => new Date(utc).toLocaleTimeString('en-GB', {timeZone: 'Asia/Tokyo'})", utc
    )
    shown = shown[2:]  # some English counts hours to twelve
    expect(at).to_contain_text(shown)
    page.reload()
    expect(at).to_contain_text(shown)
    expect(page.locator("body")).to_have_attribute("data-zone", "Asia/Tokyo")


def test_a_text_is_copied_by_a_click(new_admin: Callable[..., Page]) -> None:
    page = new_admin(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{HOME}/admin/domains")
    page.get_by_role("button", name="Copy: Header").click()
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "Content-Security-Policy: frame-ancestors 'none'"


def test_no_page_shows_the_portal_in_a_frame(new_admin: Callable[..., Page]) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin")
    # Our own page: not even it may frame the portal.
    with page.expect_console_message(lambda message: "frame" in message.text):
        page.evaluate(
            """() => {
              const frame = document.createElement("iframe");
              frame.src = "/admin";
              document.body.append(frame);
            }"""
        )
