"""Keep how a tenant's people sign in: the settings as JSON, the client's secret sealed beside them.

They are one of the tenant's settings (`tenant_settings`), so every process sees a change.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
from datetime import datetime

import msgspec

from adapter.errors import Conflict, InvalidSettings, NotFound
from adapter.identity.providers import SignInSettings
from adapter.store import audits
from adapter.store.times import micros
from adapter.tenants import Tenant

NAME = "sign-in"


class StoredSignIn(msgspec.Struct, frozen=True):
    """What the row's value holds."""

    settings: SignInSettings | None
    secret: str | None = None
    """Sealed, in base64."""

    def sealed(self) -> bytes | None:
        """Give the sealed secret."""
        try:
            return None if self.secret is None else base64.b64decode(self.secret)
        except binascii.Error as error:
            raise InvalidSettings("sign-in: the stored secret cannot be read") from error


def secret_place(tenant: Tenant) -> str:
    """Name where the secret is bound to."""
    return f"tenant_settings/{tenant}/{NAME}/client_secret"


def decode(value: str) -> StoredSignIn:
    """Read a row's value.

    Raises:
        InvalidSettings: it is none of ours.
    """
    try:
        return msgspec.json.decode(value, type=StoredSignIn)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidSettings(f"sign-in: {error}") from error


def put(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    settings: SignInSettings | None,
    sealed: bytes | None,
    now: datetime,
    *,
    who: str,
    expected_version: int | None = None,
) -> int:
    """Replace a tenant's sign-in (None: nobody signs in) and give its version.

    Raises:
        NotFound: there is no such tenant.
        Conflict: the version is not `expected_version`.
    """
    if cursor.execute("SELECT 1 FROM tenants WHERE name=?", (tenant,)).fetchone() is None:
        raise NotFound(f"there is no tenant {tenant}")
    row = cursor.execute(
        "SELECT value, version FROM tenant_settings WHERE tenant=? AND name=?", (tenant, NAME)
    ).fetchone()
    version = 0 if row is None else int(row[1])
    if expected_version is not None and expected_version != version:
        raise Conflict(f"{NAME} is at version {version}, not {expected_version}: read it again")
    encoded = None if sealed is None else base64.b64encode(sealed).decode()
    value = msgspec.json.encode(StoredSignIn(settings, encoded)).decode()
    if row is not None and row[0] == value:
        return version
    cursor.execute(
        "INSERT INTO tenant_settings (tenant, name, value, version, changed) VALUES (?,?,?,?,?)"
        " ON CONFLICT (tenant, name) DO UPDATE SET value=excluded.value,"
        " version=excluded.version, changed=excluded.changed",
        (tenant, NAME, value, version + 1, micros(now)),
    )
    before = None if row is None else decode(row[0])
    told = [_told(before, before), _told(before, StoredSignIn(settings, encoded))]
    audits.add(
        cursor,
        tenant,
        now,
        who=who,
        what=NAME,
        before=None if before is None else told[0],
        after=told[1],
    )
    return version + 1


def _told(before: StoredSignIn | None, stored: StoredSignIn | None) -> str:
    """Write it for the audit log: of the secret only whether it is there, and whether it is new."""
    if stored is None:
        return ""
    words = "none"
    if stored.secret is not None:
        words = "kept" if before is not None and before.secret == stored.secret else "new"
    said = {"settings": stored.settings, "client_secret": words}
    return msgspec.json.encode(said).decode()
