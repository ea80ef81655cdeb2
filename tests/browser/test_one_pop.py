from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable

import pytest
from playwright.sync_api import Page, WebSocket, expect

from adapter.store import maintenance
from tests.browser.panels import Desk, is_live, panel_url, pop
from tests.browser.sites import HOME, framing
from tests.server import ORGANISATION, elsewhere, eventually

pytestmark = pytest.mark.browser


def test_a_ticket_in_the_address_opens_the_panel_once(desk: Desk) -> None:
    address = panel_url(desk.server, desk.agent)
    panel, late = desk.context.new_page(), desk.context.new_page()
    panel.goto(address)
    is_live(panel)
    expect(panel.locator("#agent")).to_have_text(desk.agent)
    expect(panel).to_have_url(f"{HOME}/")
    late.goto(address)
    expect(late.locator("[data-notice=signed-out]")).to_contain_text("This link cannot be used")
    panel.reload()
    expect(panel.locator("[data-notice=signed-out]")).to_contain_text("This page was reloaded")


def test_a_panel_shows_nothing_of_another_agent(desk: Desk) -> None:
    panel = desk.open_panel()
    desk.server.report("offered", "c-foreign", agent="somebody-else")
    desk.server.report("offered", "c-own", agent=desk.agent)
    expect(panel.locator("[data-contact=c-own]")).to_be_visible()
    expect(panel.locator("[data-contact=c-foreign]")).to_have_count(0)


def test_pops_reuse_the_one_tab_that_a_click_opened(desk: Desk) -> None:
    desk.open_records_by("tab")
    panel = desk.open_panel()
    tab = desk.start_shift(panel)
    expect(tab).to_have_title("Records open here")
    for _ in range(2):
        contact = desk.answer()
        desk.tells(contact, "opened: tab")
        tab.wait_for_url(f"{ORGANISATION}/main.aspx*&id={contact}")
        assert desk.views(contact) == 1
    assert len(desk.context.pages) == 2
    expect(pop(panel, "opened")).to_have_count(2)


def test_without_a_tab_the_record_waits_for_one_key_and_says_why(desk: Desk) -> None:
    desk.open_records_by("tab")
    panel = desk.open_panel()
    contact = desk.answer()
    desk.tells(contact, "blocked: tab")
    waiting = pop(panel, "blocked")
    expect(waiting.get_by_role("link", name="Open record")).to_be_visible()
    expect(waiting).to_contain_text("The tab for records is not open.")
    expect(panel.locator("#announcer")).to_contain_text("Alt+O")
    assert desk.views(contact) == 0
    with panel.expect_popup() as popup:
        panel.keyboard.press("Alt+o")
    desk.tells(contact, "opened: link")
    popup.value.wait_for_url(f"{ORGANISATION}/main.aspx*&id={contact}")
    expect(pop(panel, "opened")).to_be_visible()


def test_of_two_that_wait_the_key_opens_the_one_of_the_contact_in_sight(desk: Desk) -> None:
    desk.open_records_by("tab")
    panel = desk.open_panel()
    earlier = desk.answer()
    desk.tells(earlier, "blocked: tab")
    desk.server.report("ended", earlier, agent=desk.agent)
    contact = desk.answer()
    desk.tells(contact, "blocked: tab")
    expect(pop(panel, "blocked")).to_have_count(2)
    expect(panel.locator("kbd:visible")).to_have_count(1)
    expect(panel.locator("contact-card kbd")).to_be_visible()
    with panel.expect_popup() as popup:
        panel.keyboard.press("Alt+o")
    popup.value.wait_for_url(f"{ORGANISATION}/main.aspx*&id={contact}")
    expect(panel.locator("#pops kbd")).to_be_visible()


def test_a_closed_tab_is_noticed_and_opened_anew_by_a_click(desk: Desk) -> None:
    desk.open_records_by("tab")
    panel = desk.open_panel()
    desk.start_shift(panel).close()
    # The panel has noticed: it offers to open the tab again.
    expect(panel.locator("shift-start[data-state=closed]")).to_be_visible()
    desk.tells(desk.answer(), "blocked: tab")
    with panel.expect_popup() as popup:
        pop(panel, "blocked").get_by_role("link", name="Open record").click()
    desk.tells(desk.answer(), "opened: tab")
    expect(pop(panel, "opened")).to_have_count(2)
    assert set(desk.context.pages) == {panel, popup.value}


def test_of_two_tabs_of_an_agent_the_one_used_last_opens_the_record(desk: Desk) -> None:
    desk.open_records_by("tab")
    feeds: dict[Page, WebSocket] = {}
    panels = []
    for _ in range(2):
        panel = desk.context.new_page()
        with panel.expect_websocket() as feed:
            panel.goto(panel_url(desk.server, desk.agent))
        feeds[panel] = feed.value
        is_live(panel)
        desk.start_shift(panel)
        panels.append(panel)
    for used, other in (panels, reversed(panels)):
        desk.use(used, feeds[used])
        contact = desk.answer()
        desk.tells(contact, "opened: tab")
        expect(used.locator(f"[data-contact='{contact}'] [data-state=opened]")).to_be_visible()
        expect(other.locator(f"[data-contact='{contact}'] [data-state=mirror]")).to_be_visible()
        eventually(lambda contact=contact: desk.views(contact), "the record is asked for")  # type: ignore[misc]
        assert desk.views(contact) == 1


def test_a_pop_of_a_panel_that_died_waits_in_another_for_one_key(
    desk: Desk, allow: Callable[..., None]
) -> None:
    allow(ORGANISATION)
    desk.open_records_by("host")
    other = desk.open_panel()
    owner = desk.context.new_page()
    owner.goto(framing(ORGANISATION, panel_url(desk.server, desk.agent), deaf=True))
    expect(owner).to_have_title("connected")
    owner.frame_locator("iframe").locator("#connection[data-state=live]").click()
    contact = desk.answer()
    owner.wait_for_function("document.title.startsWith('asked ')")
    expect(pop(other, "mirror")).to_be_visible()
    owner.close()
    expect(pop(other, "ready")).to_be_visible(timeout=2_000)
    assert desk.views(contact) == 0
    with other.expect_popup() as popup:
        other.keyboard.press("Enter")
    desk.tells(contact, "opened: link")
    popup.value.wait_for_url(f"{ORGANISATION}/main.aspx*&id={contact}")
    assert desk.views(contact) == 1


def test_a_killed_server_comes_back_to_the_same_panel_without_a_second_pop(desk: Desk) -> None:
    desk.open_records_by("tab")
    panel = desk.open_panel()
    tab = desk.start_shift(panel)
    before = desk.answer()
    tab.wait_for_url(f"{ORGANISATION}/main.aspx*&id={before}")
    desk.tells(before, "opened: tab")
    desk.server.kill9()
    expect(panel.locator("#connection")).not_to_have_attribute("data-state", "live")
    desk.server.start()
    meanwhile = desk.answer()
    tab.wait_for_url(f"{ORGANISATION}/main.aspx*&id={meanwhile}")
    is_live(panel)
    after = desk.answer()
    tab.wait_for_url(f"{ORGANISATION}/main.aspx*&id={after}")
    expect(pop(panel, "opened")).to_have_count(3)
    assert [desk.views(each) for each in (before, meanwhile, after)] == [1, 1, 1]


def test_a_panel_that_saw_more_than_a_restored_backup_holds_misses_no_call_of_it(
    desk: Desk,
) -> None:
    def rings(names: Iterable[str]) -> list[str]:
        called = [f"{desk.agent}-{name}" for name in names]
        for each in called:
            desk.server.report("offered", each, agent=desk.agent)
        return called

    panel = desk.open_panel()
    copy = desk.server.folder / f"{desk.agent}.copy"
    maintenance.backup(desk.server.database, copy)
    lost = rings("abc")
    expect(panel.locator("[data-phase=ringing]")).to_have_count(3)
    desk.server.kill9()
    shutil.copyfile(copy, desk.server.database)
    with elsewhere(desk.server):
        new = rings("defgh")
    desk.server.start()
    for each in new:
        expect(panel.locator(f"[data-contact={each}][data-phase=ringing]")).to_be_visible()
    for each in lost:
        expect(panel.locator(f"[data-contact={each}]")).to_have_count(0)


def test_a_record_is_shown_beside_the_panel_where_the_admin_chose_so(desk: Desk) -> None:
    desk.open_records_by("embedded")
    panel = desk.open_panel()
    contact = desk.answer()
    desk.tells(contact, "unknown: embedded")
    frame = panel.locator("#record iframe")
    expect(frame).to_be_visible()
    expect(frame).to_have_attribute("src", re.compile(f"main.aspx.*&id={contact}"))
    eventually(lambda: desk.views(contact) == 1, "the record is in the frame")
    expect(pop(panel, "unknown")).to_contain_text("beside the panel")
