"""Build the card that a refused frame shows, and read what browsers report of blocked frames."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from markupsafe import Markup

from adapter import framing
from adapter.web import cards

MAX_REPORT = 16 * 1024
"""Bytes of a report; a page's whole policy is in it, which is 8 KB at most."""

_DIRECTIVE = re.compile("[a-z-]{1,40}")

_TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "title": "This page may not show the agent panel",
            "seen": "The page around this frame is",
            "ask": "Ask your administrator to add this line to the allowed domains:",
            "none": "No rule can allow this address. Ask your administrator to serve the page "
            "from a host with a domain name.",
            "retry": "Try again",
            "unknown": "No organization has this address",
            "address": "The panel was looked for at",
            "right": "Ask your administrator for the right address of the panel.",
        },
        "ja": {
            "title": "このページではエージェント パネルを表示できません",
            "seen": "このフレームを表示しているページ:",
            "ask": "許可ドメインに次の行を追加するよう、管理者に依頼してください。",
            "none": "このアドレスを許可できるルールはありません。"
            "ドメイン名のあるホストでページを提供するよう、管理者に依頼してください。",
            "retry": "再試行",
            "unknown": "このアドレスの組織はありません",
            "address": "パネルを探したアドレス:",
            "right": "パネルの正しいアドレスを管理者に確認してください。",
        },
    }
)


@dataclass(frozen=True, slots=True)
class CspReport:
    """What one report says: the directive, the origins, never a path (paths carry record ids).

    `embedder` is the foreign page that framed us, None where the browser hides it. All of it is
    unauthenticated: count it and list it, act on none of it.
    """

    directive: str
    embedder: str | None
    document: str | None


def refusal_page(origin: str, line: str, retry_url: str, locale: str) -> str:
    """Build the card: the origin seen, the line to add ("" if no rule can), a link to try again.

    Static, without script, and with nothing of the tenant. `retry_url` is a path on this host, as
    `retry_url_for` makes it; anything else raises `ValueError`. `locale` is a language tag.
    """
    if not retry_url.startswith("/") or retry_url.startswith(("//", "/\\")):
        raise ValueError(f"retry_url must be a path on this host: {retry_url!r}")
    text = _texts(locale)
    advice = cards.line(text["ask"] if line else text["none"])
    if line:
        advice += Markup("\n") + cards.copied(line)
    return _card(text, title="title", seen="seen", shown=origin, advice=advice, retry_url=retry_url)


def unknown_host_page(host: str, locale: str) -> str:
    """Build the card for a host that is no tenant of ours: it names only what was asked for."""
    text = _texts(locale)
    advice = cards.line(text["right"])
    return _card(text, title="unknown", seen="address", shown=host, advice=advice, retry_url="/")


def _texts(locale: str) -> Mapping[str, str]:
    return _TEXTS["ja" if locale.lower().replace("_", "-").split("-")[0] == "ja" else "en"]


def _card(
    text: Mapping[str, str], *, title: str, seen: str, shown: str, advice: Markup, retry_url: str
) -> str:
    parts = (
        cards.line(text[seen]),
        cards.copied(shown),
        advice,
        cards.way(text["retry"], retry_url),
    )
    return cards.page("ja" if text is _TEXTS["ja"] else "en", text[title], parts)


def refusal_headers() -> dict[str, str]:
    """Give the headers of the card: any page may show it."""
    return {**framing.refusal_headers(cards.STYLE), "Content-Type": "text/html; charset=utf-8"}


def retry_url_for(origin: str) -> str:
    """Give the card's link: it names the embedder, since the next `Referer` is our own."""
    return f"/?embedder={quote(origin, safe='')}"


def parse_csp_report(body: bytes, referer: str | None) -> CspReport | None:
    """Read a `report-uri` report (`{"csp-report": {…}}`); None for whatever is none.

    Chromium names the embedder only in the request's `Referer`, Firefox in the body's `referrer`.
    Source: https://www.w3.org/TR/CSP3/#deprecated-serialize-violation
    """
    report = _report(body)
    if report is None:
        return None
    directive = _text(report, "effective-directive") or _text(report, "violated-directive")
    name = directive.partition(" ")[0].lower()  # older browsers put the whole directive there
    if _DIRECTIVE.fullmatch(name) is None:
        return None
    document = framing.origin_of(_text(report, "document-uri"))
    candidates = (framing.origin_of(text) for text in (_text(report, "referrer"), referer or ""))
    embedder = next((origin for origin in candidates if origin and origin != document), None)
    return CspReport(name, str(embedder) if embedder else None, str(document) if document else None)


def _report(body: bytes) -> Mapping[str, object] | None:
    if len(body) > MAX_REPORT:
        return None
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    report = decoded.get("csp-report") if isinstance(decoded, dict) else None
    return report if isinstance(report, dict) else None


def _text(report: Mapping[str, object], field: str) -> str:
    value = report.get(field)
    return value if isinstance(value, str) else ""
