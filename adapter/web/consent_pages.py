"""End the consent window: take Microsoft's answer (GET or form_post) and say what came of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from adapter.connections import ConsentResult
from adapter.errors import MalformedInput
from adapter.web import requests
from adapter.web.accounts import connections

LONGEST = 32 * 1024
"""Bytes of an answer; codes are a few thousand."""
_FIELDS = {"code", "state", "error", "error_description", "error_subcode", "session_state"} | {
    "client_info",
    "iss",
    "suberror",
}

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 32px 16px; font: 16px/1.5 "Segoe UI", system-ui, sans-serif;
  color: #242424; background: #ffffff; }
main { max-width: 36rem; margin: 0 auto; }
h1 { margin: 0 0 12px; font-size: 22px; line-height: 1.3; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { color: #ffffff; background: #1f1f1f; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No Cross-Origin-Opener-Policy: the page that opened this window may wait for it to close.
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1 role="status">{title}</h1>
{lines}
</main>
</body>
</html>
"""


async def callback(request: Request) -> Response:
    """Finish a consent; exempt from the origin check, guarded by state, PKCE and nonce.

    The code works once: a reload of this page says so and changes nothing.
    """
    result = await connections(request).desk.finish_consent(await _answer(request))
    return Response(page(result), 200 if result.ok else 400, _HEADERS)


def page(result: ConsentResult) -> str:
    """Build the page: what came of it, for whom, what to do now."""
    lines = [result.advice] if result.advice else []
    if result.person:
        lines.append(f"Signed in as {result.person}.")
    if result.report is not None and result.report.organisation:
        lines.append(
            f"Organisation: {result.report.organisation}; user: {result.report.user or 'unknown'}."
        )
    if result.ok:
        lines.append(f"Now press Apply in the settings of {result.account}.")
    lines.append("You can close this window.")
    text = Markup(_PAGE).format(  # noqa: S704 - ours; what is filled in is escaped
        title=result.message,
        style=Markup(_STYLE),  # noqa: S704 - ours, allowed by its hash
        lines=Markup("\n").join(Markup("<p>{}</p>").format(line) for line in lines),
    )
    return str(text)


async def _answer(request: Request) -> Mapping[str, str]:
    if request.method == "GET":
        pairs = list(request.query_params.multi_items())
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise MalformedInput("this address takes Microsoft's form_post only")
        text = (await requests.body(request, LONGEST)).decode("ascii", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50)
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedInput(f"{name} is given twice")
        if name in _FIELDS:
            found[name] = value
    return found
