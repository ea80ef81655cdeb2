"""Walk through every page of the portal that a link leads to, one of each kind."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import BrowserContext, Page, expect

from tests import principals
from tests.browser.sites import HOME
from tests.server import Server

MOST = 80
"""Pages of one walk: far more kinds than there are."""

LINKS = (
    """() => [...document.querySelectorAll("a[href]:not([download])")].map((link) => link.href)"""
)

_LITERAL = re.compile(r"[a-z][a-z-]{1,19}|[0-9]")
"""A part of a path that names a page, and no id."""


ALONE = {
    "sign in to the portal": "/admin/sign-in",
    "first admin": "/admin/first",
    "end of a consent": "/admin/msdynamicscallback.html",
    "sign in over": "/sign-in/start",
    "sign in of nobody": "/v1/signin/callback?state=none",
    "no recording": "/r/none",
    "no page": "/nothing",
    "no page for a browser": "/v1/embedder",
    "no key": "/v1/contacts/none",
}
"""Pages that no link leads to."""


def sign_in(context: BrowserContext, server: Server) -> None:
    """Sign an admin in to the portal."""
    name, _, value = principals.sign_in_as_admin(server).partition("=")
    context.add_cookies([{"name": name, "value": value, "url": HOME, "secure": True}])


def fill(server: Server, agent: str) -> None:
    """Give the pages something to show: rules, people, contacts, a refused page."""
    rules = "https://contoso.crm4.dynamics.com\n*.zendesk.com\nhttp://intranet.example:8080"
    assert server.request("PUT", "/v1/admin/domains", rules, scope="admin").is_success
    alias = {"agent": agent, "source_id": "arn:aws:connect:eu-central-1:123456789012:agent/9"}
    assert server.request("PUT", "/v1/admin/aliases", alias, scope="admin").is_success
    customer = {"phone": "+493023125101", "name": "Anna-Katharina Schmidt-Wolkenstein 様"}
    for number in range(3):
        contact = f"c-portal-{agent}-{number}"
        server.report("offered", contact, agent=agent, customer=customer, queue="Sales")
        server.answer(agent, contact)
        if number:
            server.report("ended", contact, agent=agent)
    tried = server.request(
        "PUT", "/v1/admin/domains/trial", rules.partition("\n")[0], scope="admin"
    )
    assert tried.is_success
    asked = server.request(
        "POST",
        "/v1/embedder",
        {"ancestors": ["https://fabrikam.zendesk.com"]},
        headers={"X-Screenpop": "1"},
    )
    assert asked.is_success
    ancestors = {"ancestors": ["https://evil.example"]}
    asked = server.request("POST", "/v1/embedder", ancestors, headers={"X-Screenpop": "1"})
    assert asked.status_code == 403


def faults(page: Page) -> Iterator[str]:
    """Show pages of the portal that say what is wrong; gives the name of each."""
    page.goto(f"{HOME}/admin/contacts?stage=none")
    yield "a query made by hand"
    page.goto(f"{HOME}/admin/domains")
    page.locator("#text").fill("no rule at all\n*.co.uk\nhttps://contoso.crm4.dynamics.com")
    expect(page.locator("#findings .note--error.finding")).to_be_visible()
    expect(page.locator("#findings .note--warning.finding").first).to_be_visible()
    yield "domains with a fault"
    page.locator("button[name=do][value=save]").click()
    expect(page.locator("#errors")).to_be_visible()
    yield "domains refused"


def walk(page: Page) -> Iterator[str]:
    """Open each page in turn; gives the name of the one that is shown now."""
    waiting, known = deque(["/admin"]), {"admin"}
    for _ in range(MOST):
        if not waiting:
            return
        address = waiting.popleft()
        answer = page.goto(f"{HOME}{address}")
        assert answer is not None
        assert answer.ok, f"{address}: {answer.status}"
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        for link in page.evaluate(LINKS):
            name = _name(link)
            if name is not None and name not in known:
                known.add(name)
                split = urlsplit(link)
                waiting.append(split.path + (f"?{split.query}" if split.query else ""))
        yield _name(f"{HOME}{address}") or address
    raise AssertionError(f"more than {MOST} kinds of pages: {waiting}")


def _name(link: str) -> str | None:
    """Name the kind of page that a link leads to; None where it leads out of the portal."""
    split = urlsplit(link)
    if f"{split.scheme}://{split.netloc}" != HOME or not re.match(r"/admin(/|$)", split.path):
        return None
    parts = [part if _LITERAL.fullmatch(part) else "x" for part in split.path.split("/") if part]
    asked = sorted({name for name, _ in parse_qsl(split.query, keep_blank_values=True)})
    return "-".join([*parts, *asked])
