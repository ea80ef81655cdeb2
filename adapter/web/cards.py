"""Build the static cards: one sentence, what to do, no script; one style for all of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from markupsafe import Markup

STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 16px; max-width: 40rem; box-sizing: border-box;
  font: 14px/1.45 "Segoe UI", -apple-system, Roboto, "Noto Sans", "Liberation Sans",
    "Yu Gothic UI", "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", sans-serif;
  color: #242424; background: #ffffff; }
h1 { margin: 0 0 12px; font-size: 18px; line-height: 1.3; }
:lang(ja) h1 { word-break: auto-phrase; }
p { margin: 0 0 8px; overflow-wrap: anywhere; }
code { display: block; margin: 0 0 16px; padding: 8px 10px; border: 1px solid #8a8a8a;
  border-radius: 4px; font: 13px/1.4 Consolas, monospace; overflow-wrap: anywhere;
  user-select: all; }
a { display: inline-block; margin: 0 8px 8px 0; padding: 12px 16px; border-radius: 4px;
  font-weight: 600; text-decoration: none; color: #ffffff; background: #0f548c; }
a:focus-visible { outline: 2px solid #242424; outline-offset: 3px; }
@media (prefers-color-scheme: dark) {
  body { color: #ffffff; background: #1f1f1f; }
  a { color: #1f1f1f; background: #62abf5; }
  a:focus-visible { outline-color: #ffffff; }
}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# No Cross-Origin-Opener-Policy: the page that opened a window may wait for it to close.
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)
"""Of a card that no page may show in a frame."""

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
{parts}
</main>
</body>
</html>
"""


def page(locale: str, title: str, parts: Iterable[Markup]) -> str:
    """Build a card in a language; `parts` stand below its title, each on a line."""
    built = Markup(_PAGE).format(  # noqa: S704 - ours; what is filled in is escaped
        lang=locale,
        title=title,
        style=Markup(STYLE),  # noqa: S704 - ours, and the policy allows it by its hash alone
        parts=Markup("\n").join(parts),
    )
    return str(built)


def line(text: str) -> Markup:
    """Write a paragraph."""
    return Markup("<p>{}</p>").format(text)


def copied(text: str) -> Markup:
    """Write what is to be copied as it stands; a click selects all of it."""
    return Markup("<code>{}</code>").format(text)


def way(text: str, url: str) -> Markup:
    """Write a link that looks like a button; an empty address is the page itself."""
    return Markup('<a href="{}">{}</a>').format(url, text)
