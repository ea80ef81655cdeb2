"""Decide what a page inside somebody's frame gets, and which headers say so."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from adapter.domain_rules import grammar
from adapter.domains import Decision, DomainRules

FRAMED = frozenset({"iframe", "frame", "object", "embed"})
"""The values of `Sec-Fetch-Dest` that name a navigation inside another page."""

_REFERER = re.compile(r"(https?://[^/?#]*)(?:[/?#].*)?", re.DOTALL)
_NONCE = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_SOURCE = re.compile(r"'self'|(?:https?|wss?)://[a-z0-9.*\[\]:-]+")
_REPORT_URI = re.compile(r"/[A-Za-z0-9/._~?=&%-]*|https?://[A-Za-z0-9/._~?=&%:-]+")

_EVERY_PAGE = {
    # A cached page would keep the verdict of rules that have changed since.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Our own origin on in-frame navigations is enough; a path could carry a ticket.
    "Referrer-Policy": "strict-origin",
    "Permissions-Policy": (
        "autoplay=(self), camera=(), clipboard-write=(self), display-capture=(), geolocation=(), "
        "microphone=(), payment=(), usb=()"
    ),
}


@dataclass(frozen=True, slots=True)
class Serve:
    """The page is sent; `embedder` is the foreign origin that frames it, where the server knows."""

    embedder: str | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The refusal card is sent (403): `origin` may not embed, `decision` says why."""

    origin: str
    decision: Decision


Framing = Serve | Refuse


def decide(
    *,
    dest: str | None,
    referer: str | None,
    embedder_param: str | None,
    own_origins: Collection[str],
    rules: DomainRules,
) -> Framing:
    """Decide what one navigation gets, from its `Sec-Fetch-Dest`, `Referer` and `?embedder=`.

    Only a framed navigation that names a foreign origin which the rules refuse is refused. A
    missing, unreadable or own `Referer` proves nothing (no-referrer pages, own links, reloads):
    `frame-ancestors` decides there. `embedder_param` is what the card's retry link carries: it can
    add a refusal and never take one away. Sign-in callbacks must not ask: their `Referer` is the
    identity provider's.
    """
    if dest not in FRAMED:
        return Serve()
    own = {grammar.parse_origin(origin) for origin in own_origins}
    named = origin_of(referer or "")
    claimed = grammar.parse_origin(embedder_param or "")
    foreign = [str(origin) for origin in (named, claimed) if origin and origin not in own]
    judged = _judge(foreign, rules)
    if isinstance(judged, Serve) and (named is None or named in own):
        return Serve()  # a parameter that anyone can write vouches for nobody
    return judged


def check_ancestors(origins: Iterable[str], own_origin: str, rules: DomainRules) -> Framing:
    """Decide by the page's own `location.ancestorOrigins`, nearest first: all must be allowed.

    `null`, `file:` and extension entries prove nothing (browsers hide ancestors behind `null`), and
    so does an empty list. What begins like an http(s) origin and is none is refused: no browser
    sends it.
    """
    own = grammar.parse_origin(own_origin)
    web = [text for text in origins if text.lower().startswith(("http:", "https:"))]
    foreign = [text for text in web if (grammar.parse_origin(text) or text) != own]
    return _judge(foreign, rules)


def origin_of(url: str) -> grammar.Origin | None:
    """Reduce a `Referer` or a report's URL to its origin by the strict parser, else None."""
    match = _REFERER.fullmatch(url)
    return grammar.parse_origin(match[1]) if match else None


def security_headers(
    rules: DomainRules,
    *,
    nonce: str | None = None,
    report_uri: str | None = None,
    frame_sources: Iterable[str] = (),
    connect_sources: Iterable[str] = (),
) -> dict[str, str]:
    """Give the headers of every HTML answer of the adapter, errors and ends of redirects included.

    `nonce` is base64 and fresh for each answer. `frame_sources` are the origins that the panel may
    frame, `connect_sources` those it may reach besides its own (`wss://host` for a browser whose
    `'self'` leaves out websockets). Raises `ValueError` for a value that could end a directive.
    """
    allowed_inline = [f"'nonce-{_checked(nonce, _NONCE)}'"] if nonce is not None else []
    directives = {
        "frame-ancestors": [rules.frame_ancestors()],
        "default-src": ["'none'"],
        "script-src": ["'self'", *allowed_inline],
        "style-src": ["'self'", *allowed_inline],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *_sources(connect_sources)],
        "font-src": ["'self'"],
        "media-src": ["'self'"],
        "frame-src": _sources(frame_sources) or ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }
    if report_uri is not None:
        # Alone: with report-to beside it neither browser reported a blocked frame.
        directives["report-uri"] = [_checked(report_uri, _REPORT_URI)]
    # The net under frame-ancestors: browsers ignore it wherever they could read the directive.
    return {
        "Content-Security-Policy": _policy(directives),
        "X-Frame-Options": "DENY",
        **_EVERY_PAGE,
    }


def refusal_headers(style: str) -> dict[str, str]:
    """Give the headers of the refusal card, which any page may show and which runs no script.

    `style` is the text between the card's `<style>` tags, allowed by its hash.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    directives = {
        "frame-ancestors": ["*"],
        "default-src": ["'none'"],
        "style-src": [f"'sha256-{digest}'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return {"Content-Security-Policy": _policy(directives), **_EVERY_PAGE}


def _judge(origins: Iterable[str], rules: DomainRules) -> Framing:
    embedder: str | None = None
    for origin in origins:
        decision = rules.explain(origin)
        if not decision.allowed:
            return Refuse(origin, decision)
        embedder = embedder or origin
    return Serve(embedder)


def _policy(directives: dict[str, list[str]]) -> str:
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def _sources(sources: Iterable[str]) -> list[str]:
    return [_checked(source, _SOURCE) for source in sources]


def _checked(value: str, form: re.Pattern[str]) -> str:
    if form.fullmatch(value) is None:
        raise ValueError(f"not safe in a Content-Security-Policy: {value!r}")
    return value
