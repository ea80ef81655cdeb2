"""Answer browsers with a small page in the reader's language where programs get a problem.

A problem (RFC 9457) is JSON in English. Who opens an address in a browser asks for `text/html`, and
gets the same status and headers with one card: what is wrong, and where the pages are. In a frame
any page may show the card: there is nothing of anybody on it, and a browser would show nothing or
words of its own where it stands.
"""

from __future__ import annotations

import re

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapter import framing
from adapter.errors import ScreenpopError
from adapter.i18n import Texts
from adapter.web import cards, framing_pages, languages, principals, problems, requests
from adapter.web.phrases import Said
from adapter.web.sign_in_sentences import PHRASES

_NOTHING = re.compile(r"q\s*=\s*0(?:\.0{0,3})?", re.IGNORECASE)
_KEPT = (
    *("retry-after", "www-authenticate", "allow"),
    *("upgrade", "connection", "sec-websocket-version"),
)
"""Headers of a problem that a page has too."""


def is_wanted(request: Request) -> bool:
    """Whether a person is asking: a browser's page names HTML, a program JSON or anything.

    Our own scripts, and others' by what their browser says (Fetch Metadata), want no page.
    """
    headers = request.headers
    accept = headers.get("accept", "")
    script = "x-screenpop" in headers or headers.get("sec-fetch-mode", "navigate") != "navigate"
    return _takes_html(accept) and "json" not in accept and not script


def _takes_html(accept: str) -> bool:
    """Whether `text/html` is named, and not by a weight of nothing (RFC 9110, 12.4.2)."""
    for each in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        if kind == "text/html":
            return not any(_NOTHING.fullmatch(part) for part in parameters)
    return False


def card_headers(request: Request) -> dict[str, str]:
    """Give the headers of a card that has nothing of anybody: in a frame any page may show it."""
    framed = _is_framed(request)
    return {**(framing_pages.refusal_headers() if framed else cards.HEADERS), "Vary": "Accept"}


def _is_framed(request: Request) -> bool:
    return request.headers.get("sec-fetch-dest") in framing.FRAMED


def title(_: Texts, status: int) -> str:
    """Give the heading of a refusal, here and in the portal."""
    return {
        403: _("You may not do this"),
        404: _("There is no such page"),
        412: _("Somebody else has changed this"),
        421: _("No organization has this address"),
        429: _("Too much at once"),
        500: _("The server made a mistake"),
        503: _("Not available just now"),
    }.get(status, _("This did not work"))


async def on_error(request: Request, error: Exception) -> Response:
    """Answer one of our errors (Starlette exception handler)."""
    answer = _varying(await problems.on_error(request, error))
    if not is_wanted(request):
        return answer
    assert isinstance(error, ScreenpopError)  # noqa: S101 - registered for this type
    _ = Texts(languages.of_window(request))
    return _card(_, request, answer, PHRASES.tell(_, str(error)))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such route, no such method."""
    answer = _varying(await problems.on_http_exception(request, error))
    if not is_wanted(request):
        return answer
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    _ = Texts(languages.of_window(request))
    if wrong := requests.fault_of_host(request):
        return _card(_, request, answer, PHRASES.tell(_, wrong))
    by_programs = _("This address is for programs and forms, and cannot be opened by itself.")
    told = {
        404: _("Check the address, or begin at one of these pages."),
        405: by_programs,
        426: by_programs,
    }.get(error.status_code)
    said = PHRASES.tell(_, error.detail) if told is None else Said(told, english=False)
    return _card(_, request, answer, said)


async def on_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of ours without a stack trace; the server has logged it."""
    answer = _varying(await problems.on_fault(request, error))
    if not is_wanted(request):
        return answer
    _ = Texts(languages.of_window(request))
    told = _("Nothing was lost. The server's log says more; try again later.")
    return _card(_, request, answer, Said(told, english=False))


def _varying(answer: Response) -> Response:
    """Tell caches that `Accept` chooses between page and problem (RFC 9110, 12.5.5)."""
    answer.headers.append("vary", "Accept")
    return answer


def _card(_: Texts, request: Request, problem: Response, said: Said) -> Response:
    detail = (
        Markup('<p lang="en">{}</p>').format(said.text) if said.english else cards.line(said.text)
    )
    ways = [cards.way(_("Open the agent panel"), "/")]
    if not _is_framed(request):  # which the portal never is
        ways.append(cards.way(_("Open the portal"), principals.HOME))
    if requests.fault_of_host(request):
        ways = []  # no page of ours is at this address
    kept = {name: value for name in _KEPT if (value := problem.headers.get(name)) is not None}
    page = cards.page(_.locale, title(_, problem.status_code), [detail, *ways])
    return Response(page, problem.status_code, {**card_headers(request), **kept})
