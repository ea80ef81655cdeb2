"""Drive the shipped connector in a browser: the panel's page and Dynamics are two sites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Frame, Page, Playwright

from adapter.demo import samples
from adapter.demo.rendering import STATIC
from tests.demo.receiver import Receiver
from tests.demo.site import serving

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium"),
]
DENISE = samples.CONTACTS[2]


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield running
    running.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Receiver()) as port:
        yield port


@pytest.fixture
def dashboard(chromium: Browser, port: int) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://contoso.localhost:{port}/")
    yield page
    context.close()


def panel_of(page: Page) -> Frame:
    """Find the panel, once the connector has greeted it."""
    connector = page.frame_locator("#side-pane iframe").locator("iframe")
    handle = connector.element_handle()
    frame = handle.content_frame()
    assert frame is not None
    frame.wait_for_function("window.heard?.length > 0")
    return frame


def answer(panel: Frame) -> dict[str, str]:
    panel.wait_for_function("heard.at(-1).type !== 'screenpop.connect'")
    told: dict[str, str] = panel.evaluate("heard.pop()")
    return told


def record_url(port: int, row_id: str) -> str:
    return (
        f"http://contoso.localhost:{port}/main.aspx?appid={samples.APP_ID}"
        f"&pagetype=entityrecord&etn=contact&id={row_id}"
    )


def test_a_pop_opens_the_record_and_leaves_the_panel_alone(dashboard: Page, port: int) -> None:
    panel = panel_of(dashboard)
    panel.fill("#notes", "half a sentence")
    panel.evaluate("url => ask(url)", record_url(port, DENISE.id))
    dashboard.wait_for_selector(f"[data-id='{DENISE.id}']")
    told = answer(panel)
    assert (told["type"], told["request"]) == ("screenpop.opened", "r1")
    assert told["origin"] == f"http://contoso.localhost:{port}"
    dashboard.wait_for_url(record_url(port, DENISE.id))
    assert panel.input_value("#notes") == "half a sentence"
    assert panel.evaluate("document.activeElement.id") == "notes"


def test_the_panel_is_greeted_until_it_answers_and_then_no_more(dashboard: Page) -> None:
    panel = panel_of(dashboard)
    # Its answer may cross a second greeting; what it asks behind it is answered after that.
    panel.evaluate("url => ask(url)", "javascript:alert(1)")
    assert answer(panel)["type"] == "screenpop.failed"
    greeted = panel.evaluate("heard.length")
    dashboard.wait_for_timeout(1200)
    assert panel.evaluate("heard.length") == greeted


def test_what_dynamics_refuses_fails_with_its_words(dashboard: Page, port: int) -> None:
    panel = panel_of(dashboard)
    panel.evaluate("url => ask(url)", record_url(port, "00000000-0000-0000-0000-000000000000"))
    told = answer(panel)
    assert told["type"] == "screenpop.failed"
    assert "was not found" in told["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/main.aspx?pagetype=entityrecord&etn=contact",
        "javascript:alert(1)",
        "http://contoso.localhost/main.aspx?pagetype=entityrecord&etn=contact",
    ],
)
def test_other_sites_are_not_opened(dashboard: Page, url: str) -> None:
    panel = panel_of(dashboard)
    before = dashboard.url
    panel.evaluate("url => ask(url)", url)
    assert answer(panel)["type"] == "screenpop.failed"
    assert dashboard.url == before


def test_other_windows_are_not_obeyed(dashboard: Page, port: int) -> None:
    panel = panel_of(dashboard)
    connector = panel.parent_frame
    assert connector is not None
    message = {"type": "screenpop.open", "request": "r1", "url": record_url(port, DENISE.id)}
    connector.evaluate("message => postMessage(message, location.origin)", message)
    dashboard.evaluate("message => frames[0].postMessage(message, location.origin)", message)
    dashboard.wait_for_timeout(500)
    assert "pagetype=dashboard" in dashboard.url


def test_a_reload_keeps_the_pane_and_a_new_tab_has_none(dashboard: Page, port: int) -> None:
    panel_of(dashboard).evaluate("url => ask(url)", record_url(port, DENISE.id))
    dashboard.wait_for_selector(f"[data-id='{DENISE.id}']")
    dashboard.reload()
    panel_of(dashboard)
    tab = dashboard.context.new_page()
    tab.goto(record_url(port, DENISE.id))
    assert tab.locator("iframe").count() == 0
    tab.click("#toggle-pane")
    panel_of(tab)


def test_a_panel_that_does_not_answer_is_explained(chromium: Browser, port: int) -> None:
    # The panel's page lets contoso.localhost alone frame it.
    page = chromium.new_page()
    page.route(
        "http://fabrikam.localhost/**",
        lambda route: route.fulfill(path=STATIC / urlsplit(route.request.url).path.split("/")[-1]),
    )
    page.goto(
        "http://fabrikam.localhost/WebResources/screenpop_/connector.html"
        f"?data=http%3A%2F%2Fscreenpop.localhost%3A{port}"
    )
    page.wait_for_selector("#status:not([hidden])", timeout=15_000)
    assert "allowed domains: http://fabrikam.localhost" in page.inner_text("#status")
