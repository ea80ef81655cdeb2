"""Every text that the panel says is in both catalogues, with the same places to fill."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from hypothesis import given, strategies as st

from adapter import i18n

_STRING = r'"(?:[^"\\]|\\.)*"'
_IN_SCRIPT = re.compile(rf"\b(?:t|msg)\(\s*({_STRING}(?:\s*\+\s*{_STRING})*)")
_IN_TEMPLATE = re.compile(r"\b_\((?:\"([^\"]*)\"|'([^']*)')\)")
_ADAPTER = resources.files("adapter")


def used_in_scripts() -> set[str]:
    found = set()
    for file in (_ADAPTER / "static" / "panel").iterdir():
        if file.name.endswith(".js"):
            for match in _IN_SCRIPT.finditer(file.read_text(encoding="utf-8")):
                found.add("".join(json.loads(part) for part in re.findall(_STRING, match[1])))
    return found


def used_in_template() -> set[str]:
    page = (_ADAPTER / "templates" / "panel.html").read_text(encoding="utf-8")
    return {match[1] or match[2] for match in _IN_TEMPLATE.finditer(page)}


def test_the_search_finds_what_it_should() -> None:
    assert "Open record" in used_in_scripts()
    assert "Start shift" in used_in_scripts()
    assert len(used_in_scripts()) > 70
    assert "Sign in" in used_in_template()


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_every_text_of_the_panel_is_in_the_catalogue(locale: str) -> None:
    catalog = i18n.js_catalog(locale)
    assert used_in_scripts() | used_in_template() <= catalog.keys()


def test_both_catalogues_have_the_same_texts() -> None:
    assert i18n.js_catalog("en").keys() == i18n.js_catalog("ja").keys()


def test_nothing_is_left_untranslated_in_japanese() -> None:
    same = {key for key, text in i18n.js_catalog("ja").items() if key == text}
    assert same == set()


def test_english_says_what_the_key_says() -> None:
    assert all(key == text for key, text in i18n.js_catalog("en").items())


def test_translations_fill_the_same_places() -> None:
    for key, text in i18n.js_catalog("ja").items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", key)), key


def test_the_template_speaks_the_language() -> None:
    assert i18n.translations("ja").gettext("Sign in") == "サインイン"
    assert i18n.translations("en").gettext("Sign in") == "Sign in"
    assert i18n.translations("ja").gettext("no such text") == "no such text"


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
