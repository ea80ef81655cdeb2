"""Fill the placeholders in a JSON document: values land in strings that are already parsed.

`"{{Name}}"` in quotes is always text. `{{Name}}` without quotes is a number, true, false or null,
where the value is one or spells one. Names of members are never filled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Never

from adapter.errors import Place
from adapter.placeholders.errors import TemplateFault, UnfitValue
from adapter.placeholders.references import Reference, split
from adapter.placeholders.values import Values, as_text

MAX_LENGTH = 65_536
"""Characters of a template. A row's texts are a few thousand."""

_MARK = "\x00"
"""Before the text of an unquoted placeholder; raw it is no JSON, escaped it is refused."""
_STRING_OR_PLACEHOLDER = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{[^{}]*\}\}', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Raw:
    """An unquoted placeholder."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class JsonTemplate:
    """A JSON object with placeholders, parsed once and filled as often as needed."""

    text: str
    _tree: dict[str, Any]

    @staticmethod
    def parse(text: str) -> JsonTemplate:
        """Parse a template; raises `TemplateFault` with a line and column or a JSON pointer."""
        if len(text) > MAX_LENGTH:
            raise TemplateFault([Place("", f"is longer than {MAX_LENGTH} characters")])
        quoted = _STRING_OR_PLACEHOLDER.sub(_quote_placeholder, text)
        try:
            value = json.loads(quoted, object_pairs_hook=_object, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno} column {error.colno}"
            raise TemplateFault([Place(at, f"is not JSON: {error.msg}")]) from error
        except RecursionError as error:
            raise TemplateFault([Place("", "is nested too deeply")]) from error
        except ValueError as error:
            raise TemplateFault([Place("", str(error))]) from error
        if not isinstance(value, dict):
            raise TemplateFault([Place("", 'must be a JSON object: {"column": "value"}')])
        faults: list[Place] = []
        tree = _compile(value, "", faults)
        if faults:
            raise TemplateFault(faults)
        return JsonTemplate(text, tree)

    @property
    def members(self) -> dict[str, Any]:
        """Give the members of the object; a text is a tuple of literals and `Reference`s."""
        return self._tree

    def literal(self, name: str) -> Any:
        """Give the value of a member where no placeholder decides it, else None."""
        value = self._tree.get(name)
        if isinstance(value, tuple):
            return "".join(value) if all(isinstance(part, str) for part in value) else None
        return None if isinstance(value, dict | list | _Raw) else value

    def references(self) -> Iterator[tuple[str, Reference]]:
        """Give each placeholder with the JSON pointer at which it stands."""
        yield from _references(self._tree, "")

    def texts(self) -> Iterator[tuple[str, str]]:
        """Give each literal piece of text with its JSON pointer, for hints."""
        yield from _texts(self._tree, "")

    def render(self, values: Values, place: str = "body") -> dict[str, Any]:
        """Fill in; raises `MissingValue` or `UnfitValue` with the member's place."""
        filled: dict[str, Any] = _render(self._tree, values, place)
        return filled


def encode(document: Any) -> bytes:
    """Write JSON as it is sent: UTF-8, no spaces, members in their order."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _quote_placeholder(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else json.dumps(_MARK + found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:40]!r} is there twice")
    return members


def _no_number(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON number")


def _compile(value: Any, at: str, faults: list[Place]) -> Any:
    match value:
        case dict():
            return {
                _name(name, at, faults): _compile(inner, _under(at, name), faults)
                for name, inner in value.items()
            }
        case list():
            return [
                _compile(inner, _under(at, str(index)), faults) for index, inner in enumerate(value)
            ]
        case str():
            return _compile_text(value, at, faults)
        case _:
            return value


def _name(name: str, at: str, faults: list[Place]) -> str:
    if _MARK in name or "{{" in name:
        faults.append(Place(_under(at, name.strip(_MARK)), "a column's name cannot be filled in"))
    return name


def _compile_text(value: str, at: str, faults: list[Place]) -> Any:
    try:
        parts = split(value.removeprefix(_MARK), at)
    except TemplateFault as fault:
        faults.extend(fault.places)
        return ()
    if value.startswith(_MARK) and len(parts) == 1 and isinstance(parts[0], Reference):
        return _Raw(parts[0])
    if _MARK in value:
        faults.append(Place(at, "has the character U+0000"))
    return parts


def _under(at: str, name: str) -> str:
    return f"{at}/{as_text(name)[:60].replace('~', '~0').replace('/', '~1')}"


def _references(value: Any, at: str) -> Iterator[tuple[str, Reference]]:
    for where, leaf in _leaves(value, at):
        if isinstance(leaf, _Raw):
            yield where, leaf.reference
        elif isinstance(leaf, tuple):
            yield from ((where, part) for part in leaf if isinstance(part, Reference))


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    for where, leaf in _leaves(value, at):
        if isinstance(leaf, tuple):
            yield from ((where, part) for part in leaf if isinstance(part, str))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, _under(at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{at}/{index}")
    else:
        yield at, value


def _render(value: Any, values: Values, at: str) -> Any:
    match value:
        case dict():
            return {
                as_text(name): _render(inner, values, _under(at, name))
                for name, inner in value.items()
            }
        case list():
            return [_render(inner, values, f"{at}/{index}") for index, inner in enumerate(value)]
        case tuple():
            return as_text(
                "".join(
                    part if isinstance(part, str) else as_text(values.find(part, at))
                    for part in value
                )
            )
        case _Raw(reference):
            return _raw(reference, values.find(reference, at), at)
        case _:
            return value


def _raw(reference: Reference, value: Any, at: str) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return json.loads(value.strip())
    reason = "is no number, true, false or null: put the placeholder in quotes to send it as text"
    raise UnfitValue(str(reference), at, reason)
