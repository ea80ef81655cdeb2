"""Render the small pages of the sign-in: never framed, no inline script, one style sheet."""

from __future__ import annotations

from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapter.i18n import Texts
from adapter.web import languages, principals
from adapter.web.panel import Pages
from adapter.web.sign_in_sentences import PHRASES

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # A form of a page without a referrer has `Origin: null`; our own origin tells nobody anything.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# No Cross-Origin-Opener-Policy: the panel's browser must be able to close the window.

Way = Literal["panel", "portal", "either"]
"""Where somebody may sign in again: `either` where nobody knows whose window it was."""


def role_names(_: Texts) -> dict[str, str]:
    """Name the roles."""
    return {
        "admin": _("Administrator"),
        "supervisor": _("Supervisor"),
        "agent": _("Agent"),
    }


def page(
    request: Request, template: str, *, status: int = 200, locale: str = "", **values: Any
) -> Response:
    """Render `templates/sign_in/<template>`, in the request's language where none is named."""
    locale = locale or languages.of_window(request)
    pages: Pages = request.state.pages
    html = (
        pages.environments[locale]
        .get_template(f"sign_in/{template}")
        .render(locale=locale, asset=pages.assets.url, **values)
    )
    return HTMLResponse(html, status, HEADERS)


def failed(
    request: Request,
    why: str,
    *,
    status: int = 400,
    locale: str = "",
    detail: str = "",
    way: Way = "panel",
    wanted: str = principals.HOME,
) -> Response:
    """Say why a sign-in came to nothing, and where to begin again.

    `why` is one of `signing_in.errors.REASONS`, `unknown`, `browser` or `code`; `detail` is said in
    English; `wanted` is the page of the portal to go on to.
    """
    locale = locale or languages.of_window(request)
    return page(
        request,
        "failed.html",
        status=status,
        locale=locale,
        why=why,
        detail=PHRASES.tell(Texts(locale), detail) if detail else None,
        way=way,
        next=wanted,
    )
