"""Rename an integration account everywhere at once: what names it goes on to mean it.

The account itself is known by its id; steps and requests that wait name it, and follow.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, select, update

from adapter import steps
from adapter.accounts import IntegrationAccount
from adapter.errors import Conflict, InvalidSettings, Place
from adapter.store import audits, outbox, schema, settings
from adapter.store.accounts import StoredAccount, StoredSide
from adapter.store.database import Cursor, Database
from adapter.store.times import micros
from adapter.tenants import Tenant

_TABLE = schema.integration_accounts


def rename(database: Database, stored: StoredAccount, name: str, now: datetime, *, who: str) -> int:
    """Rename an account and give its new version; consents that are under way are forgotten.

    Raises:
        Conflict: it has changed meanwhile.
        InvalidSettings: another account has the name.
    """
    with database.transaction() as cursor:
        _require_free(database, stored, name)
        done = database.connection.execute(
            update(_TABLE)
            .where(
                _TABLE.c.tenant == stored.tenant,
                _TABLE.c.id == stored.id,
                _TABLE.c.version == stored.version,
                _TABLE.c.applied_version == stored.applied_version,
            )
            .values(
                name=name,
                version=stored.version + 1,
                # What is in force is what it was: its client and its tests go on.
                draft=_renamed(stored.draft, name),
                applied=_renamed(stored.applied, name),
                changed=micros(now),
            )
        )
        if not done.rowcount:
            raise Conflict(f"the account {stored.name} has changed meanwhile: read it again")
        database.connection.execute(
            delete(schema.consents).where(
                schema.consents.c.tenant == stored.tenant,
                schema.consents.c.account == stored.name,
            )
        )
        _rename_in_steps(database, stored, name, now)
        _rename_in_requests(cursor, stored.tenant, stored.name, name)
        what = f"integration account {stored.name}: renamed to {name}"
        audits.add(cursor, stored.tenant, now, who=who, what=what, before=stored.name, after=name)
    return stored.version + 1


def _require_free(database: Database, stored: StoredAccount, name: str) -> None:
    rows = database.connection.execute(
        select(_TABLE.c.name).where(_TABLE.c.tenant == stored.tenant, _TABLE.c.id != stored.id)
    ).all()
    for row in rows:
        if row.name.casefold() == name.casefold():
            text = f"there is an account {row.name} already"
            raise InvalidSettings(text, [Place("/name", text)])


def _renamed(side: StoredSide | None, name: str) -> str | None:
    if side is None:
        return None
    account: IntegrationAccount = msgspec.structs.replace(side.account, name=name)
    return msgspec.json.encode(account).decode()


def _rename_in_steps(database: Database, stored: StoredAccount, name: str, now: datetime) -> None:
    """Change the steps that name the account; the registry sees a new version of them."""
    table = schema.tenant_settings
    where = (table.c.tenant == stored.tenant, table.c.name == settings.STEPS)
    row = database.connection.execute(
        select(table.c.value, table.c.version).where(*where)
    ).one_or_none()
    if row is None:
        return
    try:
        parsed = steps.parse_steps(row.value)
    except InvalidSettings:
        return  # they do not run, and whoever mends them names the account
    changed = tuple(_with_account(each, stored.name, name) for each in parsed.steps)
    if changed == tuple(parsed.steps):
        return
    database.connection.execute(
        update(table)
        .where(*where)
        .values(
            value=steps.dump(msgspec.structs.replace(parsed, steps=changed)),
            version=row.version + 1,
            changed=micros(now),
        )
    )


def _rename_in_requests(cursor: Cursor, tenant: Tenant, old: str, new: str) -> None:
    """Change what waits or may be replayed; what is done keeps what it was."""
    waiting = outbox.read_from(
        cursor, f"{outbox.UNFINISHED} AND tenant=? ORDER BY position", (tenant,)
    )
    for each in waiting:
        step = _with_account(each.planned.step, old, new)
        if step != each.planned.step:
            planned = msgspec.structs.replace(each.planned, step=step)
            outbox.replace(cursor, each.position, planned)


def _with_account(step: Any, old: str, new: str) -> Any:
    if step.account is None or step.account.casefold() != old.casefold():
        return step
    return msgspec.structs.replace(step, account=new)
