"""Keep integration accounts: what is in force, the draft of the next, secrets sealed.

Nothing takes effect before `apply_draft`. The secrets come and go sealed; `secrets_place` is where
each is bound to. Tests of the connection are kept beside what they tested.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from adapter.accounts import IntegrationAccount
from adapter.errors import Conflict, InvalidSettings, NotFound, Place
from adapter.store import schema
from adapter.store.database import Database
from adapter.store.times import micros, moment
from adapter.tenants import Tenant

Side = Literal["draft", "applied"]

_TABLE = schema.integration_accounts

MOST_NAMED = 10
"""Accounts whose names stand in an error."""


class StoredSide(msgspec.Struct, frozen=True, kw_only=True):
    """One side of an account: the draft, or what is in force."""

    account: IntegrationAccount
    secrets: bytes
    """Sealed."""
    report: str | None
    """The last test of exactly this, as JSON."""


class StoredAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a tenant; at least one side is there."""

    tenant: Tenant
    name: str
    id: str
    version: int
    """Counts the drafts; `ETag` shows it."""
    applied_version: int
    """The version in force; 0 for none."""
    draft: StoredSide | None
    applied: StoredSide | None
    passed: datetime | None
    """When a test of what is in force passed first: from then on steps use it."""
    changed: datetime


def secrets_place(tenant: Tenant, account_id: str, side: Side) -> str:
    """Name where an account's secrets are bound to."""
    return f"integration_accounts/{tenant}/{account_id}/{side}"


def listed(database: Database, tenant: Tenant | None = None) -> list[StoredAccount]:
    """Read the accounts of one tenant or of all, by name."""
    query = select(_TABLE).order_by(_TABLE.c.tenant, _TABLE.c.name)
    if tenant is not None:
        query = query.where(_TABLE.c.tenant == tenant)
    with database.reading_tables():
        rows = database.connection.execute(query).all()
    return [_account(row) for row in rows]


def get(database: Database, tenant: Tenant, name: str) -> StoredAccount:
    """Read an account; case does not tell names apart.

    Raises:
        NotFound: the tenant has no such account.
    """
    wanted = name.casefold()
    known = listed(database, tenant)
    for each in known:
        if each.name.casefold() == wanted:
            return each
    names = ", ".join(each.name for each in known[:MOST_NAMED]) or "none yet"
    raise NotFound(f"there is no integration account {name} (there is {names})")


def new_id() -> str:
    """Give an id for a new account."""
    return secrets.token_hex(8)


def save_draft(
    database: Database,
    tenant: Tenant,
    account_id: str,
    account: IntegrationAccount,
    *,
    sealed: bytes,
    now: datetime,
    who: str,
    changed_secrets: bool = False,
    expected_version: int | None = None,
    known: StoredAccount | None = None,
) -> int:
    """Replace an account's draft and give its version; a new name makes a new account.

    `changed_secrets` is only for the audit log; `known` is the account that secrets were taken
    from which go on.

    Raises:
        NotFound: there is no such tenant.
        Conflict: the version is not `expected_version`, or the account was made meanwhile.
        InvalidSettings: another account has this name but for its case.
    """
    with database.transaction():
        _require_tenant(database, tenant)
        old = _of_name(database, tenant, account.name)
        version = 0 if old is None else old.version
        if expected_version is not None and expected_version != version:
            raise Conflict(
                f"the account {account.name} is at version {version}, not {expected_version}: "
                "read it again"
            )
        if old is not None and known is not None and _secrets(old) != _secrets_of(known):
            # A refresh token was renewed: the one that would be saved is used up.
            raise Conflict(f"the account {account.name} has changed meanwhile: save it again")
        if old is not None and old.name != account.name:
            text = f"there is an account {old.name} already"
            raise InvalidSettings(text, [Place("/name", text)])
        if old is not None and old.id != account_id:
            raise Conflict(f"the account {account.name} was made by somebody else: read it again")
        values: dict[str, Any] = {
            "draft": _encoded(account),
            "draft_secrets": sealed,
            "draft_report": None,
            "version": version + 1,
            "changed": micros(now),
        }
        database.connection.execute(
            upsert(_TABLE)
            .values(tenant=tenant, name=account.name, id=account_id, applied_version=0, **values)
            .on_conflict_do_update(index_elements=["tenant", "name"], set_=values)
        )
        before = None if old is None else old.draft or old.applied
        more = ", secrets changed" if changed_secrets else ""
        what = f"integration account {account.name}: draft saved{more}"
        _audit(database, tenant, now, who=who, what=what, before=before, after=values["draft"])
    return version + 1


def apply_draft(
    database: Database,
    stored: StoredAccount,
    sealed: bytes,
    now: datetime,
    *,
    who: str,
    passed: bool = False,
) -> None:
    """Put a draft in force. Where it is the default, no other account is any more.

    `sealed` are the draft's secrets, bound to the place of what is in force; `passed` says that
    the draft's test did.

    Raises:
        Conflict: there is no draft, or a later one.
    """
    draft = stored.draft
    if draft is None:
        raise Conflict(f"the account {stored.name} has no draft to apply")
    with database.transaction():
        done = database.connection.execute(
            update(_TABLE)
            .where(
                *_is(stored),
                _TABLE.c.version == stored.version,
                # A refresh token may have been renewed since: what is sealed must be the newest.
                _TABLE.c.draft_secrets == draft.secrets,
            )
            .values(
                applied=_TABLE.c.draft,
                applied_secrets=sealed,
                applied_report=_TABLE.c.draft_report,
                applied_version=_TABLE.c.version,
                applied_passed=micros(now) if passed else None,
                draft=None,
                draft_secrets=None,
                draft_report=None,
                changed=micros(now),
            )
        )
        if not done.rowcount:
            raise Conflict(f"the account {stored.name} has changed meanwhile: read it again")
        if draft.account.default:
            _demote_others(database, stored)
        before = None if stored.applied is None else _encoded(stored.applied.account)
        what = f"integration account {stored.name}: applied"
        _audit(
            database,
            stored.tenant,
            now,
            who=who,
            what=what,
            before=before,
            after=_encoded(draft.account),
        )


def discard_draft(database: Database, stored: StoredAccount, now: datetime, *, who: str) -> None:
    """Drop a draft with its secrets; what is in force stays.

    Raises:
        Conflict: there is no draft, or a later one, or nothing else.
    """
    if stored.draft is None:
        raise Conflict(f"the account {stored.name} has no draft")
    if stored.applied is None:
        raise Conflict(f"the account {stored.name} is but a draft: remove it instead")
    with database.transaction():
        done = database.connection.execute(
            update(_TABLE)
            .where(*_is(stored), _TABLE.c.version == stored.version, _TABLE.c.draft.is_not(None))
            .values(
                draft=None,
                draft_secrets=None,
                draft_report=None,
                # Whoever has read the draft must not save on top of it.
                version=stored.version + 1,
                changed=micros(now),
            )
        )
        if not done.rowcount:
            raise Conflict(f"the account {stored.name} has changed meanwhile: read it again")
        _forget_consents(database, stored)
        what = f"integration account {stored.name}: draft discarded"
        before, after = _encoded(stored.draft.account), _encoded(stored.applied.account)
        _audit(database, stored.tenant, now, who=who, what=what, before=before, after=after)


def remove(database: Database, stored: StoredAccount, now: datetime, *, who: str) -> None:
    """Remove an account with its secrets, for good."""
    with database.transaction():
        database.connection.execute(delete(_TABLE).where(*_is(stored)))
        _forget_consents(database, stored)
        before = stored.applied or stored.draft
        text = None if before is None else _encoded(before.account)
        what = f"integration account {stored.name}: removed"
        _audit(database, stored.tenant, now, who=who, what=what, before=text, after=None)


def put_report(
    database: Database,
    stored: StoredAccount,
    side: Side,
    report: str,
    *,
    passed: datetime | None = None,
) -> None:
    """Keep the result of a test, unless what it tested has been replaced meanwhile.

    `passed` is the time of a test that did.
    """
    version = _TABLE.c.version if side == "draft" else _TABLE.c.applied_version
    tested = stored.version if side == "draft" else stored.applied_version
    column = "draft_report" if side == "draft" else "applied_report"
    held = _TABLE.c.draft if side == "draft" else _TABLE.c.applied
    values: dict[str, Any] = {column: report}
    if side == "applied" and passed is not None:
        values["applied_passed"] = func.coalesce(_TABLE.c.applied_passed, micros(passed))
    with database.transaction():
        database.connection.execute(
            update(_TABLE).where(*_is(stored), version == tested, held.is_not(None)).values(values)
        )


def put_secrets(database: Database, stored: StoredAccount, side: Side, sealed: bytes) -> bool:
    """Replace the sealed secrets of one side (a renewed refresh token, a new key).

    False where they are no longer those of `stored`: somebody else has replaced them meanwhile.
    """
    held = stored.draft if side == "draft" else stored.applied
    column = _TABLE.c.draft_secrets if side == "draft" else _TABLE.c.applied_secrets
    if held is None:
        return False
    with database.transaction():
        done = database.connection.execute(
            update(_TABLE).where(*_is(stored), column == held.secrets).values({column.name: sealed})
        )
    return bool(done.rowcount)


def _account(row: Any) -> StoredAccount:
    return StoredAccount(
        tenant=Tenant(row.tenant),
        name=row.name,
        id=row.id,
        version=row.version,
        applied_version=row.applied_version,
        draft=_side(row.draft, row.draft_secrets, row.draft_report),
        applied=_side(row.applied, row.applied_secrets, row.applied_report),
        passed=None if row.applied_passed is None else moment(row.applied_passed),
        changed=moment(row.changed),
    )


def _side(account: str | None, sealed: bytes | None, report: str | None) -> StoredSide | None:
    if account is None or sealed is None:
        return None
    decoded = msgspec.json.decode(account, type=IntegrationAccount)
    return StoredSide(account=decoded, secrets=sealed, report=report)


def _secrets(row: Any) -> tuple[bytes | None, bytes | None]:
    return row.draft_secrets, row.applied_secrets


def _secrets_of(stored: StoredAccount) -> tuple[bytes | None, bytes | None]:
    draft, applied = stored.draft, stored.applied
    return None if draft is None else draft.secrets, None if applied is None else applied.secrets


def _encoded(account: IntegrationAccount) -> str:
    return msgspec.json.encode(account).decode()


def _is(stored: StoredAccount) -> tuple[Any, ...]:
    return _TABLE.c.tenant == stored.tenant, _TABLE.c.id == stored.id


def _of_name(database: Database, tenant: Tenant, name: str) -> Any:
    rows = database.connection.execute(select(_TABLE).where(_TABLE.c.tenant == tenant)).all()
    wanted = name.casefold()
    return next((row for row in rows if row.name.casefold() == wanted), None)


def _demote_others(database: Database, stored: StoredAccount) -> None:
    rows = database.connection.execute(
        select(_TABLE).where(
            _TABLE.c.tenant == stored.tenant,
            _TABLE.c.id != stored.id,
            _TABLE.c.applied.is_not(None),
        )
    ).all()
    for row in rows:
        account = msgspec.json.decode(row.applied, type=IntegrationAccount)
        if account.default:
            plain = msgspec.structs.replace(account, default=False)
            database.connection.execute(
                update(_TABLE)
                .where(_TABLE.c.tenant == stored.tenant, _TABLE.c.id == row.id)
                .values(applied=_encoded(plain))
            )


def _forget_consents(database: Database, stored: StoredAccount) -> None:
    database.connection.execute(
        delete(schema.consents).where(
            schema.consents.c.tenant == stored.tenant, schema.consents.c.account == stored.name
        )
    )


def _require_tenant(database: Database, tenant: Tenant) -> None:
    known = database.connection.execute(
        select(schema.tenants.c.name).where(schema.tenants.c.name == tenant)
    ).one_or_none()
    if known is None:
        raise NotFound(f"there is no tenant {tenant}")


def _audit(
    database: Database,
    tenant: Tenant,
    now: datetime,
    *,
    who: str,
    what: str,
    before: str | None,
    after: str | None,
) -> None:
    database.connection.execute(
        insert(schema.audit).values(
            tenant=tenant, at=micros(now), who=who, what=what, before=before, after=after
        )
    )
