"""The agent's language: chosen in the panel, kept by the browser, left alone by everything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.panels import Desk, is_live, panel_url
from tests.browser.sites import HOME
from tests.browser.states import is_saved, note_of, write_about

pytestmark = pytest.mark.browser


def test_the_agent_changes_the_language_and_stays_at_work(desk: Desk) -> None:
    page = desk.open_panel()
    desk.server.report("offered", "c-lang", agent=desk.agent)
    desk.server.answer(desk.agent, "c-lang")
    note_of(page, "c-lang").fill("writ")
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    is_live(page)
    expect(page.locator("[data-contact=c-lang]")).to_contain_text("対応中")
    expect(page.get_by_role("button", name="サインアウト")).to_be_visible()
    expect(note_of(page, "c-lang")).to_have_value("writ")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    is_live(page)
    # Once chosen it holds for the next visit, whatever the browser would like.
    page.goto("about:blank")
    page.goto(f"{HOME}/")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_choice_counts_before_the_browsers_wish(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(locale="ja-JP")
    page = desk.open_panel()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto("about:blank")
    page.goto(panel_url(desk.server, desk.agent))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    is_live(page)


def test_a_reload_for_the_language_keeps_the_notes(desk: Desk) -> None:
    page = desk.open_panel()
    desk.server.report("offered", "c-keep", agent=desk.agent)
    desk.server.answer(desk.agent, "c-keep")
    write_about(page, "c-keep", "half a wor")
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    is_live(page)
    again = desk.open_panel()
    expect(note_of(again, "c-keep")).to_have_value("half a wor")
    write_about(again, "c-keep", "d")
    is_saved(again, "c-keep")
