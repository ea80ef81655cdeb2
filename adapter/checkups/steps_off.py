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

    reasons: dict[str, list[int]] = {}
    for step in steps.steps:
        if not step.enabled:
            continue
        try:
            reason = views.not_ready(choose(accounts, step.account))
        except AccountNotReady as error:
            reason = str(error)
        if reason is not None:
            reasons.setdefault(reason, []).append(step.number)
    return [f"{_named(numbers)} not run: {reason}" for reason, numbers in reasons.items()]


def _named(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"step {numbers[0]} does"
    return f"steps {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} do"
