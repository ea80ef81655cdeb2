"""Know which accounts a tenant's steps go by, and why steps do not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapter.office import Office
    from adapter.steps import Steps
    from adapter.store.accounts import StoredAccount
    from adapter.tenants import Tenant


def in_force(office: Office, tenant: Tenant) -> list[StoredAccount]:
    """Give a tenant's integration accounts that were applied."""
    from adapter.store import accounts as stored  # noqa: PLC0415 - `--help` must be quick

    return [each for each in stored.listed(office.database, tenant) if each.applied is not None]


def why_off(steps: Steps, accounts: Sequence[StoredAccount]) -> list[str]:
    """Say of the enabled steps that do not run, why not; `accounts` are those in force."""
    from adapter.connections import AccountNotReady, choose, views  # noqa: PLC0415
    from adapter.steps import standstill  # noqa: PLC0415

    def why_not(account: str | None) -> str | None:
        try:
            return views.not_ready(choose(accounts, account))
        except AccountNotReady as error:
            return str(error)

    return standstill(steps.steps, why_not)
