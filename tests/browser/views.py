"""Show the adapter inside other pages and say what an agent sees there."""

from __future__ import annotations

from playwright.sync_api import Frame, Page, Request

from tests.browser.sites import ADAPTER, HOME, framing
from tests.server import eventually

PANEL, CARD, BLOCKED, NOTICE = "panel", "card", "blocked", "notice"
"""The panel, the server's refusal card, the browser's own grey box, or the panel's own card that
says it may not be shown here."""


class View:
    """One page of the browser, with the adapter in its innermost frame."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._blocked = False
        page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        self._blocked |= request.failure == "net::ERR_BLOCKED_BY_RESPONSE"

    def show(self, *around: str, to: str = f"{HOME}/", policy: str = "") -> str:
        """Show `to` through pages of these origins, the outermost first."""
        self._blocked = False
        self.page.goto(framing(around[0], *around[1:], to, policy=policy))
        return self.seen()

    @property
    def frame(self) -> Frame:
        """The frame that asked for the adapter: the innermost."""
        return next(each for each in reversed(self.page.frames) if not each.child_frames)

    def seen(self) -> str:
        """Wait until there is something to see, and say what it is."""
        return str(eventually(self._seen, f"something to see in {self.page.url}"))

    def _seen(self) -> str | None:
        frame = self.frame
        if self._blocked:
            return BLOCKED
        if ADAPTER not in frame.url:
            return None
        if frame.locator("[data-notice=embedder][data-kind=error]").is_visible():
            return NOTICE
        if frame.locator("a[href^='/?embedder=']").is_visible():
            return CARD
        known = frame.locator("#connection[data-state=signed-out], #connection[data-state=live]")
        return PANEL if known.count() else None
