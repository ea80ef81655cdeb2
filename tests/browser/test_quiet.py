"""What nobody should notice: the network, the console, movement, direction, colours."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.panels import Desk, pop
from tests.browser.sites import ADAPTER, HOME
from tests.browser.states import states
from tests.browser.test_panel import NARROW, faults

pytestmark = pytest.mark.browser


def test_a_shift_asks_no_other_host_and_writes_nothing_to_the_console(desk: Desk) -> None:
    desk.open_records_by("tab")
    said: list[str] = []
    asked: set[str | None] = set()
    desk.context.on("console", lambda message: said.append(message.text))
    desk.context.on("weberror", lambda error: said.append(str(error.error)))
    desk.context.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
    # A first visit without a ticket is no error either.
    page = desk.context.new_page()
    page.goto(f"{HOME}/")
    expect(page.locator("[data-notice=signed-out]")).to_be_visible()
    page = desk.open_panel()
    desk.server.report("offered", "c-quiet", agent=desk.agent)
    desk.server.answer(desk.agent, "c-quiet")
    expect(pop(page, "blocked")).to_be_visible()
    desk.server.report("ended", "c-quiet", agent=desk.agent)
    expect(page.locator("[data-recent=c-quiet]")).to_be_attached()
    assert said == []
    assert asked == {ADAPTER}


def test_who_wants_no_motion_gets_none(new_desk: Callable[..., Desk]) -> None:
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
    for wish, expected in (("no-preference", 1), ("reduce", 0)):
        desk = new_desk(reduced_motion=wish)
        page = desk.open_panel()
        desk.server.report("offered", f"c-{wish}", agent=desk.agent)
        expect(page.locator("[data-phase=ringing]")).to_be_visible()
        page.wait_for_function(f"{moving} === {expected}")


@pytest.mark.soak
@pytest.mark.parametrize(
    "look",
    [
        pytest.param({"forced_colors": "active"}, id="forced colours"),
        pytest.param(
            {"device_scale_factor": 1, "viewport": {"width": 320, "height": 256}}, id="400 %"
        ),
    ],
)
def test_every_state_can_be_used_by_who_sees_otherwise(
    new_desk: Callable[..., Desk], look: dict[str, object]
) -> None:
    desk = new_desk(**{"viewport": NARROW, **look})
    desk.open_records_by("tab")
    found = {state: faults(page) for state, page in states(desk)}
    assert not any(found.values()), found


@pytest.mark.soak
def test_a_page_that_runs_from_right_to_left_holds_together(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(viewport=NARROW)
    desk.open_records_by("tab")
    found = {}
    for state, page in states(desk):
        page.locator("html").evaluate("html => { html.dir = 'rtl' }")
        found[state] = faults(page)
    assert not any(found.values()), found


def test_the_tab_says_what_goes_on(desk: Desk) -> None:
    page = desk.open_panel()
    icon = page.locator("#favicon")
    quiet = icon.get_attribute("data-quiet") or ""
    expect(icon).to_have_attribute("href", quiet)
    for number in (1, 2):
        desk.server.report("offered", f"c-tab-{number}", agent=desk.agent, customer={"name": "Jo"})
        expect(page).to_have_title(f"({number}) Ringing: Jo")
    expect(icon).to_have_attribute("href", icon.get_attribute("data-ringing") or "")
    for number in (1, 2):
        desk.server.report("ended", f"c-tab-{number}", agent=desk.agent)
    expect(page).to_have_title("Screenpop")
    expect(icon).to_have_attribute("href", quiet)
