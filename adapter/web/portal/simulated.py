"""Send a simulated contact through the real way of events: decoded, stored, pushed, popped."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapter import pipeline
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.errors import MalformedInput
from adapter.events import CONTACT_PREFIX, Stage
from adapter.pipeline import Receipt
from adapter.services import Services
from adapter.store import audits
from adapter.telephony import cloudevents
from adapter.tenants import Tenant

SOURCE = "urn:screenpop:portal"
ATTRIBUTE = "screenpopSimulated"
"""The attribute that marks a simulated contact wherever it goes, Dynamics' steps included."""
PREFIX = "simulated-"

NEXT: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.OFFERED: (Stage.ANSWERED, Stage.ENDED),
    Stage.MADE: (Stage.ANSWERED, Stage.ENDED),
    Stage.ANSWERED: (Stage.ENDED,),
}
"""What an admin may let happen next, by the stage reached."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The contact that an admin wants to see."""

    agent: str
    channel: str
    direction: str
    customer: dict[str, str]
    attributes: dict[str, str]


def new_id() -> str:
    """Give the id of a new simulated contact."""
    return PREFIX + secrets.token_hex(6)


def is_simulated(contact: Contact) -> bool:
    """Tell if a contact was begun here."""
    return ATTRIBUTE in contact.attributes


def first_events(contact: str, wanted: Wanted, now: datetime) -> list[dict[str, Any]]:
    """Write the CloudEvents with which a contact begins: created, then ringing or being made."""
    data: dict[str, Any] = {
        "channel": wanted.channel,
        "direction": wanted.direction,
        "customer": wanted.customer,
        "attributes": {**wanted.attributes, ATTRIBUTE: "true"},
    }
    rings = Stage.MADE if wanted.direction == "outbound" else Stage.OFFERED
    return [
        _event(contact, Stage.CREATED, data, now),
        _event(contact, rings, {**data, "agent": wanted.agent}, now),
    ]


def next_event(contact: str, stage: Stage, agent: str | None, now: datetime) -> dict[str, Any]:
    """Write the CloudEvent of a later stage; asked for twice it is a duplicate and dropped."""
    data: dict[str, Any] = {"attributes": {ATTRIBUTE: "true"}}
    return _event(contact, stage, data if agent is None else {**data, "agent": agent}, now)


async def send(
    services: Services, tenant: Tenant, events: list[dict[str, Any]], *, who: str, what: str
) -> None:
    """Take events as if a source had posted them; the audit log says `who` did `what`.

    Raises:
        MalformedInput: the decoder refuses one of them.
        Unavailable: nothing was taken.
    """
    now = datetime.now(UTC)
    headers = {"content-type": cloudevents.BATCH}
    decoded = cloudevents.decode(headers, msgspec.json.encode(events), received=now)
    if decoded.rejected:
        raise MalformedInput(decoded.rejected[0].detail)

    def job(batch: Batch) -> Receipt:
        audits.add(batch.cursor, tenant, now, who=who, what=what)
        return pipeline.accept(batch, tenant, decoded, now)

    receipt = await services.committer.submit(job, weight=len(decoded.entries))
    pipeline.count(services.metrics, receipt)


def _event(contact: str, stage: Stage, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{contact}-{stage.value}",
        "source": SOURCE,
        "type": CONTACT_PREFIX + stage.value,
        "subject": contact,
        "time": now.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
