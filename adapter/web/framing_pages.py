"""Build the card that a refused frame shows, and read what browsers report of blocked frames."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from adapter import framing, i18n
from adapter.i18n import Texts
from adapter.web import cards

MAX_REPORT = 16 * 1024
"""Bytes of a report; a page's whole policy is in it, which is 8 KB at most."""

_DIRECTIVE = re.compile("[a-z-]{1,40}")


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
    _ = _texts(locale)
    if line:
        asked = _("Ask your administrator to add this line to the allowed domains:")
        advice = [cards.line(asked), cards.copied(line)]
    else:
        none = _(
            "No rule can allow this address. Ask your administrator to serve the page from a host "
            "with a domain name."
        )
        advice = [cards.line(none)]
    parts = [
        cards.line(_("The page around this frame is")),
        cards.copied(origin),
        *advice,
        cards.way(_("Try again"), retry_url),
    ]
    return cards.page(_.locale, _("This page may not show the agent panel"), parts)


def unknown_host_page(host: str, locale: str) -> str:
    """Build the card for a host that is no tenant of ours: it names only what was asked for."""
    _ = _texts(locale)
    parts = [
        cards.line(_("The panel was looked for at")),
        cards.copied(host),
        cards.line(_("Ask your administrator for the right address of the panel.")),
        cards.way(_("Try again"), "/"),
    ]
    return cards.page(_.locale, _("No organization has this address"), parts)


def _texts(locale: str) -> Texts:
    return Texts(i18n.negotiate(None, locale))


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
