"""Find the placeholders in a text: `{{Attribute}}`, `{{STEP2-Response.field}}`, bare `objectUrl`.

A bare word is a placeholder only where the seed product's examples have one: `objectUrl`, and
`STEP2-Response.activityid` as in `(STEP2-Response.activityid)`. Any other word is what it says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from adapter.errors import Place
from adapter.placeholders.errors import TemplateFault

APP_ID = "appid"
OBJECT_URL = "objectUrl"

_FOUND = re.compile(
    r"""
      \{\{\s*(?P<name>[^{}|]*?)\s*(?:\|(?P<fallback>[^{}]*))?\}\}
    | (?<![\w.-])(?P<object_url>objectUrl)(?![\w-])
    | (?<![\w.-])(?P<response>STEP\d{1,2}-Response(?:\.[A-Za-z_@][\w@]*(?:\.[\w@]+)*)?)(?![\w-])
    """,
    re.VERBOSE | re.ASCII,
)
_RESPONSE = re.compile(r"STEP(\d{1,2})-Response(?:\.(.*))?", re.ASCII | re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"(?<![\w.])\{?([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z]\w*)?)\}?(?!\w)", re.ASCII)
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]|\.")
_SHOWN = 40
"""Characters of a broken placeholder that an error repeats."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One placeholder: an attribute of the contact, or a field of a step's response."""

    name: str
    """As it stands in the template, without braces."""
    step: int | None = None
    field: str = ""
    """The attribute's name, or the path of the response's field (`value.0.contactid`)."""
    fallback: str | None = None
    """What stands in for a missing value: `{{CustomerEndpoint|withheld}}`."""

    def __str__(self) -> str:
        return "{{" + self.name + "}}"


def split(text: str, at: str = "") -> tuple[str | Reference, ...]:
    """Take a text apart into literals and placeholders, in order.

    Raises `TemplateFault` for braces that are not closed, an empty name, or a response without a
    field. `{{Name|text}}` gives a text for a value that is missing.
    """
    parts: list[str | Reference] = []
    end = 0
    for match in _FOUND.finditer(text):
        parts.append(_literal(text[end : match.start()], at))
        parts.append(_reference(match, at))
        end = match.end()
    parts.append(_literal(text[end:], at))
    return tuple(part for part in parts if part != "")


def hints(text: str, known: Collection[str], at: str = "") -> Iterator[Place]:
    """Name the bare words that look like attributes (`Username`), which stay as they are."""
    wanted = {name for name in known if _INNER_CAPITAL.search(name)} | {"Username"}
    wanted -= {OBJECT_URL}
    for part in split(text, at):
        if isinstance(part, str):
            for word in dict.fromkeys(_WORD.findall(part)):
                if word in wanted:
                    yield Place(
                        at, f"{word} is sent as that word; write {{{{{word}}}}} for its value"
                    )


def _reference(match: re.Match[str], at: str) -> Reference:
    name = match["object_url"] or match["response"] or match["name"] or ""
    if not name:
        raise TemplateFault([Place(at, "{{}} names nothing: write {{Attribute}}")])
    response = _RESPONSE.fullmatch(name)
    if response is None:
        return Reference(name, field=name, fallback=match["fallback"])
    if not response[2]:
        wanted = f"STEP{response[1]}-Response.activityid"
        raise TemplateFault([Place(at, f"{name} needs a field, such as {wanted}")])
    return Reference(name, int(response[1]), response[2], match["fallback"])


def _literal(text: str, at: str) -> str:
    for braces in ("{{", "}}"):
        if braces in text:
            found = text[text.index(braces) :][:_SHOWN]
            raise TemplateFault(
                [Place(at, f"{found!r} has no other half: write {{{{Attribute}}}}")]
            )
    return text
