"""axe finds nothing on any page, light and dark, in both languages (the panel: test_panel.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from adapter.demo import samples
from tests.browser import axe, portal_pages
from tests.browser.demo import Demo, Station
from tests.browser.panels import Desk, pop
from tests.browser.sites import HOME
from tests.browser.states import sign_in_states
from tests.browser.test_panel import LOCALES, NARROW, faults
from tests.server import Server

pytestmark = pytest.mark.browser

NewContext = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo() as running:
        yield running


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    server.set_policy()
    portal_pages.fill(server, "axe-agent")
    return server


def both_themes(page: Page) -> list[str]:
    return [f"{theme}: {line}" for theme in axe.in_themes(page) for line in axe.violations(page)]


@pytest.mark.parametrize("locale", ["en-GB", pytest.param("ja-JP", marks=pytest.mark.soak)])
def test_every_page_of_the_portal(filled: Server, new_context: NewContext, locale: str) -> None:
    context = new_context(locale=locale)
    portal_pages.sign_in(context, filled)
    page = context.new_page()
    found = {name: both_themes(page) for name in portal_pages.walk(page)}
    assert len(found) > 10, list(found)
    wrong = {name: violations for name, violations in found.items() if violations}
    assert not wrong, "\n".join(
        f"{name}: {line}" for name, lines in wrong.items() for line in lines
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_that_stands_alone(server: Server, new_context: NewContext, locale: str) -> None:
    page = new_context(locale=locale).new_page()
    wrong = []
    for name, path in portal_pages.ALONE.items():
        page.goto(f"{HOME}{path}")
        wrong += [f"{name}: {line}" for line in both_themes(page)]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_what_the_portal_refuses(filled: Server, new_context: NewContext, locale: str) -> None:
    context = new_context(locale=locale)
    portal_pages.sign_in(context, filled)
    page = context.new_page()
    found = {name: both_themes(page) for name in portal_pages.faults(page)}
    assert len(found) > 1
    assert not any(found.values()), found


@pytest.mark.parametrize("locale", LOCALES)
def test_the_tab_for_records_and_a_lost_server(new_desk: Callable[..., Desk], locale: str) -> None:
    desk = new_desk(locale=locale)
    desk.open_records_by("tab")
    page = desk.open_panel()
    with page.expect_popup() as popup:
        page.locator("#start-shift").click()
    expect(popup.value.locator("h1")).to_be_visible()
    assert both_themes(popup.value) == []
    popup.value.close()
    page.context.set_offline(offline=True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    expect(page.locator("[data-notice=lost-server]")).to_be_visible(timeout=30_000)
    assert both_themes(page) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_state_of_the_sign_in(new_context: NewContext, locale: str) -> None:
    page = new_context(viewport=NARROW, locale=locale).new_page()
    found = {state: faults(page) for state in sign_in_states(page)}
    assert not any(found.values()), found


def test_the_panel_in_the_demo(demo: Demo, new_context: NewContext) -> None:
    station = Station(demo, new_context(locale="en-GB").new_page(), "alice")
    station.load()
    assert axe.violations(station.panel) == []
    station.sign_in()
    call = demo.ring("alice", samples.CONTACTS[2])
    demo.act(call, "answer")
    expect(pop(station.panel, "opened")).to_be_visible()
    assert axe.violations(station.panel) == []
    demo.hang_up_everything()
