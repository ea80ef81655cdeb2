"""Show an account to an admin: both sides, the tests, the warnings, and never a secret."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from adapter import accounts
from adapter.accounts import AccountSecrets, ExpiryWarning, IntegrationAccount
from adapter.dataverse.probe import ConnectionReport
from adapter.store.accounts import StoredAccount, StoredSide


class SideView(msgspec.Struct, frozen=True, kw_only=True):
    """The draft, or what is in force."""

    account: IntegrationAccount
    api_url: str
    secrets: list[str]
    """Names of the secrets that are set."""
    cautions: list[str]
    expiry_warnings: list[ExpiryWarning]
    report: ConnectionReport | None
    """The last test of exactly this."""


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account as an admin sees it."""

    name: str
    version: int
    applied_version: int
    ready: bool
    """Whether steps may use it."""
    reason: str | None
    """Why not."""
    failing: str | None
    """Why its last test failed though steps go on using it: an earlier one passed."""
    draft: SideView | None
    applied: SideView | None
    changed: datetime


def view(
    stored: StoredAccount,
    draft_secrets: AccountSecrets | None,
    applied_secrets: AccountSecrets | None,
    today: date,
) -> AccountView:
    """Show an account; secrets that could not be decrypted are None."""
    reason = not_ready(stored)
    return AccountView(
        name=stored.name,
        version=stored.version,
        applied_version=stored.applied_version,
        ready=reason is None,
        reason=reason,
        failing=failing(stored),
        draft=_side(stored.draft, draft_secrets, today),
        applied=_side(stored.applied, applied_secrets, today),
        changed=stored.changed,
    )


def not_ready(stored: StoredAccount) -> str | None:
    """Say why steps may not use an account; None where they may.

    They may from the first test of what is in force that passed: a later one that fails says that
    something is wrong (`failing`), and must not lose contacts.
    """
    if stored.applied is None:
        return "The account has not been applied yet."
    if stored.passed is not None:
        return None
    report = read_report(stored.applied)
    if report is None or report.valid:
        return "The connection has not been tested: use Test connection."
    return f"The last test of the connection failed: {report.message}"


def failing(stored: StoredAccount) -> str | None:
    """Say what the last test of an account that steps use found wrong; None where all is well."""
    report = None if stored.applied is None else read_report(stored.applied)
    if stored.passed is None or report is None or report.valid:
        return None
    return f"The last test of the connection failed: {report.message}"


def read_report(side: StoredSide) -> ConnectionReport | None:
    """Read the last test of a side; None where there is none that this version can read."""
    if side.report is None:
        return None
    try:
        return msgspec.json.decode(side.report, type=ConnectionReport)
    except msgspec.DecodeError:
        return None


def inputs(account: IntegrationAccount) -> dict[str, Any]:
    """Give the fields from which this account follows, to change some and leave the rest.

    What was derived is left out, so that a new token URL is not held against the old directory.
    """
    fields = msgspec.to_builtins(account)
    for name in ("authority", "certificate_expires"):
        fields.pop(name)
    if account.authorization_url or account.token_url:
        fields.pop("directory_id")
    if account.scope == f"{account.environment_url}/.default":
        fields.pop("scope")
    return {name: value for name, value in fields.items() if value is not None}


_RIVALS = (
    ({"authorization_url", "token_url"}, {"directory_id"}),
    ({"api_url"}, {"environment_url", "api_version"}),
)


def merged(account: IntegrationAccount, changes: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of an account with some of them changed.

    A field that says the same in another way gives way: new URLs replace the directory id.
    """
    fields = inputs(account)
    for these, those in _RIVALS:
        for new, old in ((these, those), (those, these)):
            if new & changes.keys() and not old & changes.keys():
                for name in old:
                    fields.pop(name, None)
    return {**fields, **changes}


def _side(side: StoredSide | None, secrets: AccountSecrets | None, today: date) -> SideView | None:
    if side is None:
        return None
    unreadable = [] if secrets is not None else [_UNREADABLE]
    return SideView(
        account=side.account,
        api_url=side.account.api_url,
        secrets=secrets.held() if secrets else [],
        cautions=unreadable or accounts.cautions(side.account, secrets or AccountSecrets()),
        expiry_warnings=accounts.expiry_warnings(side.account, today),
        report=read_report(side),
    )


_UNREADABLE = (
    "The secrets cannot be decrypted: put the key that they were sealed with back into "
    "SCREENPOP_SECRET_KEY, or enter the secrets again."
)
