"""Sign and verify requests by Standard Webhooks, symmetric scheme `v1`.

Source: https://github.com/standard-webhooks/standard-webhooks, `spec/standard-webhooks.md`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from adapter.errors import InvalidSettings, Unauthenticated

TOLERANCE = 300
"""Seconds that a timestamp may lie in the past or the future (the specification's five minutes)."""
PREFIX: Final = "whsec_"

_MIN_SECRET = 24  # bytes, both from the specification, "Signature scheme"
_MAX_SECRET = 64
_MAX_SIGNATURES = 16
"""Signatures looked at: a rotation has two, more is somebody's attempt to cost time."""
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(r"[!-~]{1,512}")


def looks_signed(headers: Mapping[str, str], now: float) -> bool:
    """Check the headers alone, before any body is read.

    False where none of the three is there: the sender uses another way to say who it is. Raises
    `Unauthenticated` where they are incomplete, malformed or out of the tolerance. `now` is Unix
    time in seconds; header names are lower case.
    """
    if not any(name in headers for name in _HEADERS):
        return False
    for name in _HEADERS:
        if not headers.get(name):
            raise Unauthenticated(f"{name}: is required beside the other webhook- headers")
    if not _ID.fullmatch(headers["webhook-id"]):
        raise Unauthenticated("webhook-id: expected at most 512 printable ASCII characters")
    if not _SECONDS.fullmatch(headers["webhook-timestamp"]):
        raise Unauthenticated("webhook-timestamp: expected whole seconds since 1970")
    age = now - int(headers["webhook-timestamp"])
    if abs(age) > TOLERANCE:
        side = "old" if age > 0 else "far in the future"
        raise Unauthenticated(
            f"webhook-timestamp: too {side}, at most {TOLERANCE} s are allowed: check the clocks"
        )
    return True


def verify(
    secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, *, now: float
) -> None:
    """Require a `v1` signature of the raw body by one of the secrets; raises `Unauthenticated`."""
    if not looks_signed(headers, now):
        raise Unauthenticated("webhook-id, webhook-timestamp and webhook-signature are missing")
    given = [
        signature.encode("ascii", "replace")
        for version, _, signature in (
            part.partition(",") for part in headers["webhook-signature"].split(" ")
        )
        if version == "v1"
    ][:_MAX_SIGNATURES]
    for secret in filter(None, secrets):  # an empty one is a key that everybody has
        expected = _digest(secret, headers["webhook-id"], headers["webhook-timestamp"], body)
        for signature in given:
            if hmac.compare_digest(expected, signature):
                return
    raise Unauthenticated("webhook-signature: no v1 signature fits a signing secret of this tenant")


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Make the value of `webhook-signature`; `timestamp` is Unix time in whole seconds."""
    return f"v1,{_digest(secret, message_id, str(timestamp), body).decode()}"


def decode_secret(text: str) -> bytes:
    """Read a secret as `whsec_` and Base64; raises `InvalidSettings`, never naming the secret."""
    encoded = text.strip().removeprefix(PREFIX)
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSettings(f"A signing secret is {PREFIX} and Base64") from error
    _check_length(secret)
    return secret


def new_secret(random: bytes) -> str:
    """Write 24 to 64 bytes of the caller's randomness as a secret."""
    _check_length(random)
    return PREFIX + base64.b64encode(random).decode()


def _check_length(secret: bytes) -> None:
    if not _MIN_SECRET <= len(secret) <= _MAX_SECRET:
        raise InvalidSettings(f"A signing secret has {_MIN_SECRET} to {_MAX_SECRET} bytes")


def _digest(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))
