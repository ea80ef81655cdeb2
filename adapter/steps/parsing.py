"""Read and write a tenant's steps as a JSON document, and name every fault with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast

import msgspec

from adapter.dynamics import names
from adapter.dynamics.names import InvalidArgument
from adapter.errors import InvalidSettings, Place
from adapter.events import Stage
from adapter.pops import documents
from adapter.pops.policies import TARGETS, Target
from adapter.steps import checks, tables
from adapter.steps.definitions import (
    DEFAULT_PATIENCE,
    DEFAULT_WAIT_HOURS,
    ENVIRONMENT,
    LAST,
    METHODS,
    OPEN,
    OPENING,
    STAGES,
    PopStep,
    RequestStep,
    Step,
    Steps,
)
from adapter.steps.pasting import repair
from adapter.steps.tables import Known, Table

_DOCUMENT = {
    "steps": (),
    "completed": ("after_completion",),
    "wait_hours": (),
    "abandoned": (),
    "redacted": (),
    "owner": (),
}
_STEP = {
    "number": ("step",),
    "stages": ("stage",),
    "method": ("action",),
    "table": ("entity_set", "entity"),
    "id_column": ("primary_id",),
    "query_string": ("query",),
    "body": ("request_body",),
    "want_response": ("response", "response_object"),
    "account": ("integration_account", "integration"),
    "impersonate": ("act_as_agent",),
    "enabled": (),
    "target": (),
    "tab": (),
    "patience": ("patience_seconds",),
}
_POP_ONLY = ("target", "tab", "patience")
_REQUEST_ONLY = ("table", "id_column", "body", "want_response", "impersonate")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_MAX_STEPS = 50
_MAX_PATIENCE = 600
_MAX_WAIT_HOURS = 24 * 30

_Read = TypeVar("_Read")


def parse_steps(
    document: str | bytes | Mapping[str, Any] | list[Any],
    *,
    metadata: Known = None,
    attributes: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> Steps:
    """Read steps; raises `InvalidSettings` with a place (JSON pointer) for each fault."""
    return parse_with_hints(document, metadata=metadata, attributes=attributes, accounts=accounts)[
        0
    ]


def parse_with_hints(
    document: str | bytes | Mapping[str, Any] | list[Any],
    *,
    metadata: Known = None,
    attributes: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> tuple[Steps, tuple[Place, ...]]:
    """Read steps, with what an admin should know though it is no fault, repairs first.

    `document` is `{"steps": […], "completed": …}`, its JSON text, or the list alone. `metadata`
    is the environment's where it has been read, `attributes` the names that the tenant's contacts
    have had, `accounts` the names of its integration accounts.
    """
    reading = _Reading(metadata)
    found = reading.document(document)
    if not reading.faults:
        places = {step.number: at for at, step in reading.at.items()}
        faults, hints = checks.check(
            found, places, metadata=metadata, attributes=attributes, accounts=accounts
        )
        reading.faults += faults
        reading.hints += hints
    else:
        for at, step in reading.at.items():
            reading.faults += checks.alone(step, at)
    if reading.faults:
        count = len(reading.faults)
        what = "one fault" if count == 1 else f"{count} faults"
        raise InvalidSettings(f"the steps have {what}; nothing was changed", reading.faults)
    return found, tuple(reading.hints)


def read_steps(document: str | bytes | Mapping[str, Any] | list[Any]) -> Steps:
    """Read steps that were saved before: what was no fault then does not stop them now.

    Raises:
        InvalidSettings: they cannot be read, or their templates cannot.
    """
    reading = _Reading(None)
    found = reading.document(document)
    if not reading.faults:
        reading.faults += checks.broken(found)
    if reading.faults:
        raise InvalidSettings("the stored steps cannot be read", reading.faults)
    return found


def tables_named(
    document: str | bytes | Mapping[str, Any] | list[Any], metadata: Known = None
) -> frozenset[tuple[str | None, str]]:
    """Give account and entity set of each request step that can be read; faults are left alone."""
    reading = _Reading(metadata)
    reading.document(document)
    return frozenset(
        (step.account, step.table.entity_set)
        for step in reading.at.values()
        if isinstance(step, RequestStep)
    )


def accounts_named(
    document: str | bytes | Mapping[str, Any] | list[Any],
) -> frozenset[str | None]:
    """Give the accounts that a document's steps name, None for those that name none."""
    reading = _Reading(None)
    reading.document(document)
    return frozenset(reading.accounts)


class _Members:
    """The members of one object, read one after the other while the faults add up."""

    def __init__(self, at: str, value: Any, known: Mapping[str, Any], faults: list[Place]) -> None:
        self._at = at
        self._faults = faults
        self._members: dict[str, tuple[str, Any]] = {}
        if not isinstance(value, Mapping):
            faults.append(Place(at, "must be a JSON object"))
            return
        self._members, unknown = documents.sort(value, known)
        faults += [Place(at + place.at, place.detail) for place in unknown]

    def has(self, name: str) -> bool:
        return name in self._members

    def place(self, name: str) -> str:
        return self._at + (self._members[name][0] if name in self._members else f"/{name}")

    def peek(self, name: str) -> Any:
        """Give a member as it was written."""
        return self._members[name][1] if name in self._members else None

    def take(self, name: str, default: _Read, read: Callable[[Any], _Read]) -> _Read:
        if name not in self._members:
            return default
        try:
            return read(self._members[name][1])
        except InvalidArgument as invalid:
            self.fault(name, invalid.fault)
            return default

    def fault(self, name: str, detail: str) -> None:
        self._faults.append(Place(self.place(name), detail))


class _Reading:
    """One document being read: its faults, hints, and where each step stands."""

    def __init__(self, metadata: Known) -> None:
        self._metadata = metadata
        self.faults: list[Place] = []
        self.hints: list[Place] = []
        self.at: dict[str, Step] = {}
        self.accounts: set[str | None] = set()

    def document(self, document: str | bytes | Mapping[str, Any] | list[Any]) -> Steps:
        value = self._decoded(document)
        top = _Members("", value, _DOCUMENT, self.faults)
        written: list[Any] = top.take("steps", [], _list)
        found = (self._step(f"/steps/{index}", each) for index, each in enumerate(written))
        steps = [step for step in found if step is not None]
        self._numbers(steps)
        return Steps(
            steps=tuple(sorted(steps, key=lambda step: step.number)),
            completed=top.take("completed", "note", _one_of("note", "wait", "reopen")),
            wait_hours=top.take("wait_hours", DEFAULT_WAIT_HOURS, _whole(1, _MAX_WAIT_HOURS)),
            abandoned=top.take("abandoned", "same", _one_of("same", "cancel", "skip")),
            redacted=top.take("redacted", "last", _one_of("last", "first", "only", "never")),
            owner=top.take("owner", False, _owner),
        )

    def _decoded(self, document: str | bytes | Mapping[str, Any] | list[Any]) -> Any:
        if isinstance(document, list):
            return {"steps": document}
        if isinstance(document, Mapping):
            return document
        try:
            return documents.read(document, listed="steps") or {}
        except documents.Broken as broken:
            self.faults.append(broken.place)
            return {}

    def _numbers(self, steps: list[Step]) -> None:
        taken: dict[int, str] = {}
        for at, step in self.at.items():
            if step.number in taken:
                self.faults.append(Place(f"{at}/number", f"is the same as {taken[step.number]}"))
            taken.setdefault(step.number, at)
        pops = [at for at, step in self.at.items() if isinstance(step, PopStep) and step.enabled]
        self.faults += [Place(at, f"{pops[0]} opens a record already") for at in pops[1:]]
        if len(steps) > _MAX_STEPS:
            self.faults.append(Place("/steps", f"are more than {_MAX_STEPS}"))

    def _step(self, at: str, value: Any) -> Step | None:
        before = len(self.faults)
        members = _Members(at, value, _STEP, self.faults)
        if not members.has("number"):
            members.fault("number", "is missing")
        number = members.take("number", 0, _number)
        stages = members.take("stages", STAGES.get(number, ()), _stages)
        if not stages and len(self.faults) == before:
            members.fault("stages", f"is missing: step {number} has no stage of its own")
        method = members.take("method", OPEN if number == OPENING else "", _method)
        self.accounts.add(_Members("", value, _STEP, []).take("account", None, _account))
        step = (
            self._pop(members, number, stages)
            if method == OPEN
            else self._request(members, number, stages, method)
        )
        if step is None or len(self.faults) > before:
            return None
        self.at[at] = step
        return step

    def _pop(self, members: _Members, number: int, stages: tuple[Stage, ...]) -> Step | None:
        for name in _REQUEST_ONLY:
            if members.has(name):
                members.fault(name, "belongs to a step that sends a request, not to one that opens")
        if not members.has("query_string"):
            members.fault("query_string", "is missing")
        target = members.take("target", None, lambda value: cast(Target | None, _target(value)))
        tab = members.take("tab", None, lambda value: cast(bool | None, _flag(value)))
        return PopStep(
            number=number,
            stages=stages,
            query_string=self._template(members, "query_string"),
            target=target or ("host" if tab is None else "tab" if tab else "embedded"),
            patience=members.take("patience", DEFAULT_PATIENCE, _whole(0, _MAX_PATIENCE)),
            account=members.take("account", None, _account),
            enabled=members.take("enabled", True, _flag),
        )

    def _request(
        self, members: _Members, number: int, stages: tuple[Stage, ...], method: str
    ) -> Step | None:
        for name in _POP_ONLY:
            if members.has(name):
                members.fault(name, "belongs to a step that opens a record")
        for name, value in (("method", method), ("table", members.has("table"))):
            if not value and not members.has(name):
                members.fault(name, "is missing")
        table = self._table(members)
        if table is None or not method:
            return None
        return RequestStep(
            number=number,
            stages=stages,
            method=msgspec.convert(method, type=Any),
            table=table,
            query_string=self._template(members, "query_string"),
            body=self._template(members, "body"),
            want_response=members.take("want_response", False, _flag),
            impersonate=members.take(
                "impersonate", None, lambda value: cast(bool | None, _flag(value))
            ),
            account=members.take("account", None, _account),
            enabled=members.take("enabled", True, _flag),
        )

    def _table(self, members: _Members) -> Table | None:
        name = members.take("table", "", _column)
        id_column = members.take("id_column", "", _column).lower()
        if not name:
            return None
        # The account's own fault is told where the member is read for good.
        account = members.peek("account")
        metadata = tables.of_account(
            self._metadata, account.strip() or None if isinstance(account, str) else None
        )
        table = tables.known(name, metadata)
        if table is not None:
            table = table.named
            return msgspec.structs.replace(table, id_column=id_column) if id_column else table
        if metadata is not None and metadata.complete:
            members.fault("table", f"{names.shown(name)} is no table of this environment")
        elif not id_column:
            members.fault(
                "table",
                f"{names.shown(name)} is not known: test the account, so that its tables are read, "
                "or give id_column",
            )
        else:
            # The id column of a custom table is its logical name with `id` behind it.
            logical = id_column.removesuffix("id")
            return Table(name=logical, entity_set=name, id_column=id_column)
        return None

    def _template(self, members: _Members, name: str) -> str:
        text = members.take(name, "", _text)
        repaired, notes = repair(text)
        self.hints += [Place(members.place(name), note) for note in notes]
        return repaired


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidArgument("steps", "must be a list")
    return value


def _text(value: Any) -> str:
    """Take a template as text, or as the JSON object that it would be."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise InvalidArgument("template", f"must be text or an object, not {names.shown(value)}")
    return value


def _number(value: Any) -> int:
    number = _whole(ENVIRONMENT, LAST)(value)
    if number == ENVIRONMENT:
        raise InvalidArgument("number", "1 is the environment: see the integration accounts")
    return number


def _stages(value: Any) -> tuple[Stage, ...]:
    written = value if isinstance(value, list) else [value]
    known = {stage.value: stage for stage in Stage}
    for each in written:
        if not isinstance(each, str) or each.lower() not in known:
            raise InvalidArgument("stages", f"{names.shown(each)} is not {', '.join(known)}")
    return tuple(dict.fromkeys(known[each.lower()] for each in written))


def _method(value: Any) -> str:
    if isinstance(value, str) and value.upper() in (*METHODS, OPEN):
        return value.upper()
    raise InvalidArgument("method", f"{names.shown(value)} is not {', '.join(METHODS)} or {OPEN}")


def _column(value: Any) -> str:
    written = names.text("table", value).strip().strip("/")
    if not _COLUMN.fullmatch(written):
        raise InvalidArgument("table", f"{names.shown(value)} is no name (like 'phonecalls')")
    return written


def _target(value: Any) -> Target:
    for known in TARGETS:
        if isinstance(value, str) and value.lower() == known:
            return known
    raise InvalidArgument("target", f"{names.shown(value)} is not {', '.join(TARGETS)}")


def _account(value: Any) -> str | None:
    return names.text("account", value).strip() or None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument("flag", "must be true or false")
    return value


def _owner(value: Any) -> bool:
    if value == "agent":
        return True
    return _flag(value)


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidArgument("number", f"must be a whole number from {least} to {most}")
        return value

    return read


def _one_of(*known: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value.lower() in known:
            return value.lower()
        raise InvalidArgument("choice", f"{names.shown(value)} is not {', '.join(known)}")

    return read
