"""What a screen reader finds, in which order, and what it is told without asking."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.panels import Desk, is_live, pop

pytestmark = pytest.mark.browser

HEARD = """() => {
  window.heard = [];
  const listen = (element) => new MutationObserver(() => {
    const words = element.textContent.trim();
    if (words) window.heard.push(words);
  }).observe(element, { childList: true, characterData: true, subtree: true });
  listen(document.getElementById("announcer"));
}"""


def test_an_idle_panel_reads_from_its_state_to_its_foot(desk: Desk) -> None:
    page = desk.open_panel()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("body")).to_match_aria_snapshot(f"""
        - banner:
          - heading "Screenpop" [level=1]
          - status: Connected
          - button "Turn on the ringing"
        - main:
          - heading "Start your shift" [level=2]
          - paragraph: /One click/
          - button "Start shift"
          - heading "No contact right now" [level=2]
          - paragraph: /When one reaches you/
        - contentinfo:
          - text: Signed in as
          - strong: {desk.agent}
          - button "Sign out"
          - navigation "Language":
            - link "日本語"
    """)


def test_a_ringing_contact_reads_who_by_what_and_since_when(desk: Desk) -> None:
    page = desk.open_panel()
    page.evaluate(HEARD)
    ring(desk, "c-tree")
    expect(page.get_by_role("region", name="Contacts")).to_match_aria_snapshot(r"""
        - region "Contacts":
          - article:
            - heading "Maria Weber" [level=2]
            - paragraph: +49 3023125101
            - paragraph:
              - text: Ringing
              - timer "Time": /\d:\d\d/
            - paragraph: Incoming call · Queue sales
            - term: Loyalty
            - definition: gold
    """)
    desk.server.report("updated", "c-tree", agent=desk.agent, attributes={"loyalty": "silver"})
    expect(page.get_by_role("definition")).to_have_text("silver")
    # Told once, by an alert that stands empty before and after.
    assert page.evaluate("heard") == [
        "Incoming call from Maria Weber, +49 3023125101, queue sales",
    ]
    assert page.locator("[role=alert]").all_inner_texts() == page.evaluate("heard")


def test_a_conversation_reads_its_record_then_what_is_known_then_the_notes(desk: Desk) -> None:
    desk.open_records_by("tab")
    page = desk.open_panel()
    page.evaluate(HEARD)
    ring(desk, "c-talk")
    desk.server.answer(desk.agent, "c-talk")
    expect(pop(page, "blocked")).to_be_visible()
    expect(page.get_by_role("region", name="Contacts")).to_match_aria_snapshot(r"""
        - region "Contacts":
          - article:
            - heading "Maria Weber" [level=2]
            - paragraph: +49 3023125101
            - paragraph:
              - text: In conversation
              - timer "Time": /\d:\d\d/
            - paragraph: Incoming call · Queue sales
            - status: The record could not open by itself.
            - paragraph: /The tab for records is not open/
            - link "Open record Alt+O":
              - /url: /contoso/
            - button "Dismiss"
            - term: Loyalty
            - definition: gold
            - textbox "Notes"
    """)
    assert page.evaluate("heard")[1:] == ["A record is ready: press Alt+O to open it."]


def test_the_history_reads_as_a_list_of_people_with_their_records(desk: Desk) -> None:
    desk.open_records_by("tab")
    page = desk.open_panel()
    ring(desk, "c-over")
    desk.server.answer(desk.agent, "c-over")
    expect(pop(page, "blocked")).to_be_visible()
    pop(page, "blocked").get_by_role("button", name="Dismiss").click()
    desk.server.report("ended", "c-over", agent=desk.agent)
    expect(page.locator("[data-recent=c-over]")).to_be_attached()
    page.get_by_text("Today's contacts").click()
    expect(page.get_by_role("main")).to_match_aria_snapshot(r"""
        - group:
          - text: Today's contacts 1
          - list:
            - listitem:
              - group: /Maria Weber \d.* · Ended · \d:\d\d/
              - link "Open the record of Maria Weber":
                - /url: /contoso/
    """)


def test_a_loss_is_told_when_it_lasts(desk: Desk) -> None:
    page = desk.open_panel()
    is_live(page)
    page.context.set_offline(offline=True)
    lost(page)
    alert = page.get_by_role("alert").filter(has_text="The server cannot be reached")
    expect(alert).to_be_visible(timeout=30_000)
    page.context.set_offline(offline=False)
    is_live(page)
    expect(alert).to_have_count(0)


def lost(page: Page) -> None:
    """Ask the panel to look at its line, as somebody does who comes back to it."""
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Connection lost")


def ring(desk: Desk, contact: str) -> None:
    desk.server.report(
        "offered",
        contact,
        agent=desk.agent,
        customer={"phone": "+493023125101", "name": "Maria Weber"},
        queue="sales",
        attributes={"loyalty": "gold"},
    )
