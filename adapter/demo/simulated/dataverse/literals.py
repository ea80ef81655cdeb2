"""Split OData expressions into tokens: names, literals, operators (OData 4.0 ABNF, URL part)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from adapter.demo.simulated.dataverse.refusals import bad_url

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DIGITS = 30
_DATE = r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<guid>{_GUID})
    | (?P<date>{_DATE})
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<list>\[[^\]]*\])
    | (?P<name>[A-Za-z_@$][\w.]*(?:/[A-Za-z_][\w.]*)*)
    | (?P<mark>[(),=])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind (a group's name above), its text, and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Guid:
    """A GUID literal, lower case."""

    text: str


Literal = str | int | float | bool | datetime | Guid | None


def tokens(text: str) -> Iterator[Token]:
    """List the tokens; raise a 400 at the first character that starts none."""
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise bad_url(f"Syntax error at position {at} in '{text}'.")
        yield Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup))
        at = match.end()


def literal(token: Token) -> Literal:
    """Read one literal token (also the words `true`, `false`, `null`)."""
    match token.kind:
        case "string":
            return token.text[1:-1].replace("''", "'")
        case "guid":
            return Guid(token.text.lower())
        case "date":
            return moment(token.text)
        case "number":
            return _number(token)
        case _:
            return _word(token)


def _number(token: Token) -> int | float:
    if len(token.text) > _DIGITS:
        raise bad_url(f"The literal at position {token.at} is too large for 'Edm.Decimal'.")
    return float(token.text) if "." in token.text else int(token.text)


def _word(token: Token) -> bool | None:
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if token.text not in words:
        raise bad_url(f"Syntax error: '{token.text}' is no literal at position {token.at}.")
    return words[token.text]


def moment(text: str) -> datetime:
    """Read a date or a time as UTC, which it is without an offset. Raises a 400."""
    try:
        value = datetime.fromisoformat(text)
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise bad_url(f"Unrecognized 'Edm.DateTimeOffset' literal '{text}'.") from error


def guid(text: str) -> str | None:
    """Write a GUID lower case without braces, or give None for what is none."""
    try:
        return str(uuid.UUID(text)) if re.fullmatch(_GUID, text) else None
    except ValueError:
        return None
