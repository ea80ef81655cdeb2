"""Write a tenant's steps as a document, and give those that a tenant begins with."""

from __future__ import annotations

import json
from typing import Any

from adapter.steps import tables
from adapter.steps.definitions import OPEN, STAGES, PopStep, RequestStep, Step, Steps


def dump(steps: Steps) -> str:
    """Write steps as `parse_steps` reads them, in canonical names and order."""
    document: dict[str, Any] = {
        "steps": [_dumped(step) for step in steps.steps],
        "completed": steps.completed,
        "wait_hours": steps.wait_hours,
        "abandoned": steps.abandoned,
        "redacted": steps.redacted,
        "owner": "agent" if steps.owner else None,
    }
    return json.dumps(_said(document), indent=2, ensure_ascii=False) + "\n"


def default_steps() -> Steps:
    """Give the four steps of the seed product, 2 to 5, on the table of phone calls."""
    calls = tables.STANDARD.find("phonecalls")
    if calls is None:
        raise LookupError("phonecalls")
    return Steps(
        steps=(
            RequestStep(
                number=2,
                stages=STAGES[2],
                method="POST",
                table=calls,
                body='{"phonenumber":"{{CustomerEndpoint}}","actualstart":"{{InitiationTimestamp}}"'
                ',"subject":"Call between Username and CustomerEndpoint"}',
                want_response=True,
            ),
            PopStep(
                number=3,
                stages=STAGES[3],
                query_string='{"appid": "{{appid}}", "pagetype": "entityrecord", '
                '"etn": "phonecall", "id": "{{STEP2-Response.activityid}}"}',
            ),
            RequestStep(
                number=4,
                stages=STAGES[4],
                method="PATCH",
                table=calls,
                query_string="(STEP2-Response.activityid)",
                body='{"category": "{{Channel}}"}',
            ),
            RequestStep(
                number=5,
                stages=STAGES[5],
                method="PATCH",
                table=calls,
                query_string="(STEP2-Response.activityid)",
                body='{"description": "Your Recording URI is objectUrl"}',
            ),
        )
    )


def _dumped(step: Step) -> dict[str, Any]:
    common = {
        "number": step.number,
        "stages": list(step.stages),
        "query_string": step.query_string or None,
        "account": step.account,
        "enabled": step.enabled,
    }
    if isinstance(step, PopStep):
        pop = {"method": OPEN, "target": step.target, "patience": step.patience}
        return _said(common | pop)
    standard = tables.STANDARD.find(step.table.entity_set)
    request = {
        "method": step.method,
        "table": step.table.entity_set,
        "id_column": None if standard else step.table.id_column,
        "body": step.body or None,
        "want_response": step.want_response,
        "impersonate": step.impersonate,
    }
    return _said(common | request)


def _said(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
