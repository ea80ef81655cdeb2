"""Notes and the history of the day: never lost, never in the way."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from adapter.demo import samples
from tests.browser.demo import Demo, Station
from tests.browser.panels import Desk, panel_url, pop
from tests.browser.states import is_saved, note_of, write_about
from tests.server import ORGANISATION

pytestmark = pytest.mark.browser

CARET = "document.activeElement.selectionStart + document.activeElement.tagName"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo() as running:
        yield running


def call(desk: Desk, contact: str, *stages: str) -> None:
    for stage in stages:
        desk.server.report(stage, contact, agent=desk.agent, customer={"name": contact})


def test_typing_goes_on_where_it_was_whatever_comes_in(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-write", "offered", "answered")
    note = write_about(page, "c-write", "Hello world")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(CARET) == "1TEXTAREA"
    call(desk, "c-rings", "offered")
    expect(page.locator("[data-contact=c-rings][data-phase=ringing]")).to_be_visible()
    is_saved(page, "c-write")
    assert page.evaluate(CARET) == "1TEXTAREA"
    # The contact ends under the agent's hands: the card waits until they are done.
    call(desk, "c-write", "ended")
    expect(page.locator("[data-contact=c-write][data-phase=ended]")).to_be_visible()
    assert page.evaluate(CARET) == "1TEXTAREA"
    page.keyboard.type("ey, h")
    expect(note).to_have_value("Hey, hello world")
    page.locator("#sound").focus()
    expect(page.locator("[data-contact=c-write]")).to_have_count(0)
    expect(page.locator("[data-recent=c-write]")).to_be_attached()
    expect(note_of(page, "c-write")).to_have_value("Hey, hello world")


def test_a_click_below_a_card_that_leaves_for_it_is_not_lost(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-listed", "offered", "answered", "ended")
    call(desk, "c-left", "offered", "answered")
    write_about(page, "c-left", "Hello")
    call(desk, "c-left", "ended")
    expect(page.locator("[data-contact=c-left][data-phase=ended]")).to_be_visible()
    # A finger stays on the button for a tenth of a second.
    page.locator("#recent > summary").click(delay=200)
    expect(page.locator("[data-recent=c-listed]")).to_be_visible()
    expect(page.locator("[data-recent=c-left]")).to_be_visible()


def test_a_contact_that_rings_out_of_sight_is_pointed_to(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(viewport={"width": 300, "height": 400})
    page = desk.open_panel()
    for number in range(3):
        call(desk, f"c-tall-{number}", "offered", "answered")
    expect(page.locator("[data-contact=c-tall-2][data-phase=talking]")).to_be_visible()
    note = write_about(page, "c-tall-0", "writing")
    call(desk, "c-above", "offered")
    chip = page.get_by_role("button", name="Ringing: c-above")
    expect(chip).to_be_visible()
    expect(note).to_be_focused()
    expect(note).to_be_in_viewport()
    chip.click()
    expect(page.locator("[data-contact=c-above] h2")).to_be_in_viewport()
    expect(chip).to_be_hidden()


def test_a_note_is_there_after_the_tab_has_crashed(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-crash", "offered", "answered")
    note_of(page, "c-crash").fill("Promised to call back")
    is_saved(page, "c-crash")
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash")
    again = desk.open_panel()
    expect(note_of(again, "c-crash")).to_have_value("Promised to call back")


def test_a_page_that_is_left_in_the_middle_of_a_word_saves_it(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-leave", "offered", "answered")
    write_about(page, "c-leave", "unfinis")
    page.goto("about:blank")
    again = desk.open_panel()
    expect(note_of(again, "c-leave")).to_have_value("unfinis")


def test_a_reload_keeps_the_day_and_what_was_just_typed(
    demo: Demo, new_context: Callable[..., BrowserContext]
) -> None:
    station = Station(demo, new_context().new_page(), "carol")
    station.sign_in()
    first = demo.ring("carol", samples.CONTACTS[1])
    expect(station.panel.locator("[data-phase=ringing]")).to_be_visible()
    demo.act(first, "answer")
    expect(pop(station.panel, "opened")).to_be_visible()
    demo.act(first, "hangup")
    expect(station.panel.locator(f"[data-recent='{first}']")).to_be_attached()
    second = demo.ring("carol", samples.CONTACTS[2])
    expect(station.panel.locator("[data-phase=ringing]")).to_be_visible()
    demo.act(second, "answer")
    panel = station.panel
    expect(panel.locator(f"[data-contact='{second}'] [data-state=opened]")).to_be_visible()
    write_about(panel, second, "not yet sav")
    station.load()
    panel = station.panel
    expect(panel.locator(f"[data-contact='{second}'] textarea")).to_have_value("not yet sav")
    panel.locator("#recent > summary").click()
    row = panel.locator(f"[data-recent='{first}']")
    expect(row).to_contain_text(re.compile(r"Ended"))
    # One click, or one key on it, opens the record again.
    expect(row.get_by_role("link")).to_have_attribute("href", re.compile("pagetype=entityrecord"))
    demo.hang_up_everything()


def test_what_the_server_could_not_take_is_said_and_saved_when_it_is_back(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-lost", "offered", "answered")
    page.route("**/notes", lambda route: route.abort())
    note_of(page, "c-lost").fill("kept here")
    expect(page.locator("contact-notes[data-state=failed]")).to_contain_text("Not saved yet")
    page.unroute("**/notes")
    is_saved(page, "c-lost")


def test_two_windows_lose_nothing(desk: Desk) -> None:
    page, other = desk.open_panel(), desk.open_panel()
    call(desk, "c-two", "offered", "answered")
    note_of(other, "c-two").fill("from the left")
    is_saved(other, "c-two")
    note_of(page, "c-two").fill("from the right")
    conflict = page.get_by_role("group", name="Written in another window")
    expect(conflict.locator("blockquote")).to_have_text("from the left")
    conflict.get_by_role("button", name="Add it below").click()
    expect(conflict).to_be_hidden()
    expect(note_of(page, "c-two")).to_have_value("from the right\n\nfrom the left")
    expect(note_of(page, "c-two")).to_be_focused()
    is_saved(page, "c-two")
    third = desk.open_panel()
    expect(note_of(third, "c-two")).to_have_value("from the right\n\nfrom the left")
    expect(third.get_by_role("group", name="Written in another window")).to_be_hidden()


def test_the_last_record_opens_again_by_one_key(desk: Desk) -> None:
    desk.open_records_by("tab")
    page = desk.open_panel()
    tab = desk.start_shift(page)
    contact = desk.answer()
    desk.tells(contact, "opened: tab")
    desk.server.report("ended", contact, agent=desk.agent)
    expect(page.locator(f"[data-recent='{contact}']")).to_be_attached()
    tab.close()
    expect(page.locator("shift-start[data-state=closed]")).to_be_visible()
    page.bring_to_front()
    with page.expect_popup() as popup:
        page.keyboard.press("Alt+o")
    popup.value.wait_for_url(f"{ORGANISATION}/main.aspx*&id={contact}")


def test_the_history_says_what_became_of_each(desk: Desk) -> None:
    page = desk.open_panel()
    call(desk, "c-missed", "offered", "ended")
    call(desk, "c-talked", "offered", "answered", "ended")
    call(desk, "c-gone", "offered", "answered")
    desk.server.report("transferred", "c-gone", agent=f"{desk.agent}-other")
    for page_now in (page, reopened(desk, page)):
        page_now.locator("#recent").evaluate("element => { element.open = true }")
        rows = page_now.locator("[data-recent]")
        expect(rows).to_have_count(3)
        told = ["c-gone.*Transferred", r"c-talked.*Ended.*0:0\d", "c-missed.*Missed"]
        expect(rows.locator("summary")).to_have_text([re.compile(each, re.DOTALL) for each in told])


def reopened(desk: Desk, page: Page) -> Page:
    page.goto("about:blank")
    page.goto(panel_url(desk.server, desk.agent))
    return page
