"""Show what each step would send for one contact, recorded or made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapter.errors import MalformedInput
from adapter.steps import rendering
from adapter.steps.definitions import Steps
from adapter.steps.planning import row_id
from adapter.steps.rendering import Fit, Link, Where

SAMPLE: Mapping[str, Any] = {
    "id": "11111111-1111-1111-1111-111111111111",
    "channel": "voice",
    "direction": "inbound",
    "agent": "alice@contoso.com",
    "customer": {"phone": "+12025550142", "name": "Denise Carter"},
    "queue": "service",
    "stage": "transcribed",
    "stages": {
        "created": "2026-01-01T09:00:00Z",
        "offered": "2026-01-01T09:00:10Z",
        "answered": "2026-01-01T09:00:15Z",
        "ended": "2026-01-01T09:05:00Z",
        "recorded": "2026-01-01T09:06:00Z",
    },
    "attributes": {},
    "linked": [],
    "recordings": [
        {
            "kind": "recording",
            "url": "https://recordings.example/11111111-1111-1111-1111-111111111111.wav",
            "redacted": False,
        }
    ],
}
"""A made-up contact, as `contacts.view` gives one."""


class Previewed(msgspec.Struct, frozen=True):
    """One step for one contact."""

    step: int
    request: str | None
    """The request as it goes over the wire, or the URL that is opened."""
    fault: str | None
    """Why the step could not be carried out for this contact."""


def previews(
    steps: Steps,
    view: Mapping[str, Any],
    where: Where,
    *,
    tenant: str = "default",
    link: Link | None = None,
    fit: Fit = rendering.as_it_is,
) -> list[Previewed]:
    """Give each step's exact request; responses of earlier steps are made up, but for row ids.

    `where` has the environment of each step's account, `link` gives our link of a file, `fit`
    knows the columns.
    """
    responses = rendering.sample_responses(steps)
    for each in steps.requests:
        if each.method == "POST":
            chosen = row_id(tenant, view["id"], str(each.number))
            responses[each.number][each.table.id_column] = chosen
    shown: list[Previewed] = []
    for step in steps.steps:
        try:
            text = rendering.preview(
                step,
                view,
                rendering.environment_of(where, step.account),
                responses,
                tenant=tenant,
                link=link or rendering.address,
                steps=steps,
                fit=fit,
            )
        except MalformedInput as fault:
            shown.append(Previewed(step.number, None, str(fault)))
        else:
            shown.append(Previewed(step.number, text, None))
    return shown
