"""Take pictures of every page and state, in every width, theme and language, for people to look at.

Usage: .venv/bin/python -m tests.browser.look [FOLDER] [panel] [portal] [demo]
"""

from __future__ import annotations

import html
import itertools
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import typer
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from adapter import steps
from adapter.demo.simulated import serving
from adapter.demo.simulated.serving import Simulation
from adapter.steps import PlannedRequest
from adapter.store import outbox
from adapter.tenants import ContactKey, Tenant
from tests import principals
from tests.browser import chromium, portal_pages, sites
from tests.browser.demo import Demo, Station
from tests.browser.panels import Desk, is_live
from tests.browser.sites import HOME, Sites
from tests.browser.states import sign_in_states, states
from tests.browser.views import CARD, View
from tests.portal.dynamics_desk import account_fields, filled
from tests.portal.visitor import Visitor
from tests.server import Server

Theme = Literal["light", "dark"]
WIDTHS, LOCALES = (300, 480, 1280, 1600), ("en", "ja")
THEMES: tuple[Theme, ...] = ("light", "dark")
HEIGHT = 720
REFUSED = "https://contoso.crm4.dynamics.com"
FILL = """() => {
  document.body.style.margin = 0;
  document.querySelector("iframe").style.cssText = "border: 0; height: 100vh; width: 100%";
}"""
"""Let the frame take its whole page, as Dynamics' side pane does."""
PARTS = ("panel", "portal", "demo")


class Album:
    """A folder of pictures, by state, language, width and theme, with a page that shows them."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.browser = browser
        self.states: dict[str, list[str]] = {}

    def context(self, locale: str, **options: Any) -> BrowserContext:
        """Make a browser profile that speaks a language."""
        return self.browser.new_context(locale=locale, reduced_motion="reduce", **options)

    def take(self, page: Page, state: str, locale: str, *, whole: bool = False) -> None:
        """Take the page as it stands in every width and theme; `whole` with what is below."""
        for width, theme in itertools.product(WIDTHS, THEMES):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme=theme)
            name = f"{state.replace(' ', '-')}.{locale}.{width}.{theme}.png"
            page.screenshot(path=self.folder / name, full_page=whole)
            self.states.setdefault(state, []).append(name)
        typer.echo(f"{state}, {locale}")

    def close(self) -> None:
        """Write the page that shows the pictures."""
        body = "".join(
            f"<h2>{html.escape(state)}</h2><div>"
            + "".join(
                f"<a href={name}><img loading=lazy src={name} alt={name}></a>" for name in all_
            )
            + "</div>"
            for state, all_ in self.states.items()
        )
        (self.folder / "index.html").write_text(
            "<!doctype html><meta charset=utf-8><title>Screenpop</title>"
            "<style>body{font:14px sans-serif;background:#777}div{display:flex;flex-wrap:wrap;"
            f"gap:8px;align-items:start}}img{{max-height:400px;max-width:480px}}</style>{body}",
            encoding="utf-8",
        )


def of_panel(album: Album, server: Server, pages: Sites) -> None:
    """Take the panel's states, the card of a refused page, the tab, and the lost server."""
    assert server.request("PUT", "/v1/admin/domains", "", scope="admin").is_success
    for locale in LOCALES:
        desk = Desk(server, pages, album.context(locale), f"agent-{locale}")
        desk.open_records_by("tab")
        for state, page in states(desk):
            album.take(page, f"panel {state}", locale)
            if state == "talking":
                page.locator("html").evaluate("html => { html.dir = 'rtl' }")
                album.take(page, "panel talking from right to left", locale)
                page.locator("html").evaluate("html => { html.dir = 'ltr' }")
        signed_out = desk.context.new_page()
        for state in sign_in_states(signed_out):
            album.take(signed_out, f"panel {state}", locale)
        view = View(desk.context.new_page())
        assert view.show(REFUSED) == CARD
        view.page.evaluate(FILL)
        album.take(view.page, "panel refused", locale)
        panel = desk.open_panel()
        with panel.expect_popup() as popup:
            panel.locator("#start-shift").click()
        album.take(popup.value, "panel tab", locale)
        popup.value.close()
        panel.context.set_offline(offline=True)
        panel.evaluate("window.dispatchEvent(new Event('offline'))")
        expect(panel.locator("[data-notice=lost-server]")).to_be_visible(timeout=30_000)
        album.take(panel, "panel lost", locale)
        desk.context.close()


def of_portal(album: Album, server: Server, pages: Sites) -> None:
    """Take every page of the portal that a link leads to, while one agent is connected."""
    portal_pages.fill(server, "alice")
    desk = Desk(server, pages, album.context("en"), "alice")
    desk.open_panel()
    for locale in LOCALES:
        context = album.context(locale)
        page = context.new_page()
        for name, path in portal_pages.ALONE.items():
            page.goto(f"{HOME}{path}")
            album.take(page, name, locale, whole=True)
        portal_pages.sign_in(context, server)
        for name in portal_pages.walk(page):
            album.take(page, f"portal {name}", locale, whole=True)
        for name in portal_pages.faults(page):
            album.take(page, f"portal {name}", locale, whole=True)
        context.close()
    desk.context.close()


SET_UP = {
    "dynamics with an account": "/admin/dynamics",
    "dynamics account": "/admin/dynamics/accounts/main",
    **{f"steps wizard {number}": f"/admin/steps/draft/{number}" for number in range(1, 6)},
    "steps review": "/admin/steps/review",
    "steps with a draft": "/admin/steps",
    "dead letters with letters": "/admin/dead-letters",
    "contact story with a dead letter": "/admin/contacts/story?id=c-dead",
    "domains on trial": "/admin/domains",
    "steps try on a contact": "/admin/steps/try?contact=c-dead",
}
"""Pages of the portal that have something to show only where Dynamics is connected."""


def of_set_up(album: Album, server: Server, dynamics: Simulation) -> None:
    """Take the pages of a tenant with an account, a draft of steps with a fault, dead letters."""
    trial = "https://contoso.crm4.dynamics.com\nhttps://fabrikam.crm4.dynamics.com"
    assert server.request("PUT", "/v1/admin/domains", trial, scope="admin").is_success
    rules = trial.partition("\n")[0]
    assert server.request("PUT", "/v1/admin/domains/trial", rules, scope="admin").is_success
    ancestors = {"ancestors": ["https://fabrikam.crm4.dynamics.com"]}
    server.request("POST", "/v1/embedder", ancestors, headers={"X-Screenpop": "1"})
    for stage in ("created", "offered", "answered", "ended"):
        server.report(stage, "c-dead", agent="alice", customer={"phone": "+493023125101"})
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        soon = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
        fields = account_fields(dynamics, secret_expires=soon)
        visitor.submit("/admin/dynamics/new", fields)
        tested = visitor.get("/admin/dynamics/accounts/main")
        visitor.submit("/admin/dynamics/accounts/main", filled(tested, do="apply"))
        visitor.submit("/admin/steps/start", {"start": "complete", "draft": "0"})
        page = visitor.get("/admin/steps/draft/4")
        visitor.submit("/admin/steps/draft/4", filled(page, body='{"subject": }', then="to-2"))
    bury(server, ["c-dead"])
    for locale in LOCALES:
        context = album.context(locale)
        portal_pages.sign_in(context, server)
        page_ = context.new_page()
        for name, path in SET_UP.items():
            page_.goto(f"{HOME}{path}")
            album.take(page_, f"portal {name}", locale, whole=True)
        context.close()


def bury(server: Server, contacts: list[str]) -> None:
    """Let a request of each contact have failed for good."""
    step, *_ = steps.default_steps().requests
    now = datetime.now(UTC)
    cause = (
        "step 2 POST phonecalls: A validation error occurred. The value 9 of 'statecode' is "
        "outside the valid range. Correct the step's body or query string; Dynamics says what is "
        "wrong with it."
    )
    with server.office() as office, office.database.transaction() as cursor:
        for contact in contacts:
            key = ContactKey(Tenant("default"), contact)
            outbox.put(cursor, key, PlannedRequest(key="2", step=step), now, now)
            position = outbox.of_contact(cursor, key)[-1].position
            outbox.finish(cursor, position, "failed", now, cause=cause)


def of_demo(album: Album, demo: Demo) -> None:
    """Take the dashboard of the demo: signing in, ringing, the record opened."""
    from adapter.demo import samples  # noqa: PLC0415

    for locale in LOCALES:
        context = album.context(locale)
        station = Station(demo, context.new_page(), "alice")
        station.load()
        album.take(station.page, "demo sign in", locale)
        station.panel.locator("#sign-in").click()  # as alice, who stands there already
        is_live(station.panel)
        call = demo.ring("alice", samples.CONTACTS[2])
        expect(station.panel.locator("[data-phase=ringing]")).to_be_visible()
        album.take(station.page, "demo ringing", locale)
        demo.act(call, "answer")
        expect(station.panel.locator("[data-pop][data-state=opened]")).to_be_visible()
        album.take(station.page, "demo popped", locale)
        demo.hang_up_everything()
        context.close()


def main(folder: Path, parts: list[str]) -> None:
    """Take all pictures, or those of some parts."""
    with (
        tempfile.TemporaryDirectory() as made,
        sites.serving(Path(made)) as pages,
        sync_playwright() as playwright,
        chromium.running(playwright, pages.resolver_rules()) as browser,
    ):
        expect.set_options(timeout=20_000)
        album = Album(folder, browser)
        (data := Path(made) / "data").mkdir()
        with Server(data, SCREENPOP_PUBLIC_URL=HOME) as server:
            pages.adapter_port = server.port
            if "panel" in parts:
                of_panel(album, server, pages)
            if "portal" in parts:
                of_portal(album, server, pages)
        if "portal" in parts:
            (data := Path(made) / "set up").mkdir()
            with (
                serving.running() as dynamics,
                Server(
                    data, SCREENPOP_PUBLIC_URL=HOME, SCREENPOP_CA_FILE=str(dynamics.ca_file)
                ) as server,
            ):
                pages.adapter_port = server.port
                of_set_up(album, server, dynamics)
        if "demo" in parts:
            with Demo() as demo:
                of_demo(album, demo)
        album.close()
    typer.echo(f"{folder / 'index.html'}")


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = [each for each in given if each in PARTS]
    where = [each for each in given if each not in PARTS]
    main(Path(where[0] if where else "build/screenshots"), chosen or list(PARTS))
