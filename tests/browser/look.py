"""Take pictures of the panel in every state, width, theme and language, for people to look at.

Usage: .venv/bin/python -m tests.browser.look FOLDER
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium, sites
from tests.browser.demo import Demo, Station
from tests.browser.panels import Desk, is_live
from tests.browser.sites import HOME, Sites
from tests.browser.states import states
from tests.browser.views import CARD, View
from tests.server import Server

WIDTHS, THEMES, LOCALES = (300, 480, 1280), ("light", "dark"), ("en", "ja")
REFUSED = "https://contoso.crm4.dynamics.com"


class Album:
    """A folder of pictures, named by state, width, theme and language."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.browser = browser
        self.lost: list[tuple[str, Page]] = []

    def take(self, page: Page, state: str, look: str) -> None:
        """Take one picture."""
        page.screenshot(path=self.folder / f"{state.replace(' ', '-')}.{look}.png")
        typer.echo(f"{state}, {look}")


def options(width: int, theme: str, locale: str) -> dict[str, Any]:
    """Give the browser context of one look."""
    size = {"width": width, "height": 720}
    return {"viewport": size, "color_scheme": theme, "locale": locale, "reduced_motion": "reduce"}


def of_server(album: Album, server: Server, pages: Sites) -> None:
    """Take the states of a panel that came by a ticket, the card, and the lost server."""
    assert server.request("PUT", "/v1/admin/domains", "", scope="admin").is_success
    for number, (width, theme, locale) in enumerate(itertools.product(WIDTHS, THEMES, LOCALES)):
        look = f"{width}.{theme}.{locale}"
        context = album.browser.new_context(**options(width, theme, locale))
        desk = Desk(server, pages, context, f"agent-{number}")
        desk.open_records_by("tab")
        for state, page in states(desk):
            album.take(page, state, look)
        album.lost.append((look, page))
        if width == WIDTHS[1]:
            view = View(context.new_page())
            assert view.show(REFUSED) == CARD
            album.take(view.page, "refused", look)
    server.kill9()
    for look, page in album.lost:
        expect(page.locator("[data-notice=lost-server]")).to_be_visible(timeout=20_000)
        album.take(page, "lost", look)


def of_demo(album: Album, demo: Demo) -> None:
    """Take the dashboard of the demo: signing in, ringing, the record opened."""
    from adapter.demo import samples  # noqa: PLC0415

    for theme, locale in itertools.product(THEMES, LOCALES):
        look = f"1280.{theme}.{locale}"
        context = album.browser.new_context(**options(1280, theme, locale))
        station = Station(demo, context.new_page(), "alice")
        station.load()
        album.take(station.page, "demo sign in", look)
        station.panel.locator("#sign-in").click()
        is_live(station.panel)
        call = demo.ring("alice", samples.CONTACTS[2])
        expect(station.panel.locator("[data-phase=ringing]")).to_be_visible()
        album.take(station.page, "demo ringing", look)
        demo.act(call, "answer")
        expect(station.panel.locator("[data-pop][data-state=opened]")).to_be_visible()
        album.take(station.page, "demo popped", look)
        demo.hang_up_everything()
        context.close()


def main(folder: Path) -> None:
    """Take all pictures."""
    with (
        tempfile.TemporaryDirectory() as made,
        sites.serving(Path(made)) as pages,
        sync_playwright() as playwright,
        chromium.running(playwright, pages.resolver_rules()) as browser,
    ):
        album = Album(folder, browser)
        (data := Path(made) / "data").mkdir()
        with Server(data, SCREENPOP_PUBLIC_URL=HOME) as server:
            pages.adapter_port = server.port
            of_server(album, server, pages)
        with Demo() as demo:
            of_demo(album, demo)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
