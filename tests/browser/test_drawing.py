"""A card is drawn before all else, and nothing is drawn for nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.panels import Desk, pop

pytestmark = pytest.mark.browser

_NOTE_ORDER = """
  window.order = [];
  const note = (what) => { if (!order.includes(what)) order.push(what); };
  const changed = ({ target }) => {
    if (target.localName === "title" || target.id === "favicon") note(target.localName);
    if (target.id !== "contacts") return;
    note("card");
    requestAnimationFrame(() => note("frame"));
  };
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver((records) => records.forEach(changed))
      .observe(document, { attributeFilter: ["href"], childList: true, subtree: true }));
"""

_KEEP_THE_TICK = """
  const repeat = window.setInterval.bind(window);
  window.setInterval = (run, ms) => { if (ms === 1000) window.tick = run; return repeat(run, ms); };
"""

_NOTE_REHEARSAL = """
  window.rehearsed = [];
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver(() => {
      for (const card of document.querySelectorAll("#rehearsal contact-card")) {
        const title = card.querySelector("[data-part=title]");
        rehearsed.push({
          phase: card.dataset.phase, laidOut: title.offsetHeight > 0,
          seen: title.checkVisibility({ visibilityProperty: true }),
        });
      }
    }).observe(document.getElementById("rehearsal"), { childList: true }));
"""

_WHAT_A_TICK_WRITES = """() => {
  const observer = new MutationObserver(() => {});
  observer.observe(document, {
    attributeFilter: ["hidden"], characterData: true, childList: true, subtree: true,
  });
  tick();
  return observer.takeRecords().map(({ target }) => target.outerHTML ?? target.data);
}"""


def test_a_card_is_drawn_before_the_rest_of_the_browser_is_told(desk: Desk) -> None:
    desk.context.add_init_script(_NOTE_ORDER)
    page = desk.open_panel()
    desk.server.report("offered", "c-order", agent=desk.agent)
    page.wait_for_function("() => order.length === 4")
    order = page.evaluate("order")
    assert order[:2] == ["card", "frame"]
    assert sorted(order[2:]) == ["link", "title"]


def test_a_ringing_card_is_rehearsed_where_nobody_sees_it(desk: Desk) -> None:
    desk.context.add_init_script(_NOTE_REHEARSAL)
    page = desk.open_panel()
    page.wait_for_function("() => rehearsed.length")
    assert page.evaluate("rehearsed") == [{"phase": "ringing", "laidOut": True, "seen": False}]
    expect(page.locator("contact-card")).to_have_count(0)
    expect(page.locator("#announcer")).to_be_empty()
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.parametrize("hidden", ["true", "false"])
def test_a_call_is_told_where_no_frame_is_drawn(new_desk: Callable[..., Desk], hidden: str) -> None:
    desk = new_desk()
    page = desk.open_panel()
    page.evaluate(f"""() => {{
      Object.defineProperty(document, "hidden", {{ value: {hidden} }});
      window.requestAnimationFrame = () => 0;
    }}""")
    desk.server.report("offered", f"c-{hidden}", agent=desk.agent, customer={"name": "Jo"})
    expect(page).to_have_title("(1) Ringing: Jo")


def test_a_second_in_which_nothing_happens_writes_nothing(desk: Desk) -> None:
    desk.context.add_init_script(_KEEP_THE_TICK)
    page = desk.open_panel()
    expect(page.locator("#empty")).to_be_visible()
    assert page.evaluate(_WHAT_A_TICK_WRITES) == []


def test_a_card_that_is_moved_opens_its_record_once(desk: Desk) -> None:
    desk.open_records_by("tab")
    page = desk.open_panel()
    desk.answer()
    card = pop(page, "blocked")
    expect(card).to_be_visible()
    asked = card.evaluate("""card => {
      let asked = 0;
      card.parentElement.append(card);
      card.addEventListener("pop-open", (event) => { asked += 1; event.stopPropagation(); });
      card.querySelector("[data-part=open]").click();
      return asked;
    }""")
    assert asked == 1
