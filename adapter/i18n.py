"""Read the catalogues (`locales/<language>/LC_MESSAGES/messages.po`) and choose a language."""

from __future__ import annotations

from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DEFAULT: Final = "en"
LOCALES: Final = ("en", "ja")


def translations(locale: str) -> Translations:
    """Give what Jinja's `install_gettext_translations` takes; texts without a translation stay.

    Raises ValueError for a language that is not one of `LOCALES`.
    """
    compiled = BytesIO()
    write_mo(compiled, _catalog(locale))
    compiled.seek(0)
    return Translations(fp=compiled)


def js_catalog(locale: str) -> dict[str, str]:
    """Give the texts for the panel's scripts: the English text to what is shown."""
    return {
        message.id: str(message.string or message.id)
        for message in _catalog(locale)
        if isinstance(message.id, str) and message.id
    }


def negotiate(accept_language: str | None, preferred: str | None = None) -> str:
    """Choose a language: `preferred` (an admin's setting) first, then the browser's wishes.

    `accept_language` is the header as it came (RFC 9110, 12.5.4); what cannot be read counts
    as no wish.
    """
    if preferred is not None and _language(preferred) in LOCALES:
        return _language(preferred)
    wishes = [_wish(part) for part in (accept_language or "").split(",")]
    # The sort is stable: of equal wishes the first named counts.
    for tag, quality in sorted(wishes, key=lambda wish: -wish[1]):
        if quality > 0 and tag == "*":
            return DEFAULT
        if quality > 0 and _language(tag) in LOCALES:
            return _language(tag)
    return DEFAULT


def _wish(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().partition(";")
    name, _, value = parameter.strip().partition("=")
    if not name:
        return tag.strip(), 1.0
    try:
        quality = float(value)
    except ValueError:
        return tag.strip(), 0.0
    return tag.strip(), quality if name.strip().lower() == "q" and 0 <= quality <= 1 else 0.0


def _language(tag: str) -> str:
    return tag.strip().replace("_", "-").partition("-")[0].lower()


@cache
def _catalog(locale: str) -> Catalog:
    if locale not in LOCALES:
        raise ValueError(f"locale: {locale!r} is none of {', '.join(LOCALES)}")
    file = resources.files("adapter") / "locales" / locale / "LC_MESSAGES" / "messages.po"
    with file.open("rb") as opened:
        return read_po(opened, locale=locale, abort_invalid=True)
