"""List what a template may name: attributes of contacts, of late ones too, and earlier answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from adapter.placeholders.references import APP_ID, OBJECT_URL
from adapter.steps import Table, facts

Group = Literal["seen", "documented", "answers", "special"]
MOST_SEEN = 60
LONGEST_SAMPLE = 40
"""Characters of an example value."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One placeholder, as it is inserted."""

    text: str
    """`{{CustomerEndpoint}}`."""
    group: Group
    sample: str = ""
    """What it was for a contact of late; of the sample contact for a documented one."""


def choices(
    views: Iterable[Mapping[str, Any]],
    makers: Mapping[int, Table],
    *,
    sample: Mapping[str, Any],
    files: bool,
) -> list[Choice]:
    """Give every placeholder that makes sense in a step.

    `views` are contacts of late (`contacts.view`), `makers` the tables of earlier steps that make
    a record, `files` whether the step is due when a recording is there.
    """
    answers = [
        Choice(text=f"{{{{STEP{number}-Response.{table.id_column}}}}}", group="answers")
        for number, table in makers.items()
    ]
    special = [Choice(text=_braced(APP_ID), group="special")]
    if files:
        special.insert(0, Choice(text=_braced(OBJECT_URL), group="special"))
    shown = facts.attributes(sample)
    documented = [
        Choice(text=_braced(name), group="documented", sample=_short(shown.get(name)))
        for name in facts.KNOWN
        if name not in (APP_ID, OBJECT_URL)
    ]
    return [*answers, *special, *_seen(views), *documented]


def _seen(views: Iterable[Mapping[str, Any]]) -> list[Choice]:
    """Give what sources of late have set themselves and no document names."""
    known = {name.lower() for name in facts.KNOWN}
    found: dict[str, str] = {}
    for view in views:
        for name, value in view["attributes"].items():
            if name.lower() not in known and _is_name(name):
                found[name] = found.get(name) or _short(value)
    return [
        Choice(text=_braced(name), group="seen", sample=found[name])
        for name in sorted(found, key=str.lower)[:MOST_SEEN]
    ]


def _is_name(name: str) -> bool:
    """Tell if a name can stand between braces: sources may send anything as a name."""
    return bool(name.strip()) and not set("{}|") & set(name) and name.isprintable()


def _braced(name: str) -> str:
    return f"{{{{{name}}}}}"


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_SAMPLE else text[: LONGEST_SAMPLE - 1] + "…"
