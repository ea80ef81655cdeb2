"""Find the texts that pages and scripts say, and keep the catalogues' ids like them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from adapter import i18n

ADAPTER = Path(__file__).parents[1] / "adapter"

Text = str | tuple[str, str]
"""A text, or its forms for one and for several."""

_OWN = (
    "overview",
    "domain",
    "domains",
    "health",
    "audit",
    "differences",
    "settings",
    "preferences",
)
"""Pages of the catalogue `portal`, beside the frame that all pages share."""
_FRAME = ("layout", "macros", "refusal", "pages", "errors", "faults", "formats", "forms", "routing")


def _pages(*names: str) -> tuple[str, ...]:
    """Give the patterns of pages of the portal: module, template or folder of templates, script."""
    return tuple(
        pattern
        for name in names
        for pattern in (
            f"web/portal/{name}*.py",
            f"templates/portal/{name}*.html",
            f"templates/portal/{name}/*.html",
        )
    )


FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "panel": ("templates/panel.html", "static/panel/*.js"),
        "signin": (
            "templates/sign_in/*.html",
            "web/*sign_in*.py",
            "web/fault_sentences.py",
            "web/framing_pages.py",
            "web/network_sentences.py",
            "web/panel_sessions.py",
            "web/refusal_pages.py",
        ),
        "dynamics_pages": ("web/consent_pages.py", "web/recording_pages.py"),
        "portal": _pages(*_OWN, *_FRAME),
        "portal_dynamics": _pages("dynamics", "steps"),
        # What is nobody else's.
        "portal_people": (
            "web/portal/*.py",
            "templates/portal/*.html",
            "templates/portal/*/*.html",
        ),
    }
)
"""Catalogue to the files whose texts it holds; a text of two catalogues stands in both."""


def files(catalogue: str) -> list[Path]:
    """Give the files of a catalogue."""
    found = {path for pattern in FILES[catalogue] for path in ADAPTER.glob(pattern)}
    if catalogue == "portal_people":
        found -= {path for name in FILES if name != catalogue for path in files(name)}
    return sorted(found)


def spoken(catalogue: str) -> dict[Text, list[str]]:
    """Give every text that the files of a catalogue say, with the files that say it."""
    found: dict[Text, list[str]] = {}
    for path in files(catalogue):
        for text in _texts(path):
            named = path.relative_to(ADAPTER.parent).as_posix()
            found.setdefault(text, [])
            if named not in found[text]:
                found[text].append(named)
    return found


def _texts(path: Path) -> Iterator[Text]:
    content = io.BytesIO(path.read_bytes())
    if path.suffix == ".html":
        for _, _, said, _ in babel_extract(content, ["_", "gettext", "ngettext"], [], {}):
            yield _key(said)
        return
    method = "python" if path.suffix == ".py" else "javascript"
    keywords = {"_": None, "N_": None, "texts": None, "many": (1, 2), "t": None, "msg": None}
    for _, said, _, _ in extract(method, content, keywords=keywords):
        yield _key(said)


def _key(said: object) -> Text:
    """Give a text, or the forms of a call for a plural; what is no plain text is None there."""
    texts = (
        [each for each in said if each is not None] if isinstance(said, tuple | list) else [said]
    )
    return str(texts[0]) if len(texts) == 1 else (str(texts[0]), str(texts[1]))


def path_of(catalogue: str, locale: str) -> Path:
    """Give a catalogue's file."""
    return ADAPTER / "locales" / locale / "LC_MESSAGES" / f"{catalogue}.po"


def update(catalogue: str) -> dict[str, int]:
    """Write the ids of a catalogue anew, keeping translations; gives how many are empty."""
    return {locale: _update(catalogue, locale) for locale in i18n.LOCALES}


def _update(catalogue: str, locale: str) -> int:
    path = path_of(catalogue, locale)
    known = Catalog(locale=locale)
    if path.exists():
        with path.open("rb") as opened:
            known = read_po(opened, locale=locale)
    new = Catalog(
        locale=locale,
        project="screenpop",
        version="1",
        header_comment=f"# Texts of the catalogue {catalogue}: `scripts/messages {catalogue}`.",
        last_translator="screenpop",
        language_team=locale,
        msgid_bugs_address="-",
        creation_date=known.creation_date,
        revision_date=known.creation_date,
        fuzzy=False,
    )
    empty = 0
    for text, said_in in spoken(catalogue).items():
        old = known.get(text) or _elsewhere(text, locale)
        if old and isinstance(old.string, str) != isinstance(text, str):
            old = None  # it was a plural, or has become one
        new.add(text, old.string if old else None, locations=[(name, 0) for name in said_in])
        empty += locale != i18n.DEFAULT and not (old and all(_forms(old.string)))
    path.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    write_po(written, new, width=100, include_lineno=False, sort_by_file=True)
    path.write_bytes(written.getvalue().rstrip() + b"\n")
    return empty


def _elsewhere(text: Text, locale: str) -> Message | None:
    """Give what another catalogue says for a text: the same, in every place."""
    return next(
        (
            found
            for other in i18n.catalogs(locale).values()
            if (found := other.get(text)) and found.string
        ),
        None,
    )


def _forms(string: object) -> tuple[object, ...]:
    return tuple(string) if isinstance(string, tuple | list) else (string,)
