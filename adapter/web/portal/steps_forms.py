"""Turn one page of the wizard into a step of the draft, and back into what its fields show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from adapter import steps
from adapter.errors import InvalidSettings, Place
from adapter.steps import Steps, Table
from adapter.steps.definitions import LAST, OPEN, OPENING, STAGES
from adapter.steps.tables import STANDARD
from adapter.web.portal.forms import Form
from adapter.web.portal.steps_drafts import Draft

_FLAGS: Mapping[str, dict[str, Any]] = {
    "yes": {"impersonate": True},
    "no": {"impersonate": False},
}
_SHORT = re.compile(r"[0-9]{1,8}", re.ASCII)

Say = Callable[[str], str]

ENVIRONMENT, FIRST, LAST_PAGE = 1, 2, 5
"""The wizard's pages; steps 6 to 99 have a page of the same kind where a tenant has some."""

_TEXTS = ("table", "id_column", "query_string", "body", "account", "method", "target", "patience")
_OF_POP = ("query_string", "account", "method", "target", "patience")
_OF_REQUEST = ("table", "id_column", "query_string", "body", "account", "method")
_OPTION_NUMBERS = ("wait_hours",)
OPTIONS_OF_PAGE: Mapping[int, tuple[str, ...]] = {
    4: ("completed", "wait_hours", "abandoned", "owner"),
    5: ("redacted",),
}
"""Which of the rules between steps are asked for on which page."""


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What a page's fields show."""

    number: int
    enabled: bool
    opens: bool
    """Whether the step opens a record, rather than sending a request."""
    stages: tuple[str, ...]
    values: dict[str, str]
    want_response: bool = False
    impersonate: str = ""
    """`yes`, `no`, or empty where the account's setting counts."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a draft, and what an admin should know; places are JSON pointers."""

    steps: Steps | None
    """None where there is a fault."""
    faults: tuple[Place, ...] = ()
    hints: tuple[Place, ...] = ()
    unchecked: tuple[str, ...] = ()
    """Why it could not be held against an environment."""


def is_opening(number: int, step: Mapping[str, Any] | None) -> bool:
    """Tell if the step of a number opens a record."""
    method = (step or {}).get("method") or (OPEN if number == OPENING else "")
    return bool(method == OPEN)


def shown(number: int, step: Mapping[str, Any] | None) -> Fields:
    """Give the fields of a step; of a step that is not there, those to begin with."""
    known = dict(step or {})
    opens = is_opening(number, step)
    wanted = _OF_POP if opens else _OF_REQUEST
    first = {"method": OPEN if opens else "POST" if number == FIRST else "PATCH"}
    defaults = first | ({"target": "host", "patience": "20"} if opens else {"table": "phonecalls"})
    values = {name: _text(known.get(name, defaults.get(name, ""))) for name in wanted}
    return Fields(
        number=number,
        enabled=bool(known.get("enabled", step is not None)),
        opens=opens,
        stages=tuple(known.get("stages") or [each.value for each in STAGES.get(number, ())]),
        values=values,
        want_response=bool(known.get("want_response", number == FIRST)),
        impersonate={True: "yes", False: "no"}.get(known.get("impersonate", ""), ""),
    )


def read(
    number: int, form: Form, *, opens: bool, known: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any] | None, tuple[Place, ...]]:
    """Give the step that a page was filled in with, None for none, and what pasting repaired.

    Members of the `known` step that no field of the page is for stay as they are. Nothing is
    refused here: `check` names what is wrong.
    """
    texts = {name: form.text(name) for name in _TEXTS}
    enabled = form.ticked("enabled")
    content = texts["query_string"] + texts["body"]
    if not enabled and not content:
        return None, ()
    asked = {*_TEXTS, "stages", "enabled", "want_response"}
    step = {name: value for name, value in (known or {}).items() if name not in asked}
    step |= {"number": number, "enabled": enabled}
    if form.all("stages"):
        step["stages"] = list(form.all("stages"))
    repairs: list[Place] = []
    for name in _OF_POP if opens else _OF_REQUEST:
        text = texts[name]
        if name in ("query_string", "body"):
            text, notes = steps.repair(text)
            repairs += [Place(name, note) for note in notes]
        if text:
            step[name] = _whole(text) if name == "patience" else text
    if opens:
        step["method"] = OPEN
    else:
        if "impersonate" in form.fields:
            step.pop("impersonate", None)
            step |= _FLAGS.get(form.text("impersonate"), {})
        step["want_response"] = form.ticked("want_response")
    return step, tuple(repairs)


def read_options(page: int, form: Form) -> dict[str, Any]:
    """Give the rules between steps that a page asks for."""
    found: dict[str, Any] = {}
    for name in OPTIONS_OF_PAGE.get(page, ()):
        if name == "owner":
            found[name] = form.ticked(name)
        elif form.text(name):
            text = form.text(name)
            found[name] = _whole(text) if name in _OPTION_NUMBERS else text
    return found


def check(draft: Draft, **known: Any) -> Checked:
    """Read a draft as it would be applied; `known` is what `steps.parse_steps` may be told."""
    try:
        parsed, hints = steps.parse_with_hints(draft.document, **known)
    except InvalidSettings as invalid:
        return Checked(steps=None, faults=invalid.places)
    return Checked(steps=parsed, hints=hints)


def of_step(places: Iterable[Place], index: int, say: Say = str) -> list[Place]:
    """Give what is said of one step at its field; a member of a body is named in front.

    `say` puts the words into the reader's language.
    """
    found: list[Place] = []
    prefix = f"/steps/{index}"
    for place in places:
        if place.at != prefix and not place.at.startswith(prefix + "/"):
            continue
        field, _, member = place.at[len(prefix) :].lstrip("/").partition("/")
        said = say(place.detail)
        told = Place(field or "number", f"{member}: {said}" if member else said)
        if told not in found:
            found.append(told)
    return found


def of_options(places: Iterable[Place], say: Say = str) -> list[Place]:
    """Give what is said of the rules between steps, each at its name."""
    return [
        Place(place.at.strip("/").partition("/")[0], say(place.detail))
        for place in places
        if not place.at.startswith("/steps/")
    ]


def table_of(step: Mapping[str, Any]) -> Table | None:
    """Give the table of a step of the draft, as far as it is known without asking Dynamics."""
    name, id_column = _text(step.get("table")).strip("/ "), _text(step.get("id_column"))
    found = STANDARD.find(name)
    if found is not None or not id_column or not name:
        return found
    return Table(name=id_column.lower().removesuffix("id"), entity_set=name, id_column=id_column)


def makers(draft: Draft, before: int) -> dict[int, Table]:
    """Give the tables of the steps below a number that make a record."""
    found = {
        number: table_of(step)
        for number, step in sorted(draft.steps.items())
        if number < before and step.get("method") == "POST" and step.get("enabled", True)
    }
    return {number: table for number, table in found.items() if table is not None}


def page_number(text: str) -> int | None:
    """Read the number of a page out of its address."""
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(LAST)):
        return None
    return int(text) if ENVIRONMENT <= int(text) <= LAST else None


def _whole(text: str) -> int | str:
    """Read a whole number; anything else stays, and the check names it."""
    return int(text) if _SHORT.fullmatch(text) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
