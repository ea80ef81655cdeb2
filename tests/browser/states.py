"""Bring a panel into each state that an agent sees, with all that can be long in it."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.browser.panels import Desk, pop
from tests.browser.sites import HOME

CUSTOMER = {"phone": "+4930123456", "name": "Anna-Katharina Schmidt-Wolkenstein 様"}


def states(desk: Desk) -> Iterator[tuple[str, Page]]:
    """Bring a panel from one state into the next."""
    page = desk.context.new_page()
    page.goto(f"{HOME}/")
    expect(page.locator("[data-notice=signed-out]")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == page.evaluate("navigator.language")[:2]
    yield "signed out", page
    page = desk.open_panel()
    expect(page.locator("#empty")).to_be_visible()
    yield "empty", page
    contact = f"c-{desk.agent}"
    ring(desk, contact)
    expect(page.locator("[data-phase=ringing]")).to_be_visible()
    yield "ringing", page
    desk.server.answer(desk.agent, contact)
    expect(pop(page, "blocked")).to_be_visible()
    page.locator(f"[data-contact={contact}] summary").click()
    yield "talking", page
    desk.server.report("ended", contact, agent=desk.agent)
    # The record still waits, and says whose it is.
    expect(page.locator("#pops [data-part=who]")).to_contain_text(CUSTOMER["name"])
    page.locator("#recent summary").click()
    yield "over", page


def ring(desk: Desk, contact: str) -> None:
    """Let a call ring with all that can be long."""
    desk.server.report(
        "offered",
        contact,
        agent=desk.agent,
        customer=CUSTOMER,
        queue="Reklamationsbearbeitungsabteilung Nord",
        attributes={
            "loyaltyLevel": "gold",
            "lastOrder": "2026-11-02, 3 pallets",
            "preferredLanguage": "Deutsch",
            "openCases": "2",
            "Donaudampfschifffahrtsgesellschaftskapitaen": "x" * 60,
            "CrmId": "11111111-2222-3333-4444-555555555555",
        },
    )
