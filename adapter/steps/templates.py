"""Parse the templates of a step, which were checked when it was saved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from adapter.events import RANK, Stage
from adapter.placeholders import JsonTemplate, Reference, UrlTemplate
from adapter.steps.definitions import PopStep, RequestStep, Step

STATE_COLUMNS = ("statecode", "statuscode")


class State(msgspec.Struct, frozen=True):
    """The two columns of a row's state, which are always sent together."""

    state: int
    status: int

    def columns(self) -> dict[str, int]:
        """Give the columns as they are sent."""
        return {"statecode": self.state, "statuscode": self.status}


_LONGEST = 19
"""Digits of a whole number: those of 64 bits."""
_STEPS = 2048
"""Steps are read once and not for every event of every contact; a host has a few hundred."""

document = lru_cache(maxsize=_STEPS)(JsonTemplate.parse)
_query = lru_cache(maxsize=_STEPS)(UrlTemplate.parse)


def body(step: RequestStep) -> JsonTemplate | None:
    """Give the parsed body; None where the method has none."""
    return document(step.body) if step.method != "GET" and step.body else None


def query(step: RequestStep) -> UrlTemplate:
    """Give the parsed query string."""
    return _query(step.query_string)


@lru_cache(maxsize=_STEPS)
def references(step: Step) -> tuple[Reference, ...]:
    """Give every placeholder of a step."""
    return tuple(_references(step))


def _references(step: Step) -> Iterator[Reference]:
    if isinstance(step, PopStep):
        yield from (found for _, found in document(step.query_string).references())
        return
    yield from query(step).references()
    template = body(step)
    if template is not None:
        yield from (found for _, found in template.references())


@lru_cache(maxsize=_STEPS)
def columns(step: RequestStep) -> tuple[str, ...]:
    """Give the columns that a step writes."""
    template = body(step)
    return () if template is None else tuple(template.members)


@lru_cache(maxsize=_STEPS)
def completes(step: RequestStep) -> State | None:
    """Give the state in which a step leaves its row, where rows of that state are read-only.

    Dynamics: activities and cases that are not open cannot be changed.
    """
    template = body(step)
    if template is None or step.method != "PATCH":
        return None
    state, status = (whole_number(template.literal(name)) for name in STATE_COLUMNS)
    return State(state, status) if state and status is not None else None


def first_rank(step: Step) -> tuple[int, int]:
    """Give the order of a step among those of a contact: by stage, then by number."""
    return min(RANK[stage] for stage in step.stages), step.number


def takes_files(step: Step) -> bool:
    """Tell if a step runs when a recording or transcript is there."""
    return not {Stage.RECORDED, Stage.TRANSCRIBED}.isdisjoint(step.stages)


@lru_cache(maxsize=_STEPS)
def target(step: RequestStep) -> tuple[str, str]:
    """Give what tells if two steps update the same row: the table and the key's spelling."""
    template = query(step)
    key = template.text.partition("?")[0]
    for reference in template.references():
        key = key.replace(str(reference), reference.name)
    return step.table.entity_set, "".join(key.split())


def whole_number(value: object) -> int | None:
    """Read a whole number, in quotes or without; None where it is none that a column can have."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # The length: `int` refuses thousands of digits with an error of its own.
    if isinstance(value, str) and value.isdecimal() and len(value) <= _LONGEST:
        return int(value)
    return None
