"""Give one Chromium to all browser tests of a worker, with the defaults that people have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser import chromium, sites
from tests.browser.panels import Desk
from tests.browser.sites import HOME, Sites
from tests.server import Server

_AGENTS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without its mark: in the other run its loop would stop all others."""
    here = Path(__file__).parent
    unmarked = [
        item.nodeid
        for item in items
        if item.path.parent == here and item.get_closest_marker("browser") is None
    ]
    if unmarked:
        raise pytest.UsageError(f"not marked as browser tests: {', '.join(unmarked[:3])}")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with sites.serving(tmp_path_factory.mktemp("sites")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright, pages: Sites) -> Iterator[Browser]:
    expect.set_options(timeout=10_000)
    with chromium.running(playwright, pages.resolver_rules()) as running:
        yield running


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Give a maker of browser profiles: cookies and storage of their own, closed at the end."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(**options)  # type: ignore[arg-type]  # Playwright's own
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    return new_context().new_page()


@pytest.fixture(scope="session")
def server(pages: Sites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give the adapter behind `HOME`."""
    with Server(tmp_path_factory.mktemp("adapter"), SCREENPOP_PUBLIC_URL=HOME) as running:
        pages.adapter_port = running.port
        yield running


@pytest.fixture
def allow(server: Server) -> Callable[..., None]:
    """Give what replaces the domain rules."""

    def replace(*rules: str) -> None:
        answer = server.request("PUT", "/v1/admin/domains", "\n".join(rules), scope="admin")
        assert answer.status_code == 200, answer.text

    return replace


@pytest.fixture
def new_desk(
    server: Server, pages: Sites, new_context: Callable[..., BrowserContext]
) -> Callable[..., Desk]:
    """Give a maker of desks, each with an agent that nobody else has."""

    def make(**options: object) -> Desk:
        return Desk(server, pages, new_context(**options), f"agent-{next(_AGENTS)}")

    return make


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    return new_desk()
