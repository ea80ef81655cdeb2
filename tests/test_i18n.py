"""Every text that the panel says is in both catalogues, with the same places to fill."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from hypothesis import given, strategies as st

from adapter import i18n
from tests import spoken_texts
from tests.spoken_texts import FILES, Text

_PLACE = re.compile(r"\{\w+\}|%\(\w+\)[a-z]|%%")


def catalogued(catalogue: str, locale: str) -> dict[Text, Message]:
    """Give the messages of one file."""
    found = i18n.catalogs(locale).get(catalogue, ())
    return {_key(message): message for message in found if message.id}


def _key(message: Message) -> Text:
    return message.id if isinstance(message.id, str) else (str(message.id[0]), str(message.id[1]))


def forms(message: Message) -> list[str]:
    """Give what a message says: one text, or one for each form of its plural."""
    string = message.string
    return [str(each) for each in string] if isinstance(string, tuple | list) else [str(string)]


def test_the_search_finds_what_it_should() -> None:
    said = spoken_texts.spoken("panel")
    assert "adapter/static/panel/pop-card.js" in said["Open record"]
    assert "adapter/templates/panel.html" in said["Sign in"]
    assert len(said) > 70
    assert (
        "adapter/templates/portal/layout.html" in spoken_texts.spoken("portal")["Allowed domains"]
    )


@pytest.mark.parametrize("catalogue", FILES)
def test_every_text_is_in_both_languages_and_no_other(catalogue: str) -> None:
    said = set(spoken_texts.spoken(catalogue))
    for locale in i18n.LOCALES:
        assert set(catalogued(catalogue, locale)) == said, f"scripts/messages {catalogue}"


@pytest.mark.parametrize("catalogue", FILES)
def test_nothing_is_left_untranslated_in_japanese(catalogue: str) -> None:
    empty = [text for text, each in catalogued(catalogue, "ja").items() if not all(forms(each))]
    assert not empty


@pytest.mark.parametrize("catalogue", FILES)
def test_english_says_what_the_key_says(catalogue: str) -> None:
    assert not [text for text, each in catalogued(catalogue, "en").items() if any(forms(each))]


@pytest.mark.parametrize("catalogue", FILES)
def test_translations_fill_the_same_places(catalogue: str) -> None:
    for text, message in catalogued(catalogue, "ja").items():
        wanted = set(_PLACE.findall(text if isinstance(text, str) else text[1]))
        assert all(set(_PLACE.findall(form)) == wanted for form in forms(message)), text


def test_a_text_of_two_catalogues_has_one_translation() -> None:
    said: dict[Text, list[str]] = {}
    for catalogue in FILES:
        for text, message in catalogued(catalogue, "ja").items():
            assert said.setdefault(text, forms(message)) == forms(message), text


def test_no_page_speaks_outside_of_the_catalogues() -> None:
    listed = {path for name in FILES for path in spoken_texts.files(name)}
    beside = [
        path
        for kind in ("*.py", "*.html")
        for path in spoken_texts.ADAPTER.rglob(kind)
        if path not in listed and re.search(r"\b_\(\s*[\"']", path.read_text(encoding="utf-8"))
    ]
    assert not beside


def test_scripts_say_nothing_inside_a_template_literal() -> None:
    """Where the search does not look: such a text would be in no catalogue."""
    hidden = [
        path.name
        for path in (spoken_texts.ADAPTER / "static").rglob("*.js")
        if re.search(r"\$\{[^}]*\b(?:t|msg)\(", path.read_text(encoding="utf-8"))
    ]
    assert not hidden


def test_sentences_follow_each_other_as_the_language_has_it() -> None:
    assert (i18n.Texts("en").gap, i18n.Texts("en").stop) == (" ", ". ")
    assert (i18n.Texts("ja").gap, i18n.Texts("ja").stop) == ("", "。")


def test_every_file_of_a_language_is_a_known_catalogue() -> None:
    folder = Path(str(resources.files("adapter") / "locales"))
    assert {path.stem for path in folder.rglob("*.po")} <= set(FILES)


def test_the_scripts_of_the_panel_get_its_own_texts_only() -> None:
    assert set(i18n.js_catalog("ja")) == set(spoken_texts.spoken("panel"))
    assert i18n.js_catalog("en") == {}


def test_the_template_speaks_the_language() -> None:
    assert i18n.translations("ja").gettext("Sign in") == "サインイン"
    assert i18n.translations("en").gettext("Sign in") == "Sign in"
    assert i18n.translations("ja").gettext("no such text") == "no such text"


def test_texts_fill_their_places() -> None:
    assert i18n.Texts("en")("%(n)d of 100 %%", n=3) == "3 of 100 %"
    assert i18n.Texts("en").many("%(num)d rule", "%(num)d rules", 1) == "1 rule"
    assert i18n.Texts("en").many("%(num)d rule", "%(num)d rules", 2) == "2 rules"


@pytest.mark.parametrize(
    ("header", "language", "expected"),
    [
        ("en-GB,en;q=0.5", "en", "en_GB"),
        ("de-DE,en-AU;q=0.5", "en", "en_AU"),
        ("en", "en", "en"),
        ("en-GB", "ja", "ja"),
        ("en-XQ-nonsense", "en", "en"),
        (None, "ja", "ja"),
    ],
)
def test_dates_follow_the_browsers_region(header: str | None, language: str, expected: str) -> None:
    assert str(i18n.formats(header, language)) == expected


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ValueError, match="'de'"):
        i18n.translations("de")


@pytest.mark.parametrize(
    ("header", "preferred", "expected"),
    [
        (None, None, "en"),
        ("", None, "en"),
        ("ja", None, "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8", None, "ja"),
        ("en-GB,ja;q=0.9", None, "en"),
        ("de-DE,de;q=0.9,ja;q=0.4,en;q=0.2", None, "ja"),
        ("de", None, "en"),
        ("en;q=0.1, JA;Q=0.7", None, "ja"),
        ("ja;q=0, en", None, "en"),
        ("ja;q=0", None, "en"),
        ("*;q=0.9, ja;q=0.5", None, "en"),
        ("ja;q=x, en;q=0.1", None, "en"),
        ("ja;q=nan, en;q=0.1", None, "en"),
        ("ja;q=7, en;q=0.1", None, "en"),
        ("en", "ja", "ja"),
        ("en", "ja_JP", "ja"),
        ("ja", "de", "ja"),
        ("ja", "", "ja"),
    ],
)
def test_the_admins_language_counts_then_the_browsers_wishes(
    header: str | None, preferred: str | None, expected: str
) -> None:
    assert i18n.negotiate(header, preferred) == expected


@given(st.text(alphabet="jaen-*;q=0.19 ,x\x00ü", max_size=40))
def test_any_header_gives_a_language(header: str) -> None:
    assert i18n.negotiate(header) in i18n.LOCALES


@given(st.text(alphabet="enjaGB-_@*;q=0.19 ,x\x00ü", max_size=40))
def test_any_header_gives_a_way_of_writing(header: str) -> None:
    assert i18n.formats(header, "en").language == "en"
