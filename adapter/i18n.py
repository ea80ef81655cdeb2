"""Read the catalogues (`locales/<language>/LC_MESSAGES/*.po`) and choose a language.

`panel.po` holds the texts of the panel, for its page and its scripts; the other files hold those of
the pages that the server renders whole. `scripts/messages` writes the ids, people the texts.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DEFAULT: Final = "en"
LOCALES: Final = ("en", "ja")
PANEL: Final = "panel"
"""The catalogue whose texts go to the browser."""


class Texts:
    """Give texts in one language: `_ = Texts("ja")`, then `_(text, n=3)`.

    As in the templates, a text's `%(name)s` are always filled in, so a bare `%` is written `%%`.
    """

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self._translations = _compiled(locale)

    @property
    def gap(self) -> str:
        """What stands between two whole sentences."""
        return gap(self.locale)

    @property
    def stop(self) -> str:
        """What ends a sentence that another one follows."""
        return "。" if self.locale == "ja" else ". "

    def __call__(self, text: str, /, **values: object) -> str:
        """Translate `text` and fill in `values`; raises KeyError for one that is missing."""
        return self._translations.gettext(text) % values

    def many(self, one: str, several: str, num: int, /, **values: object) -> str:
        """Translate the form for a count, which the text may show as `%(num)d`."""
        return self._translations.ngettext(one, several, num) % {"num": num, **values}


def gap(locale: str) -> str:
    """Give what stands between two whole sentences of a language."""
    return "" if locale == "ja" else " "


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for the catalogues where it is listed, before its language is known."""
    return text


def translations(locale: str) -> Translations:
    """Give what Jinja's `install_gettext_translations` takes; texts without a translation stay.

    Raises ValueError for a language that is not one of `LOCALES`.
    """
    return _compiled(locale)


def js_catalog(locale: str) -> dict[str, str]:
    """Give the texts for the panel's scripts: the English text to what is shown.

    One that is shown as it is stands for itself and is left out, so English has none.
    """
    return {
        message.id: str(message.string)
        for message in catalogs(locale)[PANEL]
        if isinstance(message.id, str) and message.id
        if message.string and message.string != message.id
    }


@cache
def catalogs(locale: str) -> dict[str, Catalog]:
    """Read every catalogue of a language, by the file's name without `.po`.

    Raises ValueError for a language that is not one of `LOCALES`.
    """
    if locale not in LOCALES:
        raise ValueError(f"locale: {locale!r} is none of {', '.join(LOCALES)}")
    folder = resources.files("adapter") / "locales" / locale / "LC_MESSAGES"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".po"):
            with file.open("rb") as opened:
                catalog = read_po(opened, locale=locale, abort_invalid=True)
            found[file.name.removesuffix(".po")] = catalog
    return found


def negotiate(accept_language: str | None, preferred: str | None = None) -> str:
    """Choose a language: `preferred` (an admin's setting) first, then the browser's wishes.

    `accept_language` is the header as it came (RFC 9110, 12.5.4); what cannot be read counts
    as no wish.
    """
    if preferred is not None and _language(preferred) in LOCALES:
        return _language(preferred)
    for tag in _wished(accept_language):
        if tag == "*":
            return DEFAULT
        if _language(tag) in LOCALES:
            return _language(tag)
    return DEFAULT


def formats(accept_language: str | None, language: str) -> Locale:
    """Give the locale to write dates and numbers in: the browser's region of a chosen language.

    `en-GB` in the header gives British dates to a page in English; a page in Japanese has Japan's.
    """
    for tag in _wished(accept_language):
        if _language(tag) == language and "-" in tag:
            try:
                return Locale.parse(tag, sep="-")
            except (ValueError, TypeError, UnknownLocaleError):
                continue
    return Locale.parse(language)


def _wished(accept_language: str | None) -> list[str]:
    """List the tags that the browser accepts, the dearest first."""
    wishes = [_wish(part) for part in (accept_language or "").split(",")]
    # The sort is stable: of equal wishes the first named counts.
    ordered = sorted(wishes, key=lambda wish: -wish[1])
    return [tag for tag, quality in ordered if quality > 0]


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
def _compiled(locale: str) -> Translations:
    merged = Catalog(locale=locale)
    for catalog in catalogs(locale).values():
        for message in catalog:
            if message.id:
                merged[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(fp=compiled)
