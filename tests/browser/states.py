"""Bring a panel into each state that an agent sees, with all that can be long in it."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Frame, Locator, Page, expect

from tests.browser.panels import Desk, pop
from tests.browser.sites import HOME

CUSTOMER = {"phone": "+4930123456", "name": "Anna-Katharina Schmidt-Wolkenstein 様"}
NOTE = "Wants to change the order of 2 November to 5 pallets; calls again at 15:00.\n返金を希望"


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
    note_of(page, contact).fill(NOTE)
    is_saved(page, contact)
    second = f"{contact}-second"
    ring(desk, second, name="Second Caller")
    expect(page.locator("[data-phase=ringing]")).to_be_visible()
    yield "ringing while talking", page
    write_elsewhere(desk, contact, "Written in the other window")
    note_of(page, contact).fill(f"{NOTE}!")
    expect(page.get_by_role("group").locator("blockquote")).to_be_visible()
    yield "note written twice", page
    desk.server.report("ended", contact, agent=desk.agent)
    expect(page.locator("[data-phase=ended]")).to_be_visible()
    yield "over and still written about", page
    desk.server.report("ended", second, agent=desk.agent)
    expect(page.locator(f"[data-recent={second}]")).to_be_attached()
    page.locator("#recent > summary").click()
    # The record still waits, and says whose it is.
    expect(page.locator("#pops [data-part=who]")).to_contain_text(CUSTOMER["name"])
    expect(page.locator("[data-recent]")).to_have_count(2)
    yield "over", page
    page.locator(f"[data-recent={contact}] summary").click()
    yield "over in detail", page


SIGN_IN = {
    "idle": {"state": {"name": "idle"}},
    "waiting": {"state": {"name": "waiting", "code": "WXYZ-1234"}},
    "blocked": {"state": {"name": "blocked", "url": "/sign-in/start?tx=x", "code": ""}},
    "failed": {"state": {"name": "failed", "reason": "unavailable", "detail": "discovery: 503"}},
    "denied": {"state": {"name": "failed", "reason": "denied", "detail": ""}},
    "ending": {"state": {"name": "idle"}, "endsAt": "17:40"},
    "unconfirmed": {"held": {"why": "agent-unconfirmed", "agent": "alice@contoso.example"}},
    "not an agent": {"held": {"why": "not-an-agent", "agent": None}},
}
"""Situations of the sign-in card, as `sign_in_words.js` takes them."""

SHOW_SIGN_IN = """async (situation) => {
  // The page has them in one file; here they come alone, and need the page's language once more.
  const { src } = document.querySelector("script[type=module]");
  const module = (name) => import(src.replace("joined/panel.js", `panel/${name}.js`));
  const [{ signInCard }, { load }] = [await module("sign_in_words"), await module("strings")];
  const { messages } = document.body.dataset;
  if (messages) await load(messages, window.fetch.bind(window));
  const known = { state: { name: "idle" }, label: "Contoso", held: null, wasLive: false };
  const card = document.createElement("sign-in-card");
  card.classList.add("shown");
  document.querySelector("main").prepend(card);
  document.getElementById("notices").hidden = true; // they are of a tenant without a sign-in
  card.update(signInCard({ ...known, byChoice: false, ...situation }));
}"""


def sign_in_states(page: Page) -> Iterator[str]:
    """Show the sign-in card in each of its states, on a panel that nobody is signed in to."""
    for state, situation in SIGN_IN.items():
        page.goto(f"{HOME}/")
        expect(page.locator("[data-notice=signed-out]")).to_be_visible()
        page.evaluate(SHOW_SIGN_IN, situation)
        expect(page.locator("sign-in-card.shown button").first).to_be_visible()
        yield f"sign in {state}"


def ring(desk: Desk, contact: str, name: str = CUSTOMER["name"]) -> None:
    """Let a call ring with all that can be long."""
    desk.server.report(
        "offered",
        contact,
        agent=desk.agent,
        customer={**CUSTOMER, "name": name},
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


def note_of(page: Page | Frame, contact: str) -> Locator:
    """Find where the agent writes about a contact."""
    return page.locator(f":is([data-contact='{contact}'], [data-recent='{contact}']) textarea")


def write_about(page: Page | Frame, contact: str, text: str) -> Locator:
    """Type about a contact as an agent does, who sees the field first: keys wait for nothing."""
    note = note_of(page, contact)
    expect(note).to_be_visible()
    note.press_sequentially(text)
    return note


def is_saved(page: Page, contact: str) -> None:
    """Wait until what was written is on the server."""
    expect(
        page.locator(
            f":is([data-contact='{contact}'], [data-recent='{contact}'])"
            " contact-notes[data-state=saved]"
        )
    ).to_be_attached()


def write_elsewhere(desk: Desk, contact: str, text: str) -> None:
    """Write about the contact in another panel of the agent, which is closed then."""
    other = desk.open_panel()
    expect(note_of(other, contact)).not_to_have_value("")
    note_of(other, contact).fill(text)
    is_saved(other, contact)
    other.close()
