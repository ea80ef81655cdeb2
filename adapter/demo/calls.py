"""Decide what a simulated phone system does with a call, and which event each change makes."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from adapter.demo import samples
from adapter.errors import Conflict, MalformedInput, Place
from adapter.events import Stage

SOURCE = "urn:screenpop:demo-phone"
SHORTEST, LONGEST = 3, 15
"""Digits of a number: an emergency call, and the most that E.164 allows."""
QUEUES = {"voice": "service", "chat": "chat-service"}


class State(StrEnum):
    """Where a call is, as the phone system shows it."""

    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated call or chat. `sent` counts its events: it makes the next one's id."""

    id: str
    agent: str
    channel: str
    direction: str
    customer: dict[str, str]
    record: str | None
    """The GUID of the sample contact; None for a caller whom the CRM does not know."""
    state: State
    started: datetime
    changed: datetime
    answered: bool = False
    recorded: bool = False
    sent: int = 0


class Customer(msgspec.Struct, frozen=True):
    """Who is at the other end: what the platform knows, and the CRM's row."""

    details: dict[str, str]
    record: str | None


def find_customer(written: str, channel: str) -> Customer:
    """Read a caller: a sample contact's GUID, or a number (known or not).

    Raises MalformedInput where it is neither.
    """
    row = samples.contact_by(written)
    if row is not None:
        by_id = ("contact", written.strip().strip("{}").lower()) in samples.ROWS
        phone = row.text("telephone1") if by_id else written
        details = {"phone": samples.dialled(phone), "name": row.name}
        if channel == "chat":
            details["email"] = row.text("emailaddress1")
        return Customer(details, row.id)
    number = samples.dialled(written)
    digits = len(number) - 1
    if not set(written) <= set("+0123456789 ()-./") or not SHORTEST <= digits <= LONGEST:
        raise MalformedInput(
            f"{written!r} is neither a sample contact nor a number of {SHORTEST} to {LONGEST} "
            "digits",
            [Place("from", "not a contact and not a number")],
        )
    return Customer({"phone": number}, None)


def start(
    call_id: str, customer: Customer, now: datetime, *, agent: str, channel: str, direction: str
) -> Call:
    """Begin a call: it rings at the agent, or (outbound) at the customer."""
    return Call(
        id=call_id,
        agent=agent,
        channel=channel,
        direction=direction,
        customer=customer.details,
        record=customer.record,
        state=State.RINGING,
        started=now,
        changed=now,
    )


def first_stages(call: Call) -> tuple[Stage, ...]:
    """List the stages that a new call reaches at once."""
    return (Stage.CREATED, Stage.MADE if call.direction == "outbound" else Stage.OFFERED)


def answer(call: Call, now: datetime) -> Call:
    """Pick up. Raises Conflict where the call does not ring."""
    _expect(call, "answered", State.RINGING)
    return msgspec.structs.replace(call, state=State.TALKING, answered=True, changed=now)


def transfer(call: Call, agent: str, now: datetime) -> Call:
    """Pass the call on: it rings at the other agent. Raises Conflict where it cannot."""
    _expect(call, "transferred", State.RINGING, State.TALKING)
    if agent == call.agent:
        raise Conflict(f"the call is at {agent} already")
    return msgspec.structs.replace(call, agent=agent, state=State.RINGING, changed=now)


def hang_up(call: Call, now: datetime) -> Call:
    """End the call, answered or not. Raises Conflict where it has ended."""
    _expect(call, "hung up", State.RINGING, State.TALKING)
    return msgspec.structs.replace(call, state=State.ENDED, changed=now)


def record(call: Call, now: datetime) -> Call:
    """Make the recording (a chat's transcript) known. Raises Conflict where there is none."""
    _expect(call, "recorded", State.ENDED)
    if not call.answered:
        raise Conflict("nobody answered this call, so there is no recording")
    if call.recorded:
        raise Conflict("the recording was reported before")
    return msgspec.structs.replace(call, recorded=True, changed=now)


def recorded_stage(call: Call) -> Stage:
    """Say what a finished call leaves: a recording of a voice call, a transcript of a chat."""
    return Stage.RECORDED if call.channel == "voice" else Stage.TRANSCRIBED


def event(call: Call, stage: Stage, now: datetime, files: str) -> tuple[Call, dict[str, Any]]:
    """Write the CloudEvent of a stage, and count it. `files` is the base URL of recordings."""
    call = msgspec.structs.replace(call, sent=call.sent + 1)
    data: dict[str, Any] = {
        "channel": call.channel,
        "direction": call.direction,
        "customer": call.customer,
        "queue": QUEUES[call.channel],
        "attributes": _attributes(call),
    }
    # When an inbound contact comes into being nobody has been chosen for it yet.
    if stage is not Stage.CREATED or call.direction == "outbound":
        data["agent"] = call.agent
    if stage in {Stage.RECORDED, Stage.TRANSCRIBED}:
        voice = stage is Stage.RECORDED
        kind, suffix = ("recording", "wav") if voice else ("transcript", "txt")
        data["recording"] = {"kind": kind, "url": f"{files}/recordings/{call.id}.{suffix}"}
    return call, {
        "specversion": "1.0",
        "id": f"{call.id}-{call.sent}",
        "source": SOURCE,
        "type": f"screenpop.contact.{stage}",
        "subject": call.id,
        "time": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }


def _attributes(call: Call) -> dict[str, str]:
    attributes = {"CustomerEndpoint": call.customer["phone"]}
    if call.record is not None:
        attributes["crmContactId"] = call.record
    return attributes


def _expect(call: Call, what: str, *states: State) -> None:
    if call.state not in states:
        raise Conflict(f"a call that is {call.state} cannot be {what}")
