"""Fill the placeholders in a step's query string: a key in parentheses, then OData options.

`(STEP2-Response.activityid)`, `(accountnumber='{{Account}}')`, `?$filter=name eq '{{Name}}'`.
Sources: OData 4.01 Part 2, 4.3.1 and 5.1.1; Microsoft, "Query data using the Web API" (`%2B`,
doubled apostrophes, `%`, `_` and `[` as wildcards inside contains, startswith and endswith).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, unquote

from adapter.dynamics import names
from adapter.errors import Place
from adapter.placeholders.errors import TemplateFault, UnfitValue
from adapter.placeholders.references import Reference, split
from adapter.placeholders.values import Values, as_text

MAX_LENGTH = 8_192
MISSING_PARENTHESES = "a record's id stands in parentheses: ({})"

_KEY_SYNTAX = "=,():@!*'"
_QUERY_SYNTAX = _KEY_SYNTAX + "$/"
"""What stays as it is where an admin wrote it; a space and everything else is percent-encoded."""
_ESCAPED = re.compile(r"((?:%[0-9A-Fa-f]{2})+)")
_TOKEN = re.compile(
    r"-?\d{1,18}(?:\.\d{1,17})?|true|false|null"
    r"|\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?",
    re.ASCII,
)
_WILDCARDS = re.compile(r"[%_\[]")
_LIKE = re.compile(r"(?:contains|startswith|endswith)\s*\([^()']*$", re.IGNORECASE)


class _In(Enum):
    """Where a placeholder stands, which decides how its value is written."""

    KEY = auto()
    """Between parentheses: a GUID, or after `name=` also a number."""
    NAMED_KEY = auto()
    QUOTES = auto()
    PATTERN = auto()
    """In quotes inside contains, startswith or endswith."""
    OPTION = auto()
    """In an OData option without quotes: a GUID, a number, a date, true or false."""
    PARAMETER = auto()
    """The value of any other parameter."""


@dataclass(frozen=True, slots=True)
class _Slot:
    reference: Reference
    where: _In


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """A query string with placeholders; `key` has the parentheses, `query` no question mark."""

    text: str
    _key: tuple[str | _Slot, ...]
    _query: tuple[str | _Slot, ...]

    @staticmethod
    def parse(text: str) -> UrlTemplate:
        """Parse a template; raises `TemplateFault` (missing parentheses, an open apostrophe)."""
        text = text.strip()
        if len(text) > MAX_LENGTH:
            raise TemplateFault([Place("", f"is longer than {MAX_LENGTH} characters")])
        scanner = _Scanner()
        for item in _items(text):
            scanner.take(item)
        key, query = scanner.finish()
        return UrlTemplate(text, key, query)

    @property
    def has_key(self) -> bool:
        """Tell if the template names a record."""
        return bool(self._key)

    def references(self) -> Iterator[Reference]:
        """Give each placeholder in order."""
        yield from (part.reference for part in self._key + self._query if isinstance(part, _Slot))

    def render(self, values: Values, place: str = "query string") -> tuple[str, str]:
        """Give the key with its parentheses and the query, percent-encoded; either may be empty.

        Raises `MissingValue` or `UnfitValue`.
        """
        return _render(self._key, values, place), _render(self._query, values, place)


@dataclass(frozen=True, slots=True)
class _Char:
    """One character as meant; `written` is False where it stood percent-encoded."""

    value: str
    written: bool


def _items(text: str) -> Iterator[_Char | Reference]:
    for part in split(text):
        if isinstance(part, Reference):
            yield part
            continue
        for number, piece in enumerate(_ESCAPED.split(part)):
            escaped = number % 2 == 1
            for character in unquote(piece, errors="replace") if escaped else piece:
                yield _Char(character, not escaped)


class _Scanner:
    """Walk over a template once and note for each placeholder where it stands."""

    def __init__(self) -> None:
        self._parts: list[str | _Slot] = []
        self._key: tuple[str | _Slot, ...] = ()
        self._in_key = False
        self._in_query = False
        self._quoted = False
        self._since = ""
        """What stands before, within this option: tells contains(…) and `name=`."""

    def take(self, item: _Char | Reference) -> None:
        if isinstance(item, Reference):
            if not self._in_key and not self._in_query:
                raise TemplateFault([Place("", MISSING_PARENTHESES.format(item.name))])
            self._parts.append(_Slot(item, self._where()))
            self._since += "x"
        elif self._in_key:
            self._take_in_key(item)
        elif self._in_query:
            self._take_in_query(item)
        else:
            self._start(item)

    def finish(self) -> tuple[tuple[str | _Slot, ...], tuple[str | _Slot, ...]]:
        if self._quoted:
            raise TemplateFault([Place("", "an apostrophe is not closed")])
        if self._in_key:
            raise TemplateFault([Place("", "the parenthesis is not closed")])
        if self._key and not any(isinstance(part, _Slot) for part in self._key):
            written = "".join(part for part in self._key if isinstance(part, str))[1:-1]
            if "=" not in written and not names.is_guid(written):
                raise TemplateFault([Place("", f"{names.shown(written)} is no record id (GUID)")])
        return self._key, tuple(self._parts)

    def _where(self) -> _In:
        if self._quoted:
            pattern = self._in_query and _LIKE.search(self._since.rpartition("'")[0])
            return _In.PATTERN if pattern else _In.QUOTES
        if self._in_key:
            return _In.NAMED_KEY if "=" in self._since else _In.KEY
        return _In.OPTION if self._since.startswith("$") else _In.PARAMETER

    def _start(self, char: _Char) -> None:
        if char.value == "(" and not self._key:
            self._in_key = True
            self._parts.append("(")
        elif char.value == "?" or (not self._key and char.value == "$"):
            self._in_query = True
            self._since = ""
            if char.value == "$":
                self._take_in_query(char)
        elif not char.value.isspace():
            detail = "write a record's id in parentheses, or options that begin with ?$"
            raise TemplateFault([Place("", f"{names.shown(char.value)} is out of place: {detail}")])

    def _take_in_key(self, char: _Char) -> None:
        if char.value == "'":
            self._quoted = not self._quoted
        elif char.value == ")" and not self._quoted:
            self._key = (*self._parts, ")")
            self._parts = []
            self._in_key = False
            self._since = ""
            return
        elif char.value == "," and not self._quoted:
            self._since = ""
        if self._quoted or not char.value.isspace():
            self._write(char)

    def _take_in_query(self, char: _Char) -> None:
        if char.value == "'":
            self._quoted = not self._quoted
        elif char.value == "&" and char.written and not self._quoted:
            self._parts.append("&")
            self._since = ""
            return
        self._write(char)

    def _write(self, char: _Char) -> None:
        self._since += char.value
        syntax = _KEY_SYNTAX if self._in_key else _QUERY_SYNTAX
        self._parts.append(quote(char.value, safe=syntax, errors="replace"))


def _render(parts: tuple[str | _Slot, ...], values: Values, place: str) -> str:
    return "".join(
        part if isinstance(part, str) else _written(part, values, place) for part in parts
    )


def _written(slot: _Slot, values: Values, place: str) -> str:
    text = as_text(values.find(slot.reference, place))
    match slot.where:
        case _In.NAMED_KEY if re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            written = text
        case _In.KEY | _In.NAMED_KEY:
            written = _guid(slot.reference, text, place)
        case _In.QUOTES:
            written = text.replace("'", "''")
        case _In.PATTERN:
            written = _WILDCARDS.sub(lambda found: f"[{found[0]}]", text).replace("'", "''")
        case _In.OPTION:
            written = _token(slot.reference, text, place)
        case _In.PARAMETER:
            written = text
    return quote(written, safe="")


def _guid(reference: Reference, text: str, place: str) -> str:
    try:
        return names.guid("id", text.strip())
    except names.InvalidArgument as invalid:
        fault = "is empty" if not text.strip() else "is not a record id (GUID)"
        raise UnfitValue(str(reference), place, fault) from invalid


def _token(reference: Reference, text: str, place: str) -> str:
    text = text.strip()
    if names.is_guid(text):
        return _guid(reference, text, place)
    if not _TOKEN.fullmatch(text):
        reason = "is no GUID, number or date: put the placeholder in apostrophes to send it as text"
        raise UnfitValue(str(reference), place, reason)
    return text
