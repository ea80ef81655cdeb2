"""Decode the usual structured CloudEvent of a contact in one step, or leave it to `cloudevents`.

msgspec reads and validates the JSON in one go, at a fifth of what checking each member costs.
Whatever is accepted here, `cloudevents` would accept with the same result (a property test compares
them). Anything less usual, or wrong, gives None: then `cloudevents` decodes it, or says what is
wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from adapter import agent_ids
from adapter.events import CONTACT_PREFIX, ContactEvent, Stage
from adapter.telephony import identifiers
from adapter.telephony.contact_data import MAX_CUSTOMER_FIELDS, MAX_CUSTOMER_TEXT, MAX_TEXT
from adapter.telephony.json_limits import MIN_INTEGER

STAGES: Final[dict[str, Stage | None]] = {
    **{CONTACT_PREFIX + stage.value: stage for stage in Stage},
    f"{CONTACT_PREFIX}updated": None,
}
"""The types that tell of a contact, with their stages."""

MAX_BODY = 16_384
"""Bytes. No JSON text takes more than three times its length as MessagePack, so the attributes of a
body this short are known to be within their limit without being packed."""

# No character takes more than four bytes, so texts this short fit without being encoded.
_Id = Annotated[str, Meta(min_length=1, max_length=identifiers.MAX_EVENT // 4)]
_Source = Annotated[str, Meta(min_length=1, max_length=identifiers.MAX_SOURCE // 4)]
_Contact = Annotated[str, Meta(min_length=1, max_length=identifiers.MAX_CONTACT)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT)]
_Customer = Annotated[
    dict[_Text, Annotated[str, Meta(max_length=MAX_CUSTOMER_TEXT)]],
    Meta(max_length=MAX_CUSTOMER_FIELDS),
]
_Integer = Annotated[int, Meta(ge=MIN_INTEGER, le=2**63 - 1)]
# Nothing nested: that keeps the depth within its limit without counting it.
_Attribute = str | _Integer | float | bool | None


class _Data(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    channel: _Text | None = None
    direction: Literal["inbound", "outbound"] | None = None
    agent: _Text | None = None
    customer: _Customer = {}
    queue: _Text | None = None
    attributes: dict[str, _Attribute] = {}


class _Event(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    specversion: Literal["1.0"]
    id: _Id
    source: _Source
    type: Literal[tuple(STAGES)]  # type: ignore[valid-type]  # a Literal of what the table has
    subject: _Contact
    data: _Data
    time: Annotated[datetime, Meta(tz=True)] | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None


_BACKSLASH: Final = ord("\\")
_decode = msgspec.json.Decoder(_Event).decode


def read(body: bytes, received: datetime) -> ContactEvent | None:
    """Give the event of a contact, or None if `cloudevents` must look at the body."""
    # JSON can hold U+0000 only as an escape. To look for the backslash alone first is faster.
    if len(body) > MAX_BODY or (_BACKSLASH in body and b"\\u0000" in body):
        return None
    try:
        event = _decode(body)
        time = event.time or received
        if time.tzinfo is not UTC:
            time = time.astimezone(UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        return None
    return _contact_event(event, time)


def _contact_event(event: _Event, time: datetime) -> ContactEvent | None:
    data = event.data
    source, id_, contact = event.source, event.id, event.subject
    channel, agent, queue = data.channel or "", data.agent or "", data.queue or ""
    # Printable characters are letters, signs and the space: no control character is among them, and
    # none that changes the direction of text.
    if not f"{id_}{source}{contact}{channel}{agent}{queue}".isprintable():
        return None
    if id_.isspace() or source.isspace() or contact.isspace():
        return None
    agent = agent.strip()
    if agent == agent_ids.EVERYBODY:
        return None
    stage = STAGES[event.type]
    # Positional, as keyword arguments would take three times as long as all the rest.
    return ContactEvent(
        source,
        id_,
        contact,
        time,
        stage,
        channel.strip().lower() or None,
        data.direction,
        agent or None,
        # A transfer that names no agent took the contact from the one who had it. Tested in this
        # order because naming a member of an enumeration costs a call (until Python 3.12).
        not agent and stage is Stage.TRANSFERRED,
        _said(data.customer),
        queue.strip() or None,
        data.attributes,
    )


def _said(customer: dict[str, str]) -> dict[str, str]:
    """Strip blanks from the customer's fields; nearly always give them as they came."""
    for text in customer.values():
        if not text or text != text.strip():
            return {name: text.strip() for name, text in customer.items() if text.strip()}
    return customer
