from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.panels import Desk, pop
from tests.browser.states import states
from tests.browser.views import CARD, View

pytestmark = pytest.mark.browser

INSPECT = Path(__file__).with_name("inspect_page.js").read_text("utf-8")
NARROW = {"width": 300, "height": 640}
LOCALES = ["en-GB", "ja-JP"]
NEED_NAMES = {"button", "heading", "img", "link", "region", "textbox"}


def faults(page: Page) -> list[str]:
    """Give what is wrong with a page, light and dark: its boxes and colours, its tree, by axe."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    found = nameless(page)
    for theme in axe.in_themes(page):
        seen: list[str] = page.evaluate(INSPECT, width)
        found += [f"{theme}: {each}" for each in (*seen, *axe.violations(page))]
    return found


def nameless(page: Page) -> list[str]:
    """Give what a screen reader could not call by a name."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        f"no name: {node['role']['value']}"
        for node in nodes
        if not node.get("ignored")
        and node["role"]["value"] in NEED_NAMES
        and not node.get("name", {}).get("value", "").strip()
    ]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_state_of_a_narrow_panel_can_be_read_and_used(
    new_desk: Callable[..., Desk], locale: str
) -> None:
    desk = new_desk(viewport=NARROW, locale=locale)
    desk.open_records_by("tab")
    found = {state: faults(page) for state, page in states(desk)}
    assert not any(found.values()), found


@pytest.mark.parametrize("locale", LOCALES)
def test_the_refusal_card_can_be_read(
    new_desk: Callable[..., Desk], allow: Callable[..., None], locale: str
) -> None:
    allow()
    view = View(new_desk(locale=locale).context.new_page())
    assert view.show("https://a-very-long-name-of-an-organisation.crm4.dynamics.com") == CARD
    for theme in axe.in_themes(view.page):
        assert view.frame.evaluate(INSPECT, 340) == [], theme
        assert axe.violations(view.frame) == [], theme


ENGLISH = re.compile(r"[A-Za-z]{3,}")


def test_a_japanese_panel_has_no_english_left_in_it(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(locale="ja-JP")
    desk.open_records_by("tab")
    page = desk.open_panel()
    desk.server.report("offered", "c-ja", agent=desk.agent, customer={"phone": "+81355500123"})
    expect(page.locator("[data-phase=ringing]")).to_be_visible()
    desk.server.answer(desk.agent, "c-ja", customer={"phone": "+81355500123"})
    waiting = pop(page, "blocked")
    expect(waiting).to_be_visible()
    said = page.locator("body").aria_snapshot()
    lines = [line for line in said.splitlines() if "/url:" not in line]
    names = re.findall(r'"([^"]*)"|: (.*)', "\n".join(lines))
    words = {word for pair in names for each in pair for word in ENGLISH.findall(each)}
    # Each language is offered in its own words.
    assert words <= {"Screenpop", "Alt", "agent", "English"}, said


def test_a_keyboard_is_enough(desk: Desk) -> None:
    desk.open_records_by("tab")
    page = desk.open_panel()
    desk.answer()
    expect(pop(page, "blocked")).to_be_visible()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.dataset.part ?? document.activeElement.id")
        )
        ring_width = page.evaluate(
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        )
        assert reached[-1] == "" or ring_width >= 2, reached
        if reached[-1] == "open":
            break
    assert reached[-1] == "open", reached
    with page.expect_popup():
        page.keyboard.press("Enter")
    expect(pop(page, "opened")).to_be_visible()


def test_a_ringing_call_takes_no_focus(desk: Desk) -> None:
    page = desk.open_panel()
    page.get_by_role("button", name="Sign out").focus()
    desk.server.report("offered", "c-focus", agent=desk.agent)
    expect(page.locator("[data-contact=c-focus]")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    expect(page).to_have_title(re.compile(r"\(1\) Ringing: "))
