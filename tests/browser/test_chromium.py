from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.sites import framing

pytestmark = pytest.mark.browser

CRM = "https://contoso.crm4.dynamics.com"
OTHER = "https://acme.zendesk.example"


def test_this_browser_opens_no_tab_without_a_click(page: Page) -> None:
    # Before the page has loaded: whatever Playwright asks a page counts as a click.
    opening = "document.title = String(window.open('/'))"
    page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ {opening} }})")
    page.goto(f"{CRM}/")
    expect(page).to_have_title("null")


def test_this_browser_keeps_the_storage_of_frames_apart_by_the_page_around(
    new_context: Callable[..., BrowserContext],
) -> None:
    context = new_context()
    context.add_init_script(
        "window.was = localStorage.getItem('x'); localStorage.setItem('x', 'set')"
    )
    kept = "https://kept.example/"
    for around, was in ((CRM, None), (OTHER, None), (CRM, "set")):
        page = context.new_page()
        page.goto(framing(around, kept))
        assert page.frames[1].evaluate("window.was") == was, around


def test_this_browser_gives_no_cookie_to_a_frame_of_another_site_but_partitioned_ones(
    new_context: Callable[..., BrowserContext],
) -> None:
    context = new_context()
    page = context.new_page()
    page.goto("https://kept.example/")
    page.evaluate("document.cookie = 'third=party; Secure; SameSite=None; Path=/'")
    assert page.evaluate("document.cookie") == "third=party"
    page.goto(framing(CRM, "https://kept.example/"))
    frame = page.frames[1]
    assert frame.evaluate("document.cookie") == ""
    kept = """(attributes) => {
      document.cookie = `mine=1; Secure; SameSite=None; Path=/${attributes}`;
      return document.cookie;
    }"""
    assert frame.evaluate(kept, "") == ""
    assert frame.evaluate(kept, "; Partitioned") == "mine=1"
