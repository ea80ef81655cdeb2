"""Decode CloudEvents 1.0 over HTTP: structured, binary, batch, and arrays as plain JSON.

Sources: the CloudEvents specification, its JSON format, HTTP protocol binding and HTTP 1.1 Web
Hooks (https://github.com/cloudevents/spec). Plain `application/json` with an array is what Twilio
Event Streams sends.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from adapter.errors import MalformedInput, UnsupportedMediaType
from adapter.events import ContactEvent, Decoded, Entry, Rejected, Stage
from adapter.telephony import contact_data, identifiers, json_limits, structured, timestamps
from adapter.telephony.json_limits import fault

MAX_BATCH = 1_000
"""Events in one request."""

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"

_USUAL: Final = frozenset({STRUCTURED, BATCH, JSON})
_KNOWN: Final = frozenset(
    {
        *("specversion", "id", "source", "type", "subject", "time"),
        *("datacontenttype", "dataschema", "data", "data_base64"),
    }
)
_NAME: Final = re.compile(r"[a-z0-9]+")
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_UTF8: Final = ("utf-8", "utf8", "us-ascii")  # JSON is UTF-8 (RFC 8259, 8.1), ASCII a part of it
_TOKEN: Final = re.compile(r"[!-~]{1,512}")
_NO_TIME: Final = "expected an RFC 3339 time with Z or an offset, in the years 1 to 9999 of UTC"
_TAKES: Final = (
    f"Send {STRUCTURED}, {BATCH}, a JSON array of events as application/json, "
    "or ce- headers with a JSON body"
)


def decode(headers: Mapping[str, str], body: bytes, *, received: datetime) -> Decoded:
    """Decode one request; header names are lower case.

    Faults of the whole body raise `MalformedInput`, `UnsupportedMediaType` or `PayloadTooLarge`;
    faults of one event are listed in `rejected`, whatever stands beside it.
    """
    media = headers.get("content-type", "")
    if media not in _USUAL:
        media = _media_type(media)
    if media == STRUCTURED:
        return _one(body, received)
    if media == BATCH:
        return _batch(body, received)
    if media.startswith("application/cloudevents"):
        raise UnsupportedMediaType(f"{media} is not taken here. {_TAKES}")
    if any(name.startswith("ce-") for name in headers):
        return _binary(headers, media, body, received)
    if media == JSON:
        if body.lstrip()[:1] == b"[":
            return _batch(body, received)
        return _one(body, received)
    said = media or "A body without a content type"
    raise UnsupportedMediaType(f"{said} is not taken here. {_TAKES}")


def webhook_handshake(headers: Mapping[str, str]) -> dict[str, str] | None:
    """Answer an `OPTIONS` request's abuse protection (CloudEvents Web Hooks, section 4).

    Gives the headers that grant delivery, or None where nobody asked. Every origin that holds a
    key is welcome, at any rate: the key decides, not the handshake. The callback URL that a
    sender may offer is never fetched (it could point anywhere).
    """
    origin = headers.get("webhook-request-origin", "").strip()
    if not _TOKEN.fullmatch(origin):
        return None
    rate = headers.get("webhook-request-rate", "").strip()
    granted = rate if re.fullmatch(r"[1-9][0-9]{0,8}", rate) else "*"
    return {
        "Allow": "POST, OPTIONS",
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": granted,
    }


def _media_type(said: str) -> str:
    media, _, parameters = said.partition(";")
    media = media.strip().lower()
    charset = _CHARSET.search(parameters)
    if charset and charset[1].lower() not in _UTF8:
        raise UnsupportedMediaType(f"charset {charset[1][:40]} is not taken here, send UTF-8")
    return media


def _one(body: bytes, received: datetime) -> Decoded:
    usual = structured.read(body, received)
    if usual is not None:
        return Decoded((Entry(0, (usual,)),))
    value = json_limits.parse(body)  # what is no JSON is a fault of the request, not of an event
    try:
        found = facts(value, received)
    except MalformedInput as error:
        return _rejected_alone(error)
    return Decoded((Entry(0, found),)) if found else Decoded(ignored=1)


def _batch(body: bytes, received: datetime) -> Decoded:
    entries, rejected, places, ignored = [], [], [], 0
    for index, event in enumerate(json_limits.items(body, most=MAX_BATCH)):
        text = bytes(event)
        usual = structured.read(text, received)
        try:
            found = (usual,) if usual else facts(json_limits.parse(text, "The event"), received)
        except MalformedInput as error:
            rejected.append(Rejected(index, str(error)))
            places.append(f"/{index}{_place(error)}")
        else:
            if found:
                entries.append(Entry(index, found))
            else:
                ignored += 1
    return Decoded(tuple(entries), ignored, tuple(rejected), tuple(places))


def _rejected_alone(error: MalformedInput) -> Decoded:
    """Tell what is wrong with a request's only event."""
    return Decoded(rejected=(Rejected(0, str(error)),), places=(_place(error),), is_batch=False)


def _place(error: MalformedInput) -> str:
    return error.places[0].at if error.places else ""


def facts(event: Any, received: datetime) -> tuple[ContactEvent, ...]:
    """Decode one parsed event, none where it is of another type; raises `MalformedInput`."""
    if not isinstance(event, dict):
        raise fault("", "expected an object, a CloudEvent")
    _check_attributes(event, "/")
    if event["type"] not in structured.STAGES:
        return ()
    return _contact_events(event, _data(event), received, "/")


def _check_attributes(event: Mapping[str, Any], prefix: str) -> None:
    """Check what every CloudEvent needs, ours or not (specification, section 3)."""
    version = identifiers.text(event.get("specversion"), prefix, "specversion")
    if version != "1.0":
        raise fault(f"{prefix}specversion", f"expected 1.0, got {version[:20]}")
    identifiers.key(event.get("id"), identifiers.MAX_EVENT, prefix, "id")
    identifiers.key(event.get("source"), identifiers.MAX_SOURCE, prefix, "source")
    identifiers.text(event.get("type"), prefix, "type")
    for name in event.keys() - _KNOWN:
        if not _NAME.fullmatch(name):
            raise fault(
                prefix + name[:80], "an attribute's name has only lower-case letters and digits"
            )
        if isinstance(event[name], dict | list):
            raise fault(prefix + name[:80], "expected a string, a number, true or false")


def _contact_events(
    event: Mapping[str, Any], data: Any, received: datetime, prefix: str
) -> tuple[ContactEvent, ...]:
    stage = structured.STAGES[event["type"]]
    contact = identifiers.contact(event.get("subject"), prefix, "subject")
    said = contact_data.read(data, contact=contact, stage=stage)
    first = ContactEvent(
        source=event["source"],
        id=event["id"],
        contact=contact,
        time=_time(event.get("time"), prefix) or received,
        stage=stage,
        channel=said.channel,
        direction=said.direction,
        agent=said.agent,
        # Who transfers a contact and names no agent took it from the one it had.
        agent_left=stage is Stage.TRANSFERRED and said.agent is None,
        customer=said.customer,
        queue=said.queue,
        attributes=said.attributes,
        links=said.links,
        recording=said.recordings[0] if said.recordings else None,
    )
    if len(said.recordings) <= 1:
        return (first,)
    more = (
        ContactEvent(
            source=first.source,
            id=f"{first.id}#recording-{number}",
            contact=contact,
            time=first.time,
            recording=recording,
        )
        for number, recording in enumerate(said.recordings[1:], start=2)
    )
    return (first, *more)


def _time(value: Any, prefix: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise fault(f"{prefix}time", "expected a string")
    if (moment := timestamps.rfc3339(value)) is None:
        raise fault(f"{prefix}time", _NO_TIME)
    return moment


def _data(event: Mapping[str, Any]) -> Any:
    """Find the data of a structured event (JSON format, section 3.1).

    `datacontenttype` is not asked: JSON is the only thing a contact's data can be, and Twilio
    writes a timestamp there.
    """
    encoded = event.get("data_base64")
    if encoded is None:
        return event.get("data")
    if event.get("data") is not None:
        raise fault("/data_base64", "stands beside data; an event has one of the two")
    if not isinstance(encoded, str):
        raise fault("/data_base64", "expected a string")
    try:
        body = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise fault("/data_base64", "expected Base64") from error
    try:
        return json_limits.parse(body)
    except MalformedInput as error:
        raise fault("/data_base64", str(error)) from error


def _binary(headers: Mapping[str, str], media: str, body: bytes, received: datetime) -> Decoded:
    try:
        event = {
            name[3:]: _header_value(value, name)
            for name, value in headers.items()
            if name.startswith("ce-")
        }
        for name in ("data", "data_base64", "datacontenttype"):
            event.pop(name, None)  # no attributes in this mode: the body and Content-Type are it
        _check_attributes(event, "ce-")
        if event["type"] not in structured.STAGES:
            return Decoded(ignored=1)
        data = _binary_data(media, body)
        facts = _contact_events(event, data, received, "ce-")
    except UnsupportedMediaType:
        raise
    except MalformedInput as error:
        return _rejected_alone(error)
    return Decoded((Entry(0, facts),))


def _binary_data(media: str, body: bytes) -> Any:
    if not body.strip():
        return None
    if media not in ("", "application/json", "text/json") and not media.endswith("+json"):
        raise UnsupportedMediaType(f"{media} is not taken here. The data of a contact is JSON")
    return json_limits.parse(body)


def _header_value(value: str, name: str) -> str:
    """Undo the encoding of a `ce-` header (HTTP binding, section 3.1.3.2).

    Quotes are taken off first, then one round of percent-decoding follows, then UTF-8.
    """
    value = value.strip()
    if value.isascii() and "%" not in value and not value.startswith('"'):
        return value  # nearly always: nothing to undo
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        octets = value.encode("latin-1")  # as ASGI servers decode header bytes
    except UnicodeEncodeError:
        octets = value.encode("utf-8", "surrogatepass")
    try:
        return unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError as error:
        raise fault(name[:80], "is not valid UTF-8 after percent-decoding") from error
