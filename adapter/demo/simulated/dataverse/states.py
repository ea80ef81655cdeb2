"""Keep state and status reason consistent, and closed rows as they are."""

from __future__ import annotations

from collections.abc import Mapping

from adapter.demo.simulated.dataverse.database import Reference, Row, Value
from adapter.demo.simulated.dataverse.refusals import READ_ONLY, WRONG_STATUS, Refusal
from adapter.demo.simulated.dataverse.schema import Table

_STATE_COLUMNS = frozenset({"statecode", "statuscode"})
_RESOLVED = 1


def on_create(table: Table, row: Row) -> dict[str, Value | Reference]:
    """Give the state of a new row: open, with the status reason asked for or the default.

    A `statecode` in the body has been dropped already (it is not valid for create); a status
    reason of another state is refused, which is what "create a completed call" meets.
    """
    if not table.states:
        return {}
    reason = row.get("statuscode")
    if reason is None:
        reason = next(iter(table.states[0].reasons))
    if reason not in table.states[0].reasons:
        raise _wrong_status(table, reason, 0)
    return {"statecode": 0, "statuscode": reason}


def on_update(
    table: Table,
    record: str,
    row: Row,
    changes: Mapping[str, Value | Reference],
    *,
    strict: bool,
) -> dict[str, Value | Reference]:
    """Give the state after a change. Raises a 400 for a pair that does not fit, and where a
    closed row would change in anything but its state (if `strict`).
    """
    if not table.states:
        return {}
    before = int(str(row.get("statecode") or 0))
    if strict and table.states[before].closed and set(changes) - _STATE_COLUMNS:
        raise Refusal(400, READ_ONLY, "The object cannot be updated because it is read-only.")
    wanted = changes.get("statecode")
    after = before if wanted is None else int(str(wanted))
    if table.name == "incident" and after == _RESOLVED != before:
        raise Refusal(
            400,
            WRONG_STATUS,
            "This message can not be used to set the state of incident to Resolved. In order to "
            "set state of incident to Resolved, use the CloseIncident message instead.",
        )
    reason = changes.get("statuscode")
    if reason is None:
        default = next(iter(table.states[after].reasons))
        reason = row.get("statuscode") if after == before else default
    if reason not in table.states[after].reasons:
        raise _wrong_status(table, reason, after, record)
    return {"statecode": after, "statuscode": reason}


def _wrong_status(table: Table, reason: object, state: int, record: str = "") -> Refusal:
    where = f" with Id {record}" if record else ""
    return Refusal(
        400,
        WRONG_STATUS,
        f"{reason} is not a valid status code for state code {table.schema_name}State."
        f"{table.states[state].label} on {table.name}{where}.",
    )
