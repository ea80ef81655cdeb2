"""Keep what an admin sets: tenants, keys, rules, policies, aliases, with the audit log."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from adapter.errors import Conflict, NotFound
from adapter.store import schema
from adapter.store.database import Database
from adapter.store.times import micros, moment
from adapter.tenants import Tenant

DOMAINS = "domains"
TRIAL = "domains on trial"
"""Rules that are only reported on; empty where none are."""
POP_POLICY = "pop-policy"
PREFERENCES = "preferences"
STEPS = "steps"
STEPS_SINCE = "steps since"
"""Set once, when a tenant first has steps: contacts that began earlier are left alone."""


class StoredKey(msgspec.Struct, frozen=True):
    """A service key (`digest`) or a signing secret (`secret`, encrypted)."""

    id: str
    tenant: Tenant
    scope: str
    name: str
    digest: bytes | None
    secret: bytes | None
    created: datetime
    revoked: datetime | None
    used: datetime | None = None
    """When it was last used, to the minute."""


class StoredSetting(msgspec.Struct, frozen=True):
    """A tenant's setting by name, with the version that `ETag` shows."""

    tenant: Tenant
    name: str
    value: str
    version: int
    changed: datetime


class Alias(msgspec.Struct, frozen=True):
    """An id of a source that stands for an agent of the tenant."""

    tenant: Tenant
    source_id: str
    agent: str
    origin: str
    """`admin` or `learnt`."""


def tenants(database: Database) -> list[Tenant]:
    """Read the names of all tenants."""
    with database.reading_tables():
        rows = database.connection.execute(select(schema.tenants.c.name)).all()
    return [Tenant(row.name) for row in rows]


def create_tenant(database: Database, tenant: Tenant, now: datetime, *, who: str) -> bool:
    """Create a tenant; False where it is there already."""
    with database.transaction():
        done = database.connection.execute(
            upsert(schema.tenants)
            .values(name=tenant, created=micros(now))
            .on_conflict_do_nothing(index_elements=["name"])
        )
        if done.rowcount:
            _audit(database, tenant, now, who, "tenant created", after=tenant)
    return bool(done.rowcount)


def keys(database: Database) -> list[StoredKey]:
    """Read every key, revoked ones too."""
    with database.reading_tables():
        rows = database.connection.execute(select(schema.keys)).all()
    return [
        StoredKey(
            row.id,
            Tenant(row.tenant),
            row.scope,
            row.name,
            row.digest,
            row.secret,
            moment(row.created),
            None if row.revoked is None else moment(row.revoked),
            None if row.used is None else moment(row.used),
        )
        for row in rows
    ]


def add_key(database: Database, key: StoredKey, *, who: str) -> None:
    """Store a new key."""
    with database.transaction():
        database.connection.execute(
            insert(schema.keys).values(
                id=key.id,
                tenant=key.tenant,
                scope=key.scope,
                name=key.name,
                digest=key.digest,
                secret=key.secret,
                created=micros(key.created),
            )
        )
        told = f"{key.scope}, {key.name}" if key.name else key.scope
        what = f"key {key.id} created ({told})"
        _audit(database, key.tenant, key.created, who, what)


def revoke_key(database: Database, key: str, now: datetime, *, who: str) -> None:
    """Revoke a key for good.

    Raises:
        NotFound: there is no such key.
    """
    with database.transaction():
        row = database.connection.execute(
            select(schema.keys.c.tenant, schema.keys.c.revoked).where(schema.keys.c.id == key)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no key {key}")
        if row.revoked is None:
            database.connection.execute(
                update(schema.keys).where(schema.keys.c.id == key).values(revoked=micros(now))
            )
            _audit(database, Tenant(row.tenant), now, who, f"key {key} revoked")


def all_settings(database: Database) -> list[StoredSetting]:
    """Read every tenant's settings."""
    table = schema.tenant_settings.c
    with database.reading_tables():
        rows = database.connection.execute(
            select(table.tenant, table.name, table.value, table.version, table.changed)
        ).all()
    return [
        StoredSetting(Tenant(r.tenant), r.name, r.value, r.version, moment(r.changed)) for r in rows
    ]


def setting(database: Database, tenant: Tenant, name: str) -> StoredSetting | None:
    """Read one setting of a tenant; None where it was never set."""
    table = schema.tenant_settings.c
    with database.reading_tables():
        row = database.connection.execute(
            select(table.value, table.version, table.changed).where(
                table.tenant == tenant, table.name == name
            )
        ).one_or_none()
    if row is None:
        return None
    return StoredSetting(tenant, name, row.value, row.version, moment(row.changed))


def put_setting(
    database: Database,
    tenant: Tenant,
    name: str,
    value: str,
    now: datetime,
    *,
    who: str,
    expected_version: int | None = None,
) -> int:
    """Replace a setting and give its version: a new one where the value is new.

    0 is the version of what was never set.

    Raises:
        NotFound: there is no such tenant.
        Conflict: the version is not `expected_version` (somebody else has changed it).
    """
    table = schema.tenant_settings
    with database.transaction():
        known = database.connection.execute(
            select(schema.tenants.c.name).where(schema.tenants.c.name == tenant)
        ).one_or_none()
        if known is None:
            raise NotFound(f"there is no tenant {tenant}")
        row = database.connection.execute(
            select(table.c.value, table.c.version).where(
                table.c.tenant == tenant, table.c.name == name
            )
        ).one_or_none()
        version = 0 if row is None else row.version
        if expected_version is not None and expected_version != version:
            raise Conflict(f"{name} is at version {version}, not {expected_version}: read it again")
        if row is not None and row.value == value:
            return version  # nothing to tell anybody, and nothing for the audit log
        values = {"value": value, "version": version + 1, "changed": micros(now)}
        database.connection.execute(
            upsert(table)
            .values(tenant=tenant, name=name, **values)
            .on_conflict_do_update(index_elements=["tenant", "name"], set_=values)
        )
        before = None if row is None else row.value
        _audit(database, tenant, now, who, name, before=before, after=value)
    return version + 1


def put_steps(
    database: Database,
    tenant: Tenant,
    document: str,
    now: datetime,
    *,
    who: str,
    expected_version: int | None = None,
) -> int:
    """Replace a tenant's steps and give their new version.

    A change must not cut off contacts that are under way, so only the first text says since when.

    Raises:
        NotFound: there is no such tenant.
        Conflict: the version is not `expected_version`.
    """
    version = put_setting(
        database, tenant, STEPS, document, now, who=who, expected_version=expected_version
    )
    if not any(row.tenant == tenant and row.name == STEPS_SINCE for row in all_settings(database)):
        put_setting(database, tenant, STEPS_SINCE, now.isoformat(), now, who=who)
    return version


def aliases(database: Database) -> list[Alias]:
    """Read every alias of every tenant."""
    table = schema.agent_aliases.c
    with database.reading_tables():
        rows = database.connection.execute(
            select(table.tenant, table.source_id, table.agent, table.origin)
        ).all()
    return [Alias(Tenant(r.tenant), r.source_id, r.agent, r.origin) for r in rows]


def put_alias(database: Database, alias: Alias, now: datetime, *, who: str) -> None:
    """Store an alias that an admin gives; it replaces a learnt one."""
    table = schema.agent_aliases
    values = {"agent": alias.agent, "origin": alias.origin, "created": micros(now)}
    known = table.c.tenant == alias.tenant, table.c.source_id == alias.source_id
    with database.transaction():
        row = database.connection.execute(
            select(table.c.agent, table.c.origin).where(*known)
        ).one_or_none()
        if row is not None and (row.agent, row.origin) == (alias.agent, alias.origin):
            return
        database.connection.execute(
            upsert(table)
            .values(tenant=alias.tenant, source_id=alias.source_id, **values)
            .on_conflict_do_update(index_elements=["tenant", "source_id"], set_=values)
        )
        what = f"alias {alias.source_id} -> {alias.agent}"
        _audit(database, alias.tenant, now, who, what)


def remove_alias(
    database: Database, tenant: Tenant, source_id: str, now: datetime, *, who: str
) -> None:
    """Let an id of a source stand for itself again.

    Raises:
        NotFound: there is no alias of it.
    """
    table = schema.agent_aliases
    with database.transaction():
        known = table.c.tenant == tenant, table.c.source_id == source_id
        row = database.connection.execute(select(table.c.agent).where(*known)).one_or_none()
        if row is None:
            raise NotFound(f"there is no alias {source_id}")
        database.connection.execute(delete(table).where(*known))
        _audit(database, tenant, now, who, f"alias {source_id} removed", before=row.agent)


def audit_log(database: Database, tenant: Tenant, *, limit: int = 200) -> list[dict[str, object]]:
    """Read the newest entries of a tenant's audit log."""
    table = schema.audit.c
    with database.reading_tables():
        rows = database.connection.execute(
            select(table.at, table.who, table.what, table.before, table.after)
            .where(table.tenant == tenant)
            .order_by(table.position.desc())
            .limit(limit)
        ).all()
    return [
        {"at": moment(r.at), "who": r.who, "what": r.what, "before": r.before, "after": r.after}
        for r in rows
    ]


def _audit(
    database: Database,
    tenant: Tenant,
    now: datetime,
    who: str,
    what: str,
    *,
    before: str | None = None,
    after: str | None = None,
) -> None:
    database.connection.execute(
        insert(schema.audit).values(
            tenant=tenant, at=micros(now), who=who, what=what, before=before, after=after
        )
    )


def learn_alias(
    cursor: sqlite3.Cursor, tenant: Tenant, source_id: str, agent: str, now: datetime
) -> None:
    """Store an alias that a source taught us, unless there is one."""
    cursor.execute(
        "INSERT OR IGNORE INTO agent_aliases (tenant, source_id, agent, origin, created)"
        " VALUES (?,?,?,'learnt',?)",
        (tenant, source_id, agent, micros(now)),
    )
