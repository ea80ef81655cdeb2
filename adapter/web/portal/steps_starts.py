"""Give the steps that a tenant can begin with."""

from __future__ import annotations

from typing import Literal

import msgspec

from adapter import steps
from adapter.steps import Steps

Start = Literal["current", "examples", "complete", "empty"]


def steps_of(start: str, current: Steps) -> Steps | None:
    """Give the steps of a start; None where there is no such start.

    `examples` are those of the seed product's documentation, word for word; `complete` are theirs
    made whole: the direction is said, and the call is completed at its end.
    """
    match start:
        case "current":
            return current
        case "examples":
            return steps.default_steps()
        case "complete":
            return _complete()
        case "empty":
            return Steps()
        case _:
            return None


def _complete() -> Steps:
    given = steps.default_steps()
    changed = {
        2: '{"phonenumber": "{{CustomerEndpoint}}", "actualstart": "{{InitiationTimestamp}}", '
        '"subject": "Call with {{CustomerEndpoint}}", "directioncode": {{IsOutbound|false}}}',
        4: '{"category": "{{Channel}}", "actualend": "{{DisconnectTimestamp}}", '
        '"statecode": 1, "statuscode": 4}',
    }
    made = tuple(
        msgspec.structs.replace(step, body=changed[step.number]) if step.number in changed else step
        for step in given.steps
    )
    return msgspec.structs.replace(given, steps=made, abandoned="cancel")
