r"""Repair what people paste into a step from a printed example: `{\"phonenumber\":\"…\"}`.

Nothing is touched that is right already, and each repair leaves a note for the admin.
"""

from __future__ import annotations

import json
import re

from adapter.placeholders import JsonTemplate, TemplateFault

_LABEL = re.compile(r"^\s*(?:request\s+body|query\s+string|body)\s*:\s*", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```\w*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_DOUBLE = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"'))
_SINGLE = str.maketrans(dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"))
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys("\ufeff\u200b"))
_ESCAPED = re.compile(r'\\(["\\{}\[\]_*()])')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BREAK = re.compile(r"[ \t]*(?:\r\n|\r|\n|\u2028|\u2029)[ \t]*")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    """Give the text as it was meant, and a note for each repair; unchanged where it is well.

    For bodies and for query strings. What cannot be repaired is for the parser to refuse.
    """
    notes: list[str] = []
    text = _changed(text, _FENCE.sub(r"\1", text), "code fence removed", notes)
    text = _changed(text, _LABEL.sub("", text), "label before the example removed", notes)
    text = text.strip()
    if not text.startswith(("{", "[", '"', "\u201c", "\u201d", '\\"', "\\{")):
        return _query(text, notes)
    if not _is_json(text):
        text = _json(text, notes)
    return text, tuple(notes)


def _query(text: str, notes: list[str]) -> tuple[str, tuple[str, ...]]:
    text = _changed(text, text.translate(_SPACES), "special spaces replaced", notes)
    text = _changed(
        text, text.translate(_DOUBLE).translate(_SINGLE), "typographic quotes replaced", notes
    )
    # Between options a space was broken; a key has none.
    joined = _BREAK.sub(" " if "$" in text else "", text)
    text = _changed(text, joined, "line breaks removed", notes)
    return _changed(text, _ESCAPED.sub(r"\1", text), "backslashes removed", notes), tuple(notes)


def _json(text: str, notes: list[str]) -> str:
    for repaired, note in (
        (_unwrapped, "quotes around the whole text removed"),
        (_unescaped, "escaped quotes replaced"),
        (_joined, "line break inside a text replaced by a space"),
        (_plain_spaces, "special spaces replaced"),
        (_plain_quotes, "typographic quotes replaced"),
        (_joined, "line break inside a text replaced by a space"),
        (_without_trailing_commas, "comma before a closing brace removed"),
    ):
        text = _changed(text, repaired(text), note, notes)
        if _is_json(text):
            break
    return text


def _unwrapped(text: str) -> str:
    try:
        inner = json.loads(text, strict=False)
    except ValueError:
        return text
    return inner.strip() if isinstance(inner, str) else text


def _unescaped(text: str) -> str:
    # One level: what was `\\\"` in the example is an escaped quote inside a text.
    return _ESCAPED.sub(r"\1", text) if re.match(r"[\s{\[\\]*\\\"", text) else text


def _plain_quotes(text: str) -> str:
    return text.translate(_DOUBLE)


def _plain_spaces(text: str) -> str:
    return text.translate(_SPACES)


def _joined(text: str) -> str:
    return _STRING.sub(lambda found: _BREAK.sub(" ", found[0]), text)


def _without_trailing_commas(text: str) -> str:
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(
        piece if number % 2 else _TRAILING_COMMA.sub(r"\1", piece)
        for number, piece in enumerate(pieces)
    )


def _changed(before: str, after: str, note: str, notes: list[str]) -> str:
    if after != before:
        notes.append(note)
    return after


def _is_json(text: str) -> bool:
    try:
        JsonTemplate.parse(text)
    except TemplateFault as fault:
        # A fault inside (at a member) is a matter of content, which no repair mends.
        return all(place.at.startswith("/") for place in fault.places)
    return True
