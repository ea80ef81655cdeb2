"""Keep the consents under way: each is used once, within its time."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select

from adapter.store import schema
from adapter.store.database import Database
from adapter.store.times import micros
from adapter.tenants import Tenant


class StoredConsent(msgspec.Struct, frozen=True, kw_only=True):
    """A consent that was asked for: which account, and the sealed flow that finishes it."""

    tenant: Tenant
    account: str
    version: int
    flow: bytes


def place(digest: bytes) -> str:
    """Name where a consent's flow is bound to."""
    return f"consents/{digest.hex()}/flow"


def add(
    database: Database, digest: bytes, consent: StoredConsent, expires: datetime, now: datetime
) -> None:
    """Keep a consent that was asked for, until `expires`; older ones are forgotten."""
    table = schema.consents
    with database.transaction():
        database.connection.execute(delete(table).where(table.c.expires < micros(now)))
        database.connection.execute(
            insert(table).values(
                digest=digest,
                tenant=consent.tenant,
                account=consent.account,
                version=consent.version,
                flow=consent.flow,
                expires=micros(expires),
            )
        )


def take(database: Database, digest: bytes, now: datetime) -> StoredConsent | None:
    """Give a consent and forget it: it is used once. None where it is unknown, used or too old."""
    table = schema.consents
    with database.transaction():
        row = database.connection.execute(
            select(table).where(table.c.digest == digest)
        ).one_or_none()
        database.connection.execute(delete(table).where(table.c.digest == digest))
    if row is None or row.expires < micros(now):
        return None
    return StoredConsent(
        tenant=Tenant(row.tenant), account=row.account, version=row.version, flow=row.flow
    )
