"""Decode what Amazon EventBridge posts: Connect's contact events and S3's "Object Created".

Sources: https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html and
identify-conferences-transfers.html beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from adapter.errors import MalformedInput
from adapter.events import ContactEvent, Decoded, Entry, Rejected, Stage
from adapter.telephony import amazon_fields, amazon_objects, identifiers, json_limits
from adapter.telephony.amazon_fields import Described
from adapter.telephony.json_limits import fault

MAX_ENVELOPES = 1_000
"""Envelopes in one request; EventBridge itself sends one."""

_CONTACT_EVENT: Final = ("aws.connect", "Amazon Connect Contact Event")
_OBJECT_CREATED: Final = ("aws.s3", "Object Created")
_HANDED_ON: Final = frozenset({"INITIATED", "CONNECTED_TO_AGENT"})
_EXPECTED: Final = "expected an EventBridge envelope (source, detail-type, detail)"
_canonical = msgspec.json.Encoder(order="sorted").encode


def decode(body: bytes, *, received: datetime) -> Decoded:
    """Decode one envelope, an array of envelopes, a bare contact event or S3's own `Records`.

    Other events of AWS are counted as `ignored`; what is no event at all is `rejected`. Raises
    `MalformedInput` where the body is no JSON, `PayloadTooLarge` above the limits.
    """
    if body.lstrip()[:1] == b"[":
        documents: list[Any] = list(json_limits.items(body, most=MAX_ENVELOPES))
    else:
        documents = [json_limits.parse(body)]
        records = documents[0].get("Records") if isinstance(documents[0], dict) else None
        if isinstance(records, list):
            documents = records
    entries, rejected, ignored = [], [], 0
    for index, document in enumerate(documents):
        try:
            is_text = isinstance(document, msgspec.Raw)
            value = json_limits.parse(document, "The event") if is_text else document
            facts = read(value, received)
        except MalformedInput as error:
            rejected.append(Rejected(index, str(error)))
        else:
            if facts:
                entries.append(Entry(index, facts))
            else:
                ignored += 1
    return Decoded(tuple(entries), ignored, tuple(rejected))


def read(document: Any, received: datetime) -> tuple[ContactEvent, ...]:
    """Decode one JSON document; no facts where it is an event of no interest here."""
    envelope = amazon_fields.fold(document)
    if "detail-type" in envelope or ("detail" in envelope and "source" in envelope):
        return _enveloped(envelope, received)
    if _is_bare_contact_event(envelope):
        return _contact_events(envelope, {}, received, "")
    if envelope.get("eventsource") == "aws:s3":
        created = amazon_objects.notified(envelope, received)
        return (created,) if created else ()
    if envelope.get("event") == "s3:TestEvent" or "eventsource" in envelope:
        return ()
    raise fault("", _EXPECTED)


def _enveloped(envelope: Mapping[str, Any], received: datetime) -> tuple[ContactEvent, ...]:
    match (envelope.get("source"), envelope.get("detail-type")):
        case found if found == _CONTACT_EVENT:
            if not isinstance(envelope.get("detail"), dict):
                raise fault("/detail", "expected an object")
            detail = amazon_fields.fold(envelope["detail"])
            return _contact_events(detail, envelope, received, "/detail")
        case found if found == _OBJECT_CREATED:
            created = amazon_objects.created(envelope, received)
            return (created,) if created else ()
        case _:
            return ()


def _is_bare_contact_event(fields: Mapping[str, Any]) -> bool:
    """Recognise a `detail` that came alone, as an input transformer (`$.detail`) sends it.

    Contact Lens' segments also have an EventType and a ContactId, but never these others.
    """
    return {"eventtype", "contactid"} <= fields.keys() and bool(
        {"instancearn", "initiationmethod", "initiationtimestamp"} & fields.keys()
    )


def _contact_events(
    detail: Mapping[str, Any], envelope: Mapping[str, Any], received: datetime, at: str
) -> tuple[ContactEvent, ...]:
    kind = identifiers.text(detail.get("eventtype"), f"{at}/eventType").upper()
    said = amazon_fields.describe(detail, at)
    stage = _stage(kind, said)
    witnessed = dict(said.witnessed)
    reported = amazon_fields.moment(envelope, "time") or _latest(detail, witnessed) or received
    if kind == "COMPLETED":  # comes after the disconnection, which may itself have been lost
        witnessed.setdefault(Stage.ENDED, reported)
    own = witnessed.get(stage) if stage else _own_time(kind, detail)
    event = ContactEvent(
        source=_source(envelope, detail),
        id=_identity(envelope, detail),
        contact=said.contact,
        # Delivery is unordered: the time of the thing itself counts, not of its delivery.
        time=own or reported,
        stage=stage,
        channel=said.channel,
        direction=said.direction,
        agent=said.agent,
        customer=said.customer,
        queue=said.queue,
        attributes=said.attributes,
        links=said.links,
        witnessed={other: time for other, time in witnessed.items() if other is not stage},
    )
    previous = amazon_fields.text(detail, "previouscontactid")
    if kind in _HANDED_ON and previous and previous != said.contact and _surely_transferred(said):
        return event, _transferred(event, previous)
    return (event,)


def _stage(kind: str, said: Described) -> Stage | None:
    match kind:
        case "INITIATED":
            return Stage.CREATED
        case "CONNECTED_TO_AGENT":
            return said.connected
        case "DISCONNECTED":
            return Stage.ENDED
        case _:  # CONNECTED_TO_SYSTEM, QUEUED, COMPLETED, CONTACT_DATA_UPDATED, …, and new ones
            return None


def _surely_transferred(said: Described) -> bool:
    """Tell whether this contact's existence proves that the one before it was handed on.

    A flow that moves the customer to another queue (QUEUE_TRANSFER) leaves no one behind, and a
    chat, task or e-mail is handed on at once. A voice TRANSFER proves nothing: an agent who only
    consults a colleague makes the same new contact, and may go on talking afterwards; which of
    the two it was shows in who leaves first (identify-conferences-transfers.html).
    """
    if said.method == "QUEUE_TRANSFER":
        return True
    return said.method == "TRANSFER" and said.channel not in (None, "voice")


def _transferred(event: ContactEvent, previous: str) -> ContactEvent:
    """Report the transfer on the contact before; its agent stays, for it was theirs."""
    return ContactEvent(
        source=event.source,
        id=f"{event.contact}#transferred",  # one fact, whichever event of the contact tells it
        contact=identifiers.contact(previous, "/detail/previousContactId"),
        time=event.witnessed.get(Stage.CREATED, event.time),
        stage=Stage.TRANSFERRED,
    )


def _own_time(kind: str, detail: Mapping[str, Any]) -> datetime | None:
    match kind:
        case "CONNECTED_TO_SYSTEM":
            return amazon_fields.moment(detail, "connectedtosystemtimestamp")
        case "QUEUED":
            return amazon_fields.moment(
                amazon_fields.fold(detail.get("queueinfo")), "enqueuetimestamp"
            )
        case _:
            return None


def _latest(detail: Mapping[str, Any], witnessed: Mapping[Stage, datetime]) -> datetime | None:
    """Date an event without an envelope by the last thing that it knows of."""
    queue = amazon_fields.fold(detail.get("queueinfo"))
    times = [
        *witnessed.values(),
        amazon_fields.moment(detail, "connectedtosystemtimestamp"),
        amazon_fields.moment(queue, "dequeuetimestamp"),
        amazon_fields.moment(queue, "enqueuetimestamp"),
    ]
    return max((time for time in times if time), default=None)


def _source(envelope: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    return amazon_fields.origin(
        "aws.connect",
        amazon_fields.text(envelope, "account"),
        amazon_fields.text(detail, "instancearn"),
    )


def _identity(envelope: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    """Use the envelope's id, the same on every redelivery; without one, all that is said."""
    if envelope.get("id") is not None:
        return identifiers.key(envelope["id"], identifiers.MAX_EVENT, "/id")
    return f"detail-{hashlib.sha256(_canonical(detail)).hexdigest()}"
