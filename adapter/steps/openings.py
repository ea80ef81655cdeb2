"""Decide what the agent who has answered is shown: the record, a card that waits, or a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from adapter.dynamics.names import InvalidArgument
from adapter.placeholders import Unrenderable
from adapter.pops import Target
from adapter.steps import pages, rendering, templates
from adapter.steps.definitions import PopStep, Steps
from adapter.steps.rendering import Environment, Sofar


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What to show, and why.

    `open`: the page is known. `wait`: show a card now, ask again when a step has answered, and open
    by itself within `patience` seconds of the answer. `search`: the record will not come; the card
    says why and offers `url`, a search for the caller, where there is one.
    """

    kind: Literal["open", "wait", "search"]
    reason: str
    target: Target
    patience: int
    url: str | None = None
    table: str | None = None
    record_id: str | None = None


def opening(
    steps: Steps, view: Mapping[str, Any], environment: Environment, sofar: Sofar
) -> Opening | None:
    """Give what the answered step shows now; None where no step opens anything."""
    step = steps.pop
    if step is None:
        return None
    try:
        page = rendering.page(step, view, environment, sofar)
    except Unrenderable as missing:
        kind: Literal["wait", "search"] = "wait" if _may_come(steps, step, sofar) else "search"
        return Opening(
            kind=kind,
            reason=str(missing),
            target=step.target,
            patience=step.patience,
            url=_search(view, environment) if kind == "search" else None,
        )
    return Opening(
        kind="open",
        reason=f"step {step.number} opens {page.table or 'a page'}",
        target=step.target,
        patience=step.patience,
        url=page.url,
        table=page.table,
        record_id=page.record_id,
    )


def _may_come(steps: Steps, step: PopStep, sofar: Sofar) -> bool:
    """Tell if a step that this one needs has neither answered nor failed, and none has failed."""
    needed = {reference.step for reference in templates.references(step)} - {None}
    if needed & sofar.failures.keys():
        return False
    waiting = [
        steps.request(number) for number in needed if number and number not in sofar.responses
    ]
    return any(waiting) and all(each is not None and each.enabled for each in waiting)


def _search(view: Mapping[str, Any], environment: Environment) -> str | None:
    text = view["customer"].get("phone") or view["customer"].get("name")
    if not text or environment.app_id is None:
        return None
    try:
        return pages.search(environment.url, text, environment.app_id)
    except InvalidArgument:
        return None
