"""Check the names and ids that stand in a Dynamics URL."""

from __future__ import annotations

import re
import unicodedata

_SHOWN = 60
"""Characters of a refused value that an error repeats: enough to find it, few in a log."""

_GUID = re.compile(
    r"(\{|%7b)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(\}|%7d)?",
    re.ASCII | re.IGNORECASE,
)
_LOGICAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_APP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")

_NIL = "00000000-0000-0000-0000-000000000000"

_NOT_LOGICAL_NAMES = {
    # Entity sets, as they stand in a path of the Web API, and the names that people see.
    "accounts": "account",
    "activitypointers": "activitypointer",
    "annotations": "annotation",
    "appointments": "appointment",
    "campaigns": "campaign",
    "case": "incident",
    "cases": "incident",
    "contacts": "contact",
    "emails": "email",
    "incidents": "incident",
    "invoices": "invoice",
    "leads": "lead",
    "opportunities": "opportunity",
    "phonecalls": "phonecall",
    "queueitems": "queueitem",
    "queues": "queue",
    "quotes": "quote",
    "salesorders": "salesorder",
    "systemusers": "systemuser",
    "tasks": "task",
    "teams": "team",
    "user": "systemuser",
    "users": "systemuser",
}


class InvalidArgument(ValueError):
    """An argument that cannot go into the URL: its name, and what is wrong with it."""

    def __init__(self, argument: str, fault: str) -> None:
        super().__init__(f"{argument}: {fault}")
        self.argument = argument
        self.fault = fault


def shown(value: object) -> str:
    """Repeat a refused value in an error, escaped and cut."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")


def text(argument: str, value: object, *, empty: bool = False) -> str:
    """Take text that may go into a URL; control characters and broken Unicode may not."""
    if not isinstance(value, str):
        raise InvalidArgument(argument, f"must be text, not {shown(value)}")
    if not value and not empty:
        raise InvalidArgument(argument, "is empty")
    for character in value:
        # Cc: controls. Cs: half a surrogate pair. Zl, Zp: line ends to JavaScript.
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise InvalidArgument(
                argument, f"has the control character U+{ord(character):04X} in {shown(value)}"
            )
    return value


def guid(argument: str, value: object) -> str:
    """Give a GUID bare and in lower case.

    `{…}`, `%7B…%7D` and upper case are the same id. The GUID of zeros is how .NET says "none", so
    it names nothing and is refused.
    """
    match = _GUID.fullmatch(text(argument, value))
    if match is None or bool(match[1]) != bool(match[3]):
        raise InvalidArgument(argument, f"{shown(value)} is not a GUID")
    bare = match[2].lower()
    if bare == _NIL:
        raise InvalidArgument(argument, "is the empty GUID, which names no record")
    return bare


def is_guid(value: str) -> bool:
    """Tell if text is a GUID in any spelling."""
    return _GUID.fullmatch(value) is not None


def table(argument: str, value: object) -> str:
    """Give the logical name of a table (`contact`), in lower case.

    The names of entity sets (`contacts`) belong to the Web API: main.aspx does not know them.
    """
    name = text(argument, value).lower()
    if name in _NOT_LOGICAL_NAMES:
        right = _NOT_LOGICAL_NAMES[name]
        raise InvalidArgument(argument, f"{name!r} is no logical name of a table: use {right!r}")
    if not _LOGICAL_NAME.fullmatch(name):
        raise InvalidArgument(
            argument,
            f"{shown(value)} is no logical name of a table (a-z, 0-9 and _, like 'contact')",
        )
    return name


def app_name(argument: str, value: object) -> str:
    """Give the unique name of an app (`AppModule.UniqueName`)."""
    name = text(argument, value)
    if not _APP_NAME.fullmatch(name):
        raise InvalidArgument(
            argument, f"{shown(value)} is no unique name of an app (letters, digits and _)"
        )
    return name
