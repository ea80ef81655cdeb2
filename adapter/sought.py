"""Tell whose values are those of a person who is to be forgotten: a pure comparison of values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from adapter.errors import MalformedInput, Place

SHORTEST_NUMBER = 5
"""Digits: a shorter number is an extension or a service, which many share."""
SHORTEST_TEXT = 3

_SCHEME = re.compile(r"(?:tel|sips?|callto):", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9 ()./\u00a0\u2010-\u2015-]+")


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is known by: one of the three."""

    phone: str | None = None
    """The digits of a number, after its `+` or `00`."""
    person: str | None = None
    """A name, an address or an id, folded."""
    contact: str | None = None
    """The id of one contact."""

    @property
    def kind(self) -> str:
        """Say by what, without saying which: for the audit log."""
        return "phone number" if self.phone else "person" if self.person else "contact id"


def read(phone: str | None, person: str | None, contact: str | None) -> Sought:
    """Read what an admin gives.

    Raises:
        MalformedInput: none or several are given, or one that would match strangers.
    """
    given = {"phone": phone, "person": person, "contact": contact}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise MalformedInput("give a phone number, a person or a contact's id: one of them")
    if phone is not None:
        digits = number(phone)
        if digits is None or len(digits) < SHORTEST_NUMBER:
            raise _fault("phone", f"expected a number of at least {SHORTEST_NUMBER} digits")
        return Sought(phone=digits)
    if person is not None:
        folded = fold(person)
        if len(folded) < SHORTEST_TEXT:
            raise _fault("person", f"expected at least {SHORTEST_TEXT} characters")
        return Sought(person=folded)
    if not contact:
        raise _fault("contact", "expected an id")
    return Sought(contact=contact)


def is_of(sought: Sought, contact: str, values: Iterable[Mapping[str, Any]]) -> bool:
    """Tell if a contact is of who is sought; `values` are its customer's and its attributes."""
    if sought.contact is not None:
        return contact == sought.contact
    return any(_is(sought, text) for mapping in values for text in _texts(mapping))


def number(text: str) -> str | None:
    """Give the digits of a phone number however it is written; None where it is none."""
    bare = _SCHEME.sub("", text.strip(), count=1).partition("@")[0].partition(";")[0].strip()
    if not _NUMBER.fullmatch(bare):
        return None
    digits = "".join(each for each in bare if each in "0123456789")
    return digits[2:] if digits.startswith("00") and not bare.startswith("+") else digits


def fold(text: str) -> str:
    """Write a name, an address or an id as it is compared: case and braces do not count."""
    return text.strip().removeprefix("{").removesuffix("}").strip().casefold()


def _is(sought: Sought, text: str) -> bool:
    if sought.phone is not None:
        return number(text) == sought.phone
    return fold(text) == sought.person


def _texts(value: Any) -> Iterable[str]:
    """Give every text of JSON values, as deep as they go."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, int) and not isinstance(each, bool):
            yield str(each)
        elif isinstance(each, Mapping):
            waiting += each.values()
        elif isinstance(each, list | tuple):
            waiting += each


def _fault(name: str, text: str) -> MalformedInput:
    return MalformedInput(f"{name}: {text}", [Place(f"/{name}", text)])
