"""Decode Data Firehose's HTTP requests: contact records and agent events, and answer them.

Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html. The
answer to success is exactly 200 with `success(…)`; any other status is retried.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec

from adapter.errors import MalformedInput, PayloadTooLarge, Place
from adapter.events import Decoded, Entry, Fact, Rejected
from adapter.telephony import (
    amazon_agents,
    amazon_connect,
    amazon_fields,
    amazon_records,
    identifiers,
    json_limits,
)
from adapter.telephony.json_limits import fault

MAX_MESSAGE = 8_192
"""Bytes of `errorMessage`, from the specification of the answer."""

MAX_DOCUMENTS: Final = 100_000
"""JSON documents in one request. Firehose sends 64 MiB at most, and what Amazon Connect writes has
a kilobyte and more; millions of empty ones would take the process for seconds."""

SHORTEST: Final = 100
"""Bytes of a body for each document in it, beyond the first `LEAST`."""

LEAST: Final = 100

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_extent = json.JSONDecoder().raw_decode


def decode(body: bytes, *, received: datetime) -> tuple[str, Decoded]:
    """Decode one request into its id, which the answer repeats, and what the records hold.

    `index` in the result is the record's; one record may hold several JSON documents.

    Raises:
        MalformedInput: the request itself cannot be read.
        PayloadTooLarge: it holds more documents than its length lets expect.
    """
    room = min(MAX_DOCUMENTS, LEAST + len(body) // SHORTEST)
    # Neither stands in Base64, and each record has one of them: so many are not even parsed.
    if max(body.count(b"{"), body.count(b",")) > 2 * room + LEAST:
        raise _too_many(room)
    request = json_limits.parse(body)
    if not isinstance(request, dict):
        raise fault("", "expected an object")
    identity = identifiers.key(request.get("requestId"), identifiers.MAX_EVENT, "/requestId")
    records = request.get("records")
    if not isinstance(records, list):
        raise fault("/records", "expected an array")
    return identity, _read(records, received, room)


def _read(records: list[Any], received: datetime, most: int) -> Decoded:
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    ignored, room = 0, most
    for index, record in enumerate(records):
        at = f"/records/{index}/data"
        try:
            for document in islice(_documents(record, at), room + 1):
                room -= 1
                facts = _facts(document, received, at)
                if facts:
                    entries.append(Entry(index, facts))
                else:
                    ignored += 1
        except MalformedInput as error:
            rejected.append(Rejected(index, str(error)))
            room -= 1
        if room < 0:
            raise _too_many(most)
    return Decoded(tuple(entries), ignored, tuple(rejected))


def _too_many(most: int) -> PayloadTooLarge:
    detail = f"more than {most} documents in a request of this length"
    return PayloadTooLarge(detail, (Place("/records", detail),))


def success(request_id: str, timestamp: int) -> bytes:
    """Write the body of the answer 200; `timestamp` is Unix time in milliseconds."""
    return msgspec.json.encode({"requestId": request_id, "timestamp": timestamp})


def failure(request_id: str, timestamp: int, message: str) -> bytes:
    """Write the body of an answer 4xx or 5xx; the timestamp is a string there, as documented."""
    short = message.encode()[:MAX_MESSAGE].decode("utf-8", "ignore")
    return msgspec.json.encode(
        {"requestId": request_id, "timestamp": str(timestamp), "errorMessage": short}
    )


def _documents(record: Any, at: str) -> Iterator[Any]:
    """Decode a record's Base64 and split it into its JSON documents, with or without newlines."""
    data = record.get("data") if isinstance(record, dict) else None
    if not isinstance(data, str):
        raise fault(at, "expected a string of Base64")
    try:
        octets = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise fault(at, "expected Base64") from error
    try:
        text = octets.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise fault(at, "expected UTF-8 under the Base64") from error
    json_limits.check_depth(octets)  # before the standard library's recursive parser sees it
    start = 0
    while start < len(text):
        end = _end(text, start, at)
        yield json_limits.parse(text[start:end].encode())
        start = _after_space(text, end)


def _end(text: str, start: int, at: str) -> int:
    """Find where the JSON document at `start` ends; msgspec reads only whole texts."""
    try:
        return _extent(text, start)[1]
    except (ValueError, RecursionError) as error:
        raise fault(at, f"expected JSON under the Base64: {error}") from error


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _facts(document: Any, received: datetime, at: str) -> tuple[Fact, ...]:
    fields = amazon_fields.fold(document)
    if "agentarn" in fields and amazon_fields.text(fields, "eventtype") in amazon_agents.KINDS:
        return amazon_agents.read(fields, received, at)
    if _is_contact_record(fields):
        return amazon_records.read(fields, received, at)
    if "detail-type" in fields:  # EventBridge can also feed Firehose
        return amazon_connect.read(document, received)
    return ()


def _is_contact_record(fields: Mapping[str, Any]) -> bool:
    return "contactid" in fields and (
        "awscontacttracerecordformatversion" in fields
        or {"initiationtimestamp", "lastupdatetimestamp"} <= fields.keys()
    )
