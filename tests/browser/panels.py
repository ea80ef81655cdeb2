"""Open panels of a `serve` server, as a CRM hands them out, and let calls reach their agent."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.sync_api import BrowserContext, Frame, Locator, Page, WebSocket, expect

from tests.browser.sites import HOME, Sites
from tests.server import POLICY, Server, eventually


def panel_url(server: Server, agent: str) -> str:
    """Give an address that opens the agent's panel once, within 30 seconds."""
    answer = server.request("POST", "/v1/feed/ticket", {"agent": agent}, scope="feed")
    assert answer.status_code == 200, answer.text
    return f"{HOME}/#ticket={answer.json()['ticket']}"


def is_live(panel: Page | Frame) -> None:
    """Wait until a panel is connected."""
    expect(panel.locator("#connection[data-state=live]")).to_be_visible()


def pop(panel: Page | Frame, state: str) -> Locator:
    """Find the pops in this state."""
    return panel.locator(f"[data-pop][data-state={state}]")


@dataclass(frozen=True)
class Desk:
    """One agent: a browser profile, and calls that reach nobody else."""

    server: Server
    sites: Sites
    context: BrowserContext
    agent: str

    def open_panel(self) -> Page:
        """Open a panel in a tab of its own."""
        panel = self.context.new_page()
        panel.goto(panel_url(self.server, self.agent))
        is_live(panel)
        return panel

    def start_shift(self, panel: Page) -> Page:
        """Click the button that opens the tab for records; gives the tab."""
        with panel.expect_popup() as popup:
            panel.get_by_role("button", name="Start shift").click()
        return popup.value

    def use(self, panel: Page, feed: WebSocket) -> None:
        """Click into a panel, and wait until the server knows (it is told at most every 2 s)."""
        panel.bring_to_front()
        began = datetime.now(UTC)

        def tells_of_the_click(frame: str | bytes) -> bool:
            # Coming into sight is told at once; the click behind it waits for its turn.
            said = json.loads(frame)
            used = said.get("interacted") if said["type"] == "presence" else None
            return used is not None and datetime.fromisoformat(used) >= began

        with feed.expect_event("framesent", tells_of_the_click):
            panel.locator("#connection").click()
        # What a browser calls sent may still be on its way when a call comes in elsewhere; answers
        # come in order. The first may be to a question from before: coming into sight asks too.
        for _ in range(2):
            with feed.expect_event(
                "framereceived", lambda said: json.loads(said)["type"] == "pong"
            ):
                panel.evaluate("dispatchEvent(new Event('online'))")

    def open_records_by(self, target: str) -> None:
        """Choose the rung at which the panel starts: host, embedded or tab."""
        policy = json.dumps({**POLICY, "target": target})
        answer = self.server.request("PUT", "/v1/admin/pop-policy", policy, scope="admin")
        assert answer.status_code == 200, answer.text

    def answer(self) -> str:
        """Answer a call; gives the contact, which is also the id of its record."""
        contact = str(uuid.uuid4())
        self.server.report("answered", contact, agent=self.agent, attributes={"CrmId": contact})
        return contact

    def tells(self, contact: str, what: str) -> None:
        """Wait until the contact's story tells this; the page is not touched meanwhile."""
        eventually(lambda: what in self._story(contact), f"{what!r} of {contact}")

    def _story(self, contact: str) -> str:
        return self.server.request("GET", f"/v1/contacts/{contact}/trace", scope="admin").text

    def views(self, contact: str) -> int:
        """Count how often the CRM was asked for the contact's record."""
        return sum(f"&id={contact}" in each for each in self.sites.shown)
