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

STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 16px; max-width: 40rem; box-sizing: border-box;
  font: 14px/1.45 "Segoe UI", "Noto Sans JP", system-ui, sans-serif;
  color: #242424; background: #ffffff; }
h1 { margin: 0 0 12px; font-size: 18px; line-height: 1.3; }
p { margin: 0 0 8px; }
code { display: block; margin: 0 0 16px; padding: 8px 10px; border: 1px solid #8a8a8a;
  border-radius: 4px; font: 13px/1.4 Consolas, monospace; overflow-wrap: anywhere;
  user-select: all; }
a { display: inline-block; padding: 12px 16px; border-radius: 4px; font-weight: 600;
  text-decoration: none; color: #ffffff; background: #0f548c; }
a:focus-visible { outline: 2px solid #242424; outline-offset: 3px; }
@media (prefers-color-scheme: dark) {
  body { color: #ffffff; background: #1f1f1f; }
  a { color: #1f1f1f; background: #62abf5; }
  a:focus-visible { outline-color: #ffffff; }
}
"""

_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{seen}</p>
<code>{origin}</code>
{advice}
<a href="{retry_url}">{retry}</a>
</main>
</body>
</html>
"""


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
    advice = Markup("<p>{}</p>").format(text["ask"] if line else text["none"])
    if line:
        advice += Markup("\n<code>{}</code>").format(line)
    return _card(text, title="title", seen="seen", shown=origin, advice=advice, retry_url=retry_url)


def unknown_host_page(host: str, locale: str) -> str:
    """Build the card for a host that is no tenant of ours: it names only what was asked for."""
    text = _texts(locale)
    advice = Markup("<p>{}</p>").format(text["right"])
    return _card(text, title="unknown", seen="address", shown=host, advice=advice, retry_url="/")


def _texts(locale: str) -> Mapping[str, str]:
    return _TEXTS["ja" if locale.lower().replace("_", "-").split("-")[0] == "ja" else "en"]


def _card(
    text: Mapping[str, str], *, title: str, seen: str, shown: str, advice: Markup, retry_url: str
) -> str:
    page = Markup(_PAGE).format(  # noqa: S704 - ours; what is filled in is escaped
        lang="ja" if text is _TEXTS["ja"] else "en",
        title=text[title],
        style=Markup(STYLE),  # noqa: S704 - ours, and the policy allows it by its hash alone
        seen=text[seen],
        origin=shown,
        advice=advice,
        retry_url=retry_url,
        retry=text["retry"],
    )
    return str(page)


def refusal_headers() -> dict[str, str]:
    """Give the headers of the card: any page may show it."""
    return {**framing.refusal_headers(STYLE), "Content-Type": "text/html; charset=utf-8"}


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
