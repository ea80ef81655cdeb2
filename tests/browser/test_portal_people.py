"""The portal's living pages in a real browser: they stay up to date, and axe finds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests import principals
from tests.browser import axe
from tests.browser.sites import HOME
from tests.server import Server

pytestmark = pytest.mark.browser

PATHS = (
    "/admin/agents",
    "/admin/keys",
    "/admin/contacts",
    "/admin/contacts/story?id=axe%201",
    "/admin/dead-letters",
    "/admin/try-it",
)


@pytest.fixture
def new_admin(server: Server, new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Give a maker of browsers that are signed in to the portal."""
    _, _, bearer = principals.sign_in_as_admin(server).partition("=")

    def make(**options: object) -> Page:
        context = new_context(**options)
        context.add_cookies(
            [
                {
                    "name": principals.COOKIE,
                    "value": bearer,
                    "url": HOME,
                    "secure": True,
                    "httpOnly": True,
                }
            ]
        )
        return context.new_page()

    return make


@pytest.mark.parametrize("width", [1280, 360])
def test_a_long_name_squeezes_no_value_and_a_long_value_is_scrolled(
    server: Server, new_admin: Callable[..., Page], width: int
) -> None:
    attributes = {"n" * 300: "word " * 600}
    server.report("offered", "long-names", agent="lina", attributes=attributes)
    page = new_admin(viewport={"width": width, "height": 800})
    page.goto(f"{HOME}/admin/contacts/story?id=long-names")
    page.get_by_text("1 attribute").click()
    assert page.evaluate("document.documentElement.scrollHeight") < 4000
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    value = page.locator(".facts .long").bounding_box()
    assert value is not None
    assert value["width"] > 200
    assert axe.violations(page) == []


def test_the_list_of_contacts_is_kept_up_to_date_until_it_is_paused(
    server: Server, new_admin: Callable[..., Page]
) -> None:
    page = new_admin()
    page.clock.install()
    page.goto(f"{HOME}/admin/contacts?agent=lively")
    expect(page.get_by_text("The list is kept up to date.")).to_be_visible()
    server.report("offered", "lively-1", agent="lively", customer={"name": "Maria Weber"})
    row = page.get_by_role("row", name="Maria Weber")
    expect(row).to_contain_text("Ringing")
    link = page.get_by_role("link", name="Maria Weber")
    link.focus()
    server.report("answered", "lively-1", agent="lively")
    expect(row).to_contain_text("Answered")
    expect(link).to_be_focused()  # new rows, the same place
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The list is paused.")).to_be_visible()
    server.report("ended", "lively-1", agent="lively")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.clock.run_for(10_000)
    page.evaluate("fetch('/healthz')")  # what the page had asked before would be known by now
    assert asked == ["/healthz"]
    expect(row).to_contain_text("Answered")
    page.get_by_role("button", name="Go on").click()
    expect(row).to_contain_text("Ended")


def test_a_list_that_takes_the_server_long_is_asked_for_as_seldom_as_the_server_says(
    server: Server, new_admin: Callable[..., Page]
) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        real = route.fetch(url=route.request.url.replace(HOME, server.url))
        route.fulfill(response=real, headers={**real.headers, "x-ask-again-after": "60.0"})

    page = new_admin()
    page.route("**/admin/contacts/rows?*", answer)
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.goto(f"{HOME}/admin/contacts?agent=seldom")
    expect(page.get_by_text("The list is kept up to date.")).to_be_visible()
    server.report("offered", "seldom-1", agent="seldom", customer={"name": "Maria Weber"})
    page.clock.run_for(2_000)
    row = page.get_by_role("row", name="Maria Weber")
    expect(row).to_contain_text("Ringing")
    server.report("answered", "seldom-1", agent="seldom")
    page.clock.run_for(59_000)
    page.evaluate("fetch('/healthz')")  # what the page had asked before would be known by now
    assert len(asked) == 1
    page.clock.run_for(1_000)
    expect(row).to_contain_text("Answered")


def test_a_simulated_contact_is_followed_by_keyboard_alone(
    server: Server, new_admin: Callable[..., Page]
) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin/try-it")
    page.get_by_label("Agent", exact=True).focus()
    page.keyboard.type("keyboarder")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("simulated-")
    answer = page.get_by_role("button", name="Let the agent answer")
    answer.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("answered (urn:screenpop:portal").first).to_be_visible()


def test_who_was_signed_out_is_told_and_nothing_is_asked_any_more(
    server: Server, new_admin: Callable[..., Page]
) -> None:
    page = new_admin()
    page.goto(f"{HOME}/admin/contacts")
    page.context.clear_cookies()
    expect(page.get_by_text("You are signed out: open the page again.")).to_be_visible()


def test_a_new_key_can_be_copied(server: Server, new_admin: Callable[..., Page]) -> None:
    page = new_admin(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{HOME}/admin/keys")
    page.get_by_label("Name", exact=True).fill("copied key")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"sp_[0-9a-f]{12}_[\w-]{43}", text)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 300, "height": 700}, "color_scheme": "dark"},
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", "locale": "ja"},
    ],
    ids=["narrow dark", "wide Japanese"],
)
def test_axe_finds_nothing_and_nothing_is_cut_off(
    server: Server, new_admin: Callable[..., Page], path: str, look: dict[str, object]
) -> None:
    customer = {"name": "Maria Weber", "phone": "+493023125101"}
    server.report("answered", "axe 1", agent="axel", customer=customer, attributes={"a": "b"})
    page = new_admin(**look)
    page.goto(HOME + path)
    assert axe.violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]  # type: ignore[index]  # it was given
