from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies as st

from adapter.web import framing_pages
from adapter.web.framing_pages import CspReport, parse_csp_report, refusal_page, retry_url_for

A = "https://contoso.crm4.dynamics.com"
OWN = "https://adapter.ccaip.test"


class Card(HTMLParser):
    """Read a page as a browser does: its elements, their attributes, the text in each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and data.strip():
            self.texts.setdefault(self.elements[-1][0], []).append(data)


def test_the_card_names_the_page_seen_the_line_to_add_and_a_way_to_try_again() -> None:
    card = Card(refusal_page(A, A, retry_url_for(A), "en-GB"))
    assert card.texts["code"] == [A, A]
    assert card.texts["a"] == ["Try again"]
    assert ("a", {"href": "/?embedder=https%3A%2F%2Fcontoso.crm4.dynamics.com"}) in card.elements
    assert ("html", {"lang": "en"}) in card.elements
    assert "administrator" in card.texts["p"][1]


@pytest.mark.parametrize("locale", ["ja", "ja-JP", "JA_jp"])
def test_the_card_speaks_japanese(locale: str) -> None:
    card = Card(refusal_page(A, A, "/", locale))
    assert ("html", {"lang": "ja"}) in card.elements
    assert card.texts["a"] == ["再試行"]


@pytest.mark.parametrize("locale", ["", "de", "jam", "en"])
def test_the_card_falls_back_to_english(locale: str) -> None:
    assert ("html", {"lang": "en"}) in Card(refusal_page(A, A, "/", locale)).elements


def test_the_card_says_when_no_rule_can_help() -> None:
    card = Card(refusal_page("https://127.0.0.1", "", "/", "en"))
    assert card.texts["code"] == ["https://127.0.0.1"]
    assert "No rule can allow this address" in card.texts["p"][1]


@settings(deadline=None)
@given(st.text(), st.text(min_size=1), st.text())
def test_whatever_the_card_shows_is_text(origin: str, line: str, path: str) -> None:
    page = refusal_page(origin, line, "/?" + path, "en")
    names = [name for name, _ in Card(page).elements]
    plain = [name for name, _ in Card(refusal_page("o", "l", "/?", "en")).elements]
    assert names == plain
    assert "script" not in names


@pytest.mark.parametrize("url", ["", "https://evil.test/", "//evil.test", "/\\evil.test", "x"])
def test_the_card_links_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="a path on this host"):
        refusal_page(A, A, url, "en")


def test_the_policy_allows_exactly_the_style_of_the_card() -> None:
    page = refusal_page(A, A, "/", "en")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    headers = framing_pages.refusal_headers()
    assert f"'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert "frame-ancestors *" in headers["Content-Security-Policy"]
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "style=" not in page


def report(**fields: object) -> bytes:
    body = {
        "document-uri": f"{OWN}/",
        "violated-directive": "frame-ancestors",
        "effective-directive": "frame-ancestors",
        "original-policy": "frame-ancestors 'none'",
        "disposition": "enforce",
        "status-code": 200,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return json.dumps({"csp-report": body}).encode()


def test_chromium_names_the_embedder_in_the_referer_of_the_report() -> None:
    found = parse_csp_report(report(blocked_uri=f"{OWN}/", referrer=""), f"{A}/")
    assert found == CspReport("frame-ancestors", A, OWN)


def test_firefox_names_the_embedder_in_the_body() -> None:
    found = parse_csp_report(report(blocked_uri="", referrer=f"{A}/main.aspx?id=1"), f"{OWN}/")
    assert found == CspReport("frame-ancestors", A, OWN)


def test_an_embedder_that_hides_is_unknown() -> None:
    assert parse_csp_report(report(referrer=""), None) == CspReport("frame-ancestors", None, OWN)
    assert parse_csp_report(report(referrer=OWN), OWN) == CspReport("frame-ancestors", None, OWN)


def test_an_old_browser_puts_the_whole_directive_into_the_report() -> None:
    body = report(effective_directive=None, violated_directive="frame-ancestors 'self' https://x")
    assert parse_csp_report(body, None) == CspReport("frame-ancestors", None, OWN)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"1",
        b"{}",
        b'{"csp-report": []}',
        b'{"csp-report": {}}',
        b'{"csp-report": {"effective-directive": 1, "violated-directive": ["x"]}}',
        b'{"csp-report": {"effective-directive": "<script>"}}',
        b"[" * 16_000,
        b"9" * 10_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_report_is_nothing(body: bytes) -> None:
    assert parse_csp_report(body, f"{A}/") is None


def test_an_oversized_report_is_nothing() -> None:
    assert parse_csp_report(report(effective_directive="a" * 41), None) is None
    assert parse_csp_report(report(padding="x" * framing_pages.MAX_REPORT), None) is None


@settings(deadline=None)
@given(st.binary(), st.none() | st.text())
def test_reading_any_bytes_never_raises(body: bytes, referer: str | None) -> None:
    parse_csp_report(body, referer)
    parse_csp_report(b'{"csp-report": ' + body + b"}", referer)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(JSON, JSON, JSON, st.none() | st.text())
def test_reading_any_shape_never_raises(
    directive: object, referrer: object, document: object, referer: str | None
) -> None:
    body = report(effective_directive=directive, referrer=referrer, document_uri=document)
    found = parse_csp_report(body, referer)
    assert found is None or re.fullmatch("[a-z-]+", found.directive)


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "No organization"), ("ja-JP", "組織はありません")]
)
def test_an_unknown_host_gets_a_card_that_names_only_what_was_asked_for(
    locale: str, words: str
) -> None:
    page = framing_pages.unknown_host_page("<b>acme.example", locale)
    assert words in page
    assert "&lt;b&gt;acme.example" in page
    assert "<script" not in page
