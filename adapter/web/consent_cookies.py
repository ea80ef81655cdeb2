"""Know again the browser that asked for a consent: a cookie that outlasts the consent window.

Microsoft posts the answer from its own page (`form_post`), so the cookie must come along with a
request of another site. Of all else it is useless: it opens nothing by itself.
"""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from adapter.connections.consents import LASTS
from adapter.dynamics import hosts

COOKIE = "__Host-screenpop-consent"
PLAIN_COOKIE = "screenpop-consent"
"""Over plain HTTP to this very machine, where not every client takes a `Secure` cookie."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def secret_for(request: Request) -> str:
    """Give the secret to bind a consent to: the browser's own, where it has one already."""
    return secret_of(request) or secrets.token_urlsafe(32)


def secret_of(request: Request) -> str | None:
    """Read what the browser brings back; None where it brings nothing of ours."""
    found = request.cookies.get(COOKIE)
    if found is None and _is_plain_loopback(request):
        found = request.cookies.get(PLAIN_COOKIE)
    return found if found is not None and _SECRET.fullmatch(found) else None


def remember(response: Response, request: Request, secret: str) -> None:
    """Let the browser keep the secret as long as a consent lasts."""
    age = int(LASTS.total_seconds())
    attributes = f"Max-Age={age}; Path=/; HttpOnly"
    response.headers.append("set-cookie", f"{COOKIE}={secret}; {attributes}; Secure; SameSite=None")
    if _is_plain_loopback(request):
        response.headers.append("set-cookie", f"{PLAIN_COOKIE}={secret}; {attributes}")


def _is_plain_loopback(request: Request) -> bool:
    return request.url.scheme == "http" and hosts.is_loopback(
        f"http://{request.headers.get('host', '')}".lower()
    )
