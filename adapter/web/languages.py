"""Choose the panel's language: the agent's own choice, the tenant's, the host's, the browser's.

The choice is a cookie of the panel's own partition; where a browser keeps none, it is in the
panel's address (`?lang=ja`) until that is left.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from adapter import i18n
from adapter.web import requests

COOKIE = "__Host-screenpop-language"
PORTAL_COOKIE = "screenpop-language"
"""The choice that a person made in the portal, by browser; no secret."""
PARAMETER = "lang"

NAMES = {"en": "English", "ja": "日本語"}
"""Each language in its own words, for who cannot read the page's."""

_YEAR = 365 * 24 * 3600


def of_panel(request: Request) -> str:
    """Give the language to speak, one of `i18n.LOCALES`."""
    setting = _default(request)
    own = _chosen(request) or request.cookies.get(COOKIE)
    preferred = own if own in i18n.LOCALES else setting
    return i18n.negotiate(request.headers.get("accept-language"), preferred or None)


def of_window(request: Request) -> str:
    """Give the language of a small page in a window of its own, where nobody need be known.

    The panel names its own in the address of the window that it opens: its cookie is of another
    partition.
    """
    in_portal = request.cookies.get(PORTAL_COOKIE)
    if _chosen(request) is None and in_portal in i18n.LOCALES:
        return in_portal
    return of_panel(request)


def others(locale: str) -> list[tuple[str, str]]:
    """List the languages to change to: code and name."""
    return [(code, name) for code, name in NAMES.items() if code != locale]


def keep(request: Request, response: Response) -> None:
    """Keep a choice that was just made."""
    chosen = _chosen(request)
    if chosen is not None:
        # Written by hand: Starlette knows `Partitioned` only from Python 3.14 on.
        cookie = f"{COOKIE}={chosen}; Path=/; Max-Age={_YEAR}; Secure; SameSite=None; Partitioned"
        response.headers.append("set-cookie", cookie)


def _default(request: Request) -> str:
    services = requests.services(request)
    try:
        own = services.registry[requests.tenant(request)].preferences.locale
    except requests.UnknownTenant:
        own = ""
    return own or services.settings.locale


def _chosen(request: Request) -> str | None:
    asked = request.query_params.get(PARAMETER)
    return asked if asked in i18n.LOCALES else None
