"""Render a page of the portal: layout, language, messages, errors at their fields, headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import Any, Final

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapter import i18n, preferences
from adapter.errors import MalformedInput, Place, ScreenpopError, Unavailable
from adapter.i18n import Texts
from adapter.preferences import Preferences
from adapter.web import languages, panel, problems, refusal_pages, requests
from adapter.web.portal import flashes, forms, refusal_sentences
from adapter.web.portal.flashes import Flash, Kind
from adapter.web.portal.formats import Formats
from adapter.web.portal.forms import Form
from adapter.web.principals import Principal

LANGUAGE_COOKIE = languages.PORTAL_COOKIE
ZONE_COOKIE = "screenpop-zone"
"""The browser's time zone, which only a script knows, or the person's own choice."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=()",
        # Not `no-referrer`: it makes browsers send `Origin: null` with our own forms
        # (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
"""Of every answer of the portal: shown in no frame, kept by nobody, nothing from elsewhere."""
TURN: Final = 0.002
"""Seconds of a long page without letting anybody else have a turn, but for a table in one go."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """The language and the formats of one request."""

    locale: str
    formats: Formats


def texts(request: Request) -> Texts:
    """Give the texts in the language of the request: `_ = pages.texts(request)`."""
    return Texts(_voice(request).locale)


def formats_of(request: Request) -> Formats:
    """Give the person's way of writing times and numbers."""
    return _voice(request).formats


def person(request: Request) -> Principal | None:
    """Give who is signed in; None on a page that is shown to a stranger (a refusal)."""
    state: State = request.state
    return getattr(state, "principal", None)


async def render(
    request: Request,
    template: str,
    status: int = 200,
    *,
    errors: Sequence[Place] = (),
    form: Form = forms.NOTHING,
    **values: Any,
) -> Response:
    """Render `template` (`portal/keys.html`) with what every page needs, and `values`.

    `errors` name fields by their `at`: each stands at the top with a link, and at its field. `form`
    is what was typed, which the fields show again (status 422). Others have their turn between the
    parts of a long page, so `values` hold what was read, and nothing that reads while it is shown.
    """
    who, voice = person(request), _voice(request)
    flash = None if who is None else flashes.take(request, who)
    pages: panel.Pages = request.state.pages
    parts = (
        pages.environments[voice.locale]
        .get_template(template)
        .generate(
            locale=voice.locale,
            locales=i18n.LOCALES,
            asset=pages.assets.url,
            fmt=voice.formats,
            who=who,
            tenant=None if who is None else who.tenant,
            here=request.url.path,
            form_token="" if who is None else forms.token(who),
            flash=flash,
            errors=_by_field(errors),
            places=errors,
            form=form,
            typed=form,
            **values,
        )
    )
    answer = HTMLResponse(await _in_turns(parts), status, dict(HEADERS))
    if flash is not None:
        flashes.forget(answer)
    return answer


async def _in_turns(parts: Iterator[str]) -> str:
    done: list[str] = []
    began = time.monotonic()
    for part in parts:
        done.append(part)
        if time.monotonic() - began > TURN:
            await asyncio.sleep(0)
            began = time.monotonic()
    return "".join(done)


def redirect(request: Request, path: str, said: str = "", *, kind: Kind = "success") -> Response:
    """Send the browser on after a change (303), with a message for the page that it comes to.

    `path` is one of ours, written by us: never what a request names.
    """
    answer = RedirectResponse(path, 303)
    who = person(request)
    if said and who is not None:
        flashes.leave(answer, who, Flash(kind, said))
    return answer


async def refusal(request: Request, error: ScreenpopError) -> Response:
    """Say in words why a page cannot be shown, or a form cannot be taken."""
    _ = texts(request)
    status = problems.of(error).status
    tell = refusal_sentences.PHRASES.tell
    places = error.places if isinstance(error, MalformedInput) else ()
    answer = await render(
        request,
        "portal/refusal.html",
        status,
        title=refusal_pages.title(_, status),
        detail=tell(_, str(error)),
        has_pages=not requests.fault_of_host(request),
        # One that is the whole of it is said already.
        details=[(each.at, tell(_, each.detail)) for each in places] if len(places) > 1 else (),
    )
    if isinstance(error, Unavailable):
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _by_field(errors: Sequence[Place]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in errors:
        found.setdefault(place.at, []).append(place.detail)
    return found


def _voice(request: Request) -> _Voice:
    known: _Voice | None = getattr(request.state, "voice", None)
    if known is None:
        known = request.state.voice = _chosen(request)
    return known


def _chosen(request: Request) -> _Voice:
    """Choose the person's language before the tenant's, the host's and the browser's wishes."""
    wished = request.headers.get("accept-language")
    own = request.cookies.get(LANGUAGE_COOKIE)
    default = _of_tenant(request)
    locale = i18n.negotiate(wished, own if own in i18n.LOCALES else default.locale or None)
    name = request.cookies.get(ZONE_COOKIE) or default.zone
    zone = preferences.zone(name)
    written = Formats(i18n.formats(wished, locale), zone or UTC, name if zone else "UTC")
    return _Voice(locale, written)


def _of_tenant(request: Request) -> Preferences:
    services = requests.services(request)
    try:
        known = services.registry[requests.tenant(request)].preferences
    except requests.UnknownTenant:
        known = Preferences()
    return Preferences(known.locale or services.settings.locale, known.zone)
