"""Make and check service keys, tickets and sessions: pure functions over random bytes.

A service key reads `sp_<id>_<secret>`: the id finds it, the digest of the whole proves it.
The secrets are random (256 bits), so one SHA-256 is enough to store them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Literal, NamedTuple

from adapter.errors import Unauthenticated
from adapter.tenants import Tenant

Scope = Literal["ingest", "feed", "admin"]
SCOPES: tuple[Scope, ...] = ("ingest", "feed", "admin")
SIGNING = "signing"


class Key(NamedTuple):
    """A service key in force."""

    id: str
    tenant: Tenant
    scope: str
    digest: bytes


def new_key() -> tuple[str, str]:
    """Give a new key's id and the whole secret, which is shown once."""
    key_id = secrets.token_hex(6)
    return key_id, f"sp_{key_id}_{secrets.token_urlsafe(32)}"


def new_bearer() -> str:
    """Give a new random bearer of 256 bits (tickets, sessions)."""
    return secrets.token_urlsafe(32)


def random_bytes(count: int) -> bytes:
    """Give random bytes for a secret."""
    return secrets.token_bytes(count)


def digest(secret: str) -> bytes:
    """Give what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def key_id(secret: str) -> str | None:
    """Give the id inside a service key, None where the text is none."""
    parts = secret.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "sp" else None  # noqa: PLR2004


def matches(key: Key, secret: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(key.digest, digest(secret))


def presented(
    authorization: str | None, api_key: str | None, firehose: str | None = None
) -> str | None:
    """Give the secret of a request's headers: `Authorization` (Bearer, Basic), `X-Api-Key`.

    EventBridge API destinations can send each of them; Firehose has a header of its own.

    Raises:
        Unauthenticated: the `Authorization` header is of another kind or cannot be read.
    """
    if authorization:
        kind, _, value = authorization.strip().partition(" ")
        value = value.strip()
        if kind.lower() == "bearer" and value:
            return value
        if kind.lower() == "basic":
            return _basic_password(value)
        raise Unauthenticated("Authorization: use Bearer or Basic with a service key")
    return api_key or firehose or None


def _basic_password(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode("utf-8")
    except ValueError as error:  # all of them: letters beyond ASCII are no `binascii.Error`
        raise Unauthenticated("Authorization: the Basic credential cannot be read") from error
    return decoded.partition(":")[2]
