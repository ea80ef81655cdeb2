"""Measure the panel in Chromium: its first load, and from a message to the painted card.

The page's thread is throttled four times (CDP `Emulation.setCPUThrottlingRate`), as on an agent's
old machine. Cards are rung with nothing else going on, because it is the page that is measured;
pages are opened while the generator keeps other panels busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench import ours
from bench.contenders import Contender
from bench.load import Figures
from bench.processes import family, put_ahead
from bench.rounds import AT_ONCE, Plan, Run, running
from tests.browser import chromium

THROTTLE: Final = 4
CONTACTS: Final = 50
LOADS: Final = 10
OTHERS: Final = 500
"""Panels beside the browser's, and events a second for them."""
_SETTLED: Final = 2.0
"""Seconds that a panel is open before its first contact rings."""
_WITHIN: Final = 30_000
"""ms until a card that does not come is a failure."""

_HERE: Final = "MAP * 127.0.0.1"
_PROBE: Final = (Path(__file__).parent / "browser_probe.js").read_text()


def panel(contender: Contender, plan: Plan) -> Figures:
    """Give the figures of one panel in the browser, beside other panels under load."""
    with running(contender, plan) as run, _browser() as browser:
        figures = _first_load(run, browser)
        load = run.load(run.setup.load)
        try:
            cards = _cards(run, browser)
            figures["card_ms"], figures["frames_ms"] = cards["since_message"], cards["frames"]
            figures["first_card_ms"] = _first_cards(run, browser)
            load.do(f"connect {min(OTHERS, run.plan.panels)} {AT_ONCE}")
            # Longer than it takes: what is left of it ends with the generator.
            load.begin(f"open {OTHERS} 600 0")
            figures["from_navigation_ms"] = _navigations(run, browser)
        finally:
            load.close()
    return figures


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
    """Run Chromium ahead of the machine's other work, on any core."""
    with sync_playwright() as playwright, chromium.running(playwright, _HERE) as browser:
        for pid in family(os.getpid())[1:]:
            put_ahead(pid)
        yield browser


class _Desk:
    """One agent with keys, and the panel's address."""

    def __init__(self, run: Run, agent: str) -> None:
        self._run, self.agent = run, agent
        self._feed = ours.key(run.setup.env, "feed")
        self._ingest = ours.key(run.setup.env, "ingest")
        time.sleep(1.5)  # a running server knows new keys within a second

    def address(self) -> str:
        """Give an address that opens the panel once."""
        told = self._post("/v1/feed/ticket", self._feed, {"agent": self.agent})
        return f"{self._home}/#ticket={told['ticket']}"

    def report(self, stage: str, contact: str) -> None:
        """Post one event of a contact."""
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/bench/browser",
            "type": f"screenpop.contact.{stage}",
            "subject": contact,
            "data": {
                "channel": "voice",
                "direction": "inbound",
                "agent": self.agent,
                "customer": {"phone": "+15550100123", "name": "Wilhelmina Featherstonehaugh"},
                "queue": "Claims, second level",
                "attributes": {"tariff": "comfort plus", "caseNumber": "CAS-01234-X5Y6Z7"},
            },
        }
        self._post("/v1/events", self._ingest, event, "application/cloudevents+json")

    @property
    def _home(self) -> str:
        return f"http://127.0.0.1:{self._run.port}"

    def _post(
        self, path: str, key: str, body: object, kind: str = "application/json"
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            self._home + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
            return told


def _first_load(run: Run, browser: Browser) -> Figures:
    """Count what an empty cache fetches until the panel is live: bytes on the wire, with heads."""
    desk = _Desk(run, "browser-first")
    context = browser.new_context()
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        fetched: dict[str, str] = {}
        heads: dict[str, float] = {}
        sizes: dict[str, float] = {}
        session.on(
            "Network.requestWillBeSent",
            lambda each: fetched.update({each["requestId"]: each["request"]["url"]}),
        )
        session.on(
            "Network.responseReceived",
            lambda each: heads.update({each["requestId"]: each["response"]["encodedDataLength"]}),
        )
        session.on(
            "Network.loadingFinished",
            lambda each: sizes.update({each["requestId"]: each["encodedDataLength"]}),
        )
        session.send("Network.enable")
        page.goto(desk.address())
        _is_live(page)
        page.wait_for_load_state("networkidle")
        home = f"127.0.0.1:{run.port}"
        elsewhere = {urlsplit(url).netloc for url in fetched.values()} - {home, ""}
        return {
            "requests": len(fetched),
            "kib": sum(sizes.values()) / 1024,
            "kib_of_heads": sum(heads.values()) / 1024,
            "biggest": _biggest(fetched, sizes),
            "other_hosts": len(elsewhere),
        }
    finally:
        context.close()


def _biggest(fetched: dict[str, str], sizes: dict[str, float]) -> dict[str, float]:
    """Give what weighs most, by path, in KiB."""
    ordered = sorted(sizes, key=lambda each: -sizes[each])[:8]
    return {urlsplit(fetched[each]).path: sizes[each] / 1024 for each in ordered}


def _cards(run: Run, browser: Browser) -> dict[str, list[float]]:
    """Ring one contact after the other; ms from the message's arrival to the painted card.

    `frames` is until the frame after the card's is begun, without what the screen takes.
    """
    desk = _Desk(run, "browser-cards")
    with _throttled(browser) as (_, page):
        page.goto(desk.address())
        _is_live(page)
        took: dict[str, list[float]] = {"since_message": [], "frames": []}
        for number in range(CONTACTS):
            contact = f"card-{number}"
            desk.report("offered", contact)
            painted = _painted(page, contact)
            for name, values in took.items():
                values.append(painted[name])
            desk.report("ended", contact)
            page.wait_for_selector(f"[data-contact={contact}]", state="detached")
    return took


def _first_cards(run: Run, browser: Browser) -> list[float]:
    """Ring the first contact of a panel that has been open for a moment; ms as in `_cards`."""
    desk = _Desk(run, "browser-first-cards")
    took = []
    for number in range(LOADS):
        with _throttled(browser) as (_, page):
            page.goto(desk.address())
            _is_live(page)
            time.sleep(_SETTLED)
            contact = f"first-{number}"
            desk.report("offered", contact)
            took.append(_painted(page, contact)["since_message"])
            desk.report("ended", contact)
    return took


def _navigations(run: Run, browser: Browser) -> list[float]:
    """Open the panel while a contact rings; ms from navigation to the painted card."""
    desk = _Desk(run, "browser-opens")
    desk.report("offered", "rings")
    took = []
    for _ in range(LOADS):
        with _throttled(browser) as (_context, page):
            page.goto(desk.address())
            took.append(_painted(page, "rings")["since_navigation"])
    return took


@contextlib.contextmanager
def _throttled(browser: Browser) -> Iterator[tuple[BrowserContext, Page]]:
    """Open a tab with an empty cache, on a slow processor, with the probe in it."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.add_init_script(_PROBE)
        session: CDPSession = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
        yield context, page
    finally:
        context.close()


def _painted(page: Page, contact: str) -> dict[str, float]:
    """Wait for the card, without asking the page meanwhile, and give when it was painted."""
    found: dict[str, float] = page.evaluate("(contact) => benchProbe.painted(contact)", contact)
    return found


def _is_live(page: Page) -> None:
    page.wait_for_selector("#connection[data-state=live]", timeout=_WITHIN)
