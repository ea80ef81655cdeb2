"""Decide what an agent is shown when a contact reaches a stage, and always say why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapter import main_aspx
from adapter.dynamics import names
from adapter.events import Stage
from adapter.pops.policies import PopPolicy, Target, dump, parse_policy
from adapter.pops.requests import PopRequest, parse_pop_request

__all__ = [
    "Decision",
    "PopPolicy",
    "PopRequest",
    "Target",
    "decide",
    "dump",
    "parse_policy",
    "parse_pop_request",
]


NO_POLICY = "no pop policy is set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to show, and why; of a pop that is none only the reason counts."""

    kind: Literal["record", "none"]
    reason: str
    url: str | None = None
    table: str | None = None
    record_id: str | None = None
    target: Target | None = None


def decide(
    policy: PopPolicy | None,
    event_stage: Stage,
    agent_id: str | None,
    *,
    channel: str | None,
    direction: str | None,
    attributes: Mapping[str, Any],
    ended: bool = False,
    popped: Collection[Stage] = (),
) -> Decision:
    """Choose the record that `agent_id` is shown as the contact reaches a stage.

    `popped` are the stages at which this contact has already popped to this agent: an outbound
    contact that popped when it was made does not pop again when the customer answers, and one
    that rang into view does not open twice.
    """
    if policy is None:
        return _nothing(NO_POLICY)
    obstacle = (
        _no_agent(agent_id, ended=ended, popped=popped)
        or _outside("stage", event_stage, policy.stages)
        or _outside("channel", channel, policy.channels)
        or _outside("direction", _direction(event_stage, direction), policy.directions)
    )
    if obstacle is not None:
        return _nothing(obstacle)
    try:
        record_id = _record_id(policy.attribute, attributes)
    except _NoRecord as no_record:
        return _nothing(f"attribute {policy.attribute} {no_record}")
    return Decision(
        kind="record",
        reason=f"{event_stage}: attribute {policy.attribute} names a record of {policy.table}",
        url=main_aspx.record_url(
            policy.organisation,
            policy.table,
            record_id,
            appid=policy.appid,
            appname=policy.appname,
            allow_hosts=(policy.organisation,),
        ),
        table=policy.table,
        record_id=record_id,
        target=policy.target,
    )


def _nothing(reason: str) -> Decision:
    return Decision(kind="none", reason=reason)


def _no_agent(agent_id: str | None, *, ended: bool, popped: Collection[Stage]) -> str | None:
    if not agent_id:
        return "no agent has the contact"
    if ended:
        return "the contact has ended"
    if popped:
        earlier = " and ".join(sorted(popped))
        return f"it has already popped to this agent ({earlier})"
    return None


def _direction(stage: Stage, direction: str | None) -> str | None:
    """Know that a contact which an agent makes goes out, where the source does not say it."""
    return "outbound" if direction is None and stage is Stage.MADE else direction


def _outside(what: str, value: str | None, listed: tuple[str, ...]) -> str | None:
    if not listed:
        return None
    if value is None:
        return f"the {what} is not known, and the policy has only {', '.join(listed)}"
    if value.lower() not in listed:
        return f"{what} {value.lower()} is not in the policy"
    return None


class _NoRecord(Exception):
    """Why an attribute gives no record id. The value is not repeated: it may be a phone number."""


def _record_id(name: str, attributes: Mapping[str, Any]) -> str:
    found = list(_exact(name, attributes)) or list(_any_case(name.lower(), attributes))
    if not found:
        raise _NoRecord("is missing")
    value = found[0]
    if any(other != value for other in found):
        raise _NoRecord("is there in several spellings with different values")
    if value is None or value == "":
        raise _NoRecord("is empty")
    if not isinstance(value, str) or not names.is_guid(value.strip()):
        raise _NoRecord("is not a record id (GUID)")
    try:
        return names.guid("id", value.strip())
    except names.InvalidArgument as invalid:
        raise _NoRecord(invalid.fault) from invalid


def _exact(name: str, attributes: Mapping[str, Any]) -> Iterator[Any]:
    """Find the attribute of this name, or else follow its dots into objects."""
    if name in attributes:
        yield attributes[name]
        return
    value: Any = attributes
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return
        value = value[step]
    yield value


def _any_case(name: str, attributes: Mapping[str, Any]) -> Iterator[Any]:
    """Find every attribute whose name, with its dots, is this in lower case."""
    for key, value in attributes.items():
        folded = key.lower()
        if folded == name:
            yield value
        elif isinstance(value, Mapping) and name.startswith(f"{folded}."):
            yield from _any_case(name[len(folded) + 1 :], value)
