"""Give one Chromium to all browser tests of a worker, with the defaults that people have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import chromium, sites
from tests.browser.sites import Sites


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with sites.serving(tmp_path_factory.mktemp("sites")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(pages: Sites) -> Iterator[Browser]:
    expect.set_options(timeout=10_000)
    with chromium.running(pages.resolver_rules()) as running:
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

