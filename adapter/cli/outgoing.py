"""Split what `screenpop send` reads into requests, and sign them: values only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from adapter.errors import MalformedInput
from adapter.telephony import json_limits

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SIGNING_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request's body, with the place in the input that it came from."""

    body: bytes
    content_type: str
    line: int
    """Counted from 1; a document of several lines has the line it starts at."""
    events: int = 1


def split(lines: Iterable[bytes]) -> Iterator[Outgoing]:
    """Read one JSON object, one JSON array, or JSON Lines, and say which place is wrong.

    JSON Lines are given out as they come, so that a pipe can be followed: the first line that is
    a whole JSON object decides. Everything else is one document.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(numbered, None)
    if first is None:
        raise MalformedInput("nothing to send: the input is empty")
    number, line = first
    if isinstance(_decode(line), dict):
        yield Outgoing(line.strip(), ONE, number)
        for number, line in numbered:
            yield _line(number, line)
    else:
        yield _document(number, line + b"".join(rest for _, rest in numbered))


def _line(number: int, line: bytes) -> Outgoing:
    found = _decode(line)
    if not isinstance(found, dict):
        raise MalformedInput(f"line {number}: {_fault(found, 'a JSON object')}")
    return Outgoing(line.strip(), ONE, number)


def _document(number: int, content: bytes) -> Outgoing:
    found = _decode(content)
    if isinstance(found, dict):
        return Outgoing(content.strip(), ONE, number)
    if isinstance(found, list) and found:
        return Outgoing(content.strip(), BATCH, number, len(found))
    if found == []:
        raise MalformedInput("nothing to send: the array is empty")
    raise MalformedInput(f"line {number}: {_fault(found, 'a JSON object or array')}")


def _decode(content: bytes) -> object:
    """Decode, or give the fault back: half a document is none yet."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return json_limits.not_json(content, error)


def _fault(found: object, wanted: str) -> str:
    if not isinstance(found, MalformedInput):
        return f"not {wanted}"
    (place,) = found.places
    return f"not JSON: {f'{place.at}: ' if place.at else ''}{place.detail}"


def secret_key(secret: str) -> bytes:
    """Decode a Standard Webhooks secret (`whsec_` and base64) to its bytes.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except binascii.Error as error:
        raise MalformedInput("--signing-secret is not `whsec_` and base64") from error
    if not key:
        raise MalformedInput("--signing-secret is empty")
    return key


def signature_headers(body: bytes, key: bytes, timestamp: int) -> dict[str, str]:
    """Sign as Standard Webhooks does: HMAC-SHA256 over `id.timestamp.body`.

    The message id is made from the body, so that every attempt has the same one.
    """
    message_id = f"msg_{hashlib.sha256(body).hexdigest()[:32]}"
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    mac = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{mac}",
    }
