"""Make service keys and signing secrets: what is stored of them, and the secret shown once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from adapter import credentials
from adapter.credentials import SCOPES, SIGNING
from adapter.errors import InvalidSettings, Place
from adapter.secret_box import SecretBox
from adapter.store.settings import StoredKey
from adapter.telephony import standard_webhooks
from adapter.tenants import Tenant

LONGEST_NAME = 200


class NewKey(NamedTuple):
    """A key before it is stored."""

    row: StoredKey
    secret: str
    """Shown once: it cannot be read back."""


def service_key(tenant: Tenant, scope: str, name: str, now: datetime) -> NewKey:
    """Make a service key of one scope.

    Raises:
        InvalidSettings: there is no such scope, or the name is too long.
    """
    if scope not in SCOPES:
        detail = f"scope {scope!r}: use one of {', '.join(SCOPES)}"
        raise InvalidSettings(detail, [Place("scope", detail)])
    key_id, secret = credentials.new_key()
    digest = credentials.digest(secret)
    return NewKey(StoredKey(key_id, tenant, scope, _named(name), digest, None, now, None), secret)


def signing_secret(tenant: Tenant, name: str, now: datetime, box: SecretBox) -> NewKey:
    """Make a Standard Webhooks secret (`whsec_…`), stored encrypted.

    Raises:
        InvalidSettings: the name is too long.
    """
    key_id, _ = credentials.new_key()
    secret = standard_webhooks.new_secret(credentials.random_bytes(32))
    sealed = box.seal(secret.encode(), place=f"keys/{key_id}/secret")
    row = StoredKey(key_id, tenant, SIGNING, _named(name), None, sealed, now, None)
    return NewKey(row, secret)


def _named(name: str) -> str:
    if len(name) > LONGEST_NAME:
        detail = f"a name of at most {LONGEST_NAME} characters"
        raise InvalidSettings(f"name: {detail}", [Place("name", detail)])
    return name
