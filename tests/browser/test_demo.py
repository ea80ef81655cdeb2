from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, expect

from adapter.demo import samples
from tests.browser.demo import Demo, Station
from tests.browser.panels import is_live, pop

pytestmark = pytest.mark.browser

MARIA, DENISE, SATO = samples.CONTACTS[0], samples.CONTACTS[2], samples.CONTACTS[6]

SitDown = Callable[..., Station]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo() as running:
        yield running


@pytest.fixture
def sit_down(demo: Demo, new_context: Callable[..., BrowserContext]) -> Iterator[SitDown]:
    """Give what opens the dashboard in a browser profile and signs an agent in."""
    said: list[ConsoleMessage] = []

    def open_dashboard(agent: str, context: BrowserContext | None = None) -> Station:
        context = context or new_context()
        page = context.new_page()
        page.on("console", lambda message: said.append(message))  # noqa: PLW0108 - not a builtin
        station = Station(demo, page, agent)
        station.sign_in()
        return station

    yield open_dashboard
    demo.hang_up_everything()
    wrong = [each.text for each in said if "Content Security Policy" in each.text]
    assert not wrong, wrong


def parameters(url: str) -> dict[str, str]:
    """Give a main.aspx address's parameters, each of which is there once."""
    assert urlsplit(url).path == "/main.aspx"
    given = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in given.values())
    return {name: values[0] for name, values in given.items()}


def of_contact(row: samples.Row) -> dict[str, str]:
    """Give the parameters that open a contact's form."""
    return {
        "appid": samples.APP_ID,
        "pagetype": "entityrecord",
        "etn": "contact",
        "id": row.id,
    }


@pytest.mark.parametrize("channel", ["voice", "chat"])
def test_a_contact_rings_and_on_answer_its_record_opens_in_the_dashboard(
    demo: Demo, sit_down: SitDown, channel: str
) -> None:
    alice = sit_down("alice")
    call = demo.ring("alice", DENISE, channel)
    card = alice.panel.locator(f"[data-contact='{call}']")
    expect(card).to_have_attribute("data-phase", "ringing")
    expect(card).to_contain_text(DENISE.name)
    expect(card).to_contain_text("Incoming call" if channel == "voice" else "Chat")
    expect(alice.panel.locator("#announcer[role=alert]")).to_contain_text(DENISE.name)
    assert "entityrecord" not in alice.page.url
    demo.act(call, "answer")
    alice.page.wait_for_url(re.compile(DENISE.id))
    assert alice.page.url.startswith(demo.dashboard)
    assert parameters(alice.page.url) == of_contact(DENISE)
    expect(alice.page.get_by_role("heading", name=DENISE.name)).to_be_visible()
    expect(card).to_have_attribute("data-phase", "talking")
    opened = pop(alice.panel, "opened")
    expect(opened).to_contain_text("Record opened in Dynamics")
    link = opened.locator("[data-part=open]").get_attribute("href")
    assert parameters(str(link)) == of_contact(DENISE)
    demo.tells(call, "opened: host")


def test_a_pop_does_not_disturb_who_types_in_the_dashboard(demo: Demo, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    search = alice.page.get_by_placeholder("Search")
    search.press_sequentially("North")
    call = demo.ring("alice", DENISE)
    expect(alice.panel.locator(f"[data-contact='{call}']")).to_be_visible()
    alice.page.keyboard.type("wind")
    demo.act(call, "answer")
    alice.page.wait_for_url(re.compile(DENISE.id))
    expect(pop(alice.panel, "opened")).to_be_visible()
    alice.page.keyboard.type(" Clinics")
    expect(search).to_have_value("Northwind Clinics")


def test_a_transfer_takes_the_call_away_and_pops_at_the_next_agent(
    demo: Demo, sit_down: SitDown
) -> None:
    alice, bob = sit_down("alice"), sit_down("bob")
    call = demo.ring("alice", MARIA)
    demo.act(call, "answer")
    alice.page.wait_for_url(re.compile(MARIA.id))
    demo.act(call, "transfer", agent="bob")
    expect(bob.panel.locator(f"[data-contact='{call}']")).to_be_visible()
    expect(alice.panel.locator(f"[data-contact='{call}']")).to_have_count(0)
    expect(alice.panel.locator(f"[data-recent='{call}']")).to_contain_text("Transferred")
    assert MARIA.id not in bob.page.url
    demo.act(call, "answer")
    bob.page.wait_for_url(re.compile(MARIA.id))
    demo.act(call, "hangup")
    expect(bob.panel.locator(f"[data-recent='{call}']")).to_contain_text("Ended")


def test_of_two_dashboards_of_one_agent_exactly_one_goes_to_the_record(
    demo: Demo, sit_down: SitDown
) -> None:
    first = sit_down("alice")
    second = sit_down("alice", first.page.context)
    call = demo.ring("alice", DENISE)
    demo.act(call, "answer")
    demo.tells(call, "opened: host")
    for station in (first, second):
        shown = station.panel.locator(f"[data-contact='{call}'] [data-pop]")
        expect(shown).to_have_attribute("data-state", re.compile("opened|mirror"))
    opened = f"[data-contact='{call}'] [data-state=opened]"
    went, stayed = sorted((first, second), key=lambda each: not each.panel.locator(opened).count())
    went.page.wait_for_url(re.compile(DENISE.id))
    assert DENISE.id not in stayed.page.url


def test_a_reload_stays_signed_in_and_pops_nothing_again(demo: Demo, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    call = demo.ring("alice", DENISE)
    demo.act(call, "answer")
    alice.page.wait_for_url(re.compile(DENISE.id))
    demo.tells(call, "opened: host")
    alice.load()
    is_live(alice.panel)
    expect(alice.panel.locator("#agent")).to_have_text("alice")
    expect(alice.panel.locator(f"[data-contact='{call}']")).to_be_visible()
    # What comes later is here: then the pop of before would be here as well.
    later = demo.ring("alice", MARIA)
    expect(alice.panel.locator(f"[data-contact='{later}']")).to_be_visible()
    assert DENISE.id not in alice.page.url
    expect(alice.panel.locator("[data-pop]")).to_have_count(0)


def test_signing_out_ends_the_feed_and_a_reload_does_not_bring_it_back(
    demo: Demo, sit_down: SitDown
) -> None:
    carol = sit_down("carol")
    carol.panel.get_by_role("button", name="Sign out").click()
    expect(carol.panel.get_by_role("button", name="Sign in")).to_be_visible()
    carol.load()
    expect(carol.panel.get_by_role("button", name="Sign in")).to_be_visible()
