"""Read the forms of our own pages: bounded, and only from our own pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from adapter.errors import Forbidden, MalformedInput, Place, UnsupportedMediaType
from adapter.i18n import Texts
from adapter.web import addresses, requests
from adapter.web.portal import seals
from adapter.web.principals import Principal

LIMIT = 8 * 1024 * 1024
"""Bytes of a form: the allowed domains may be thousands of lines, and escaping triples them."""
MOST_FIELDS = 5000
TOKEN = "form-token"  # noqa: S105 - the field's name
_PURPOSE = "portal form"


@dataclass(frozen=True, slots=True)
class Form:
    """What a person typed: every value of every field, lines ended by LF."""

    fields: Mapping[str, tuple[str, ...]]

    def text(self, name: str, default: str = "") -> str:
        """Give the (last) value of a field without white space around it."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """Give the (last) value of a field as it was typed."""
        values = self.fields.get(name)
        return values[-1] if values else default

    def all(self, name: str) -> tuple[str, ...]:
        """Give every value of a field (ticked boxes, repeated inputs)."""
        return self.fields.get(name, ())

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked: an empty one is not sent."""
        return bool(self.fields.get(name))

    def lost(self, *names: str) -> list[str]:
        """Name the secrets that were typed, that the page then emptied, and that are empty now.

        The page that says so sends no mark again: pressing once more is then on purpose.
        """
        return [name for name in names if self.ticked(f"{name}-emptied") and not self.raw(name)]

    def require(self, *names: str) -> None:
        """Check that fields were sent, empty or not: what a form leaves out means nothing.

        Raises:
            MalformedInput: naming those that are missing.
        """
        if missing := [name for name in names if name not in self.fields]:
            raise MalformedInput(f"the form came without {', '.join(missing)}: open the page again")

    def number(self, name: str) -> int | None:
        """Give a field's whole number, None where there is none (a version, a page)."""
        value = self.text(name)
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None  # noqa: PLR2004


NOTHING = Form({})


def token(who: Principal) -> str:
    """Give the value of the hidden field that every form carries."""
    return seals.token(who.session, _PURPOSE)


def lost_secrets(texts: Texts, form: Form, *names: str) -> list[Place]:
    """Say at their fields which secrets would be left out unseen."""
    said = texts(
        "The page emptied this secret. Enter it again, or press the button once more to go on"
        " without it."
    )
    return [Place(name, said) for name in form.lost(*names)]


async def read(request: Request, who: Principal) -> Form:
    """Read a form that our own page sent.

    Raises:
        Forbidden: another page sent it.
        UnsupportedMediaType: it is no urlencoded form.
        MalformedInput: it has too many fields, or no UTF-8 in it.
        PayloadTooLarge: it is longer than `LIMIT`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("a form is sent as application/x-www-form-urlencoded")
    form = parse(await requests.body(request, LIMIT))
    require_own_form(request, who, form)
    return form


def parse(body: bytes) -> Form:
    """Read an urlencoded form (WHATWG URL, 5.1); browsers end lines with CRLF, we with LF."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except UnicodeDecodeError as error:
        raise MalformedInput("the form is not UTF-8") from error
    except ValueError as error:
        raise MalformedInput(f"the form has more than {MOST_FIELDS} fields") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\r", "\n"))
    return Form({name: tuple(values) for name, values in fields.items()})


def require_own_form(request: Request, who: Principal, form: Form) -> None:
    """Check that a form comes from our own page (design 8).

    A form cannot set a header, so what the browser itself says counts: `Sec-Fetch-Site`, `Origin`
    (https://fetch.spec.whatwg.org/#append-a-request-origin-header; our pages' `Referrer-Policy`
    keeps it from becoming `null`). Where it says neither, the token of the session must be there.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host", "")
    if site is not None and site != "same-origin":
        raise Forbidden("this form must come from our own page: open it again and send it there")
    if origin is not None:
        if not addresses.is_own_origin(requests.services(request).settings, origin, host):
            raise Forbidden("this form must come from our own page")
    elif site is None and not seals.is_token(who.session, _PURPOSE, form.text(TOKEN)):
        raise Forbidden("this form is of another session: open the page again and send it there")
