"""Prepare a contact's story for the page: the time between its lines, the tone of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from adapter.store.outbox import DueRequest

Tone = Literal["", "success", "warning", "danger", "info"]

_TONES: dict[str, Tone] = {
    "opened": "success",
    "pushed": "info",
    "step": "success",
    "blocked": "warning",
    "unknown": "warning",
    "step waits": "warning",
    "steps off": "warning",
    "step failed": "danger",
    "failed": "danger",
}


class Line(msgspec.Struct, frozen=True):
    """One line of a story."""

    at: datetime
    ms: float
    """Milliseconds since the first line."""
    since: float
    """Milliseconds since the line before."""
    what: str
    detail: str
    tone: Tone


class Due(msgspec.Struct, frozen=True):
    """A request to Dynamics as its story shows it: what was set up, no value of a person."""

    position: int
    step: int
    action: str
    method: str
    table: str
    state: str
    attempts: int
    cause: str | None
    created: datetime
    finished: datetime | None

    @property
    def is_dead(self) -> bool:
        """Whether it stands among the dead letters."""
        return self.state == "failed"


def lines(trace: Iterable[dict[str, Any]]) -> list[Line]:
    """Give the lines of `stories.story`, which are in the order of time."""
    found: list[Line] = []
    before = 0.0
    for each in trace:
        what, ms = each["what"], each["ms"]
        tone = _TONES.get(what, "")
        found.append(Line(each["at"], ms, ms - before, what, each["detail"], tone))
        before = ms
    return found


def due(each: DueRequest) -> Due:
    """Give what a page shows of a request; a dismissed dead letter has a state of its own."""
    step = each.planned.step
    return Due(
        position=each.position,
        step=step.number,
        action=each.planned.action,
        method=step.method,
        table=step.table.entity_set,
        state="dismissed" if each.dismissed is not None else each.state,
        attempts=each.attempts,
        cause=each.cause,
        created=each.created,
        finished=each.finished,
    )
