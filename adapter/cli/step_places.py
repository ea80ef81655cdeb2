"""Know where a tenant's steps lead: the accounts in force, and why steps do not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapter.errors import InvalidSettings

if TYPE_CHECKING:
    from adapter.office import Office
    from adapter.steps import Environment, Steps
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


def environment(
    office: Office, tenant: Tenant, steps: Steps, origin: str | None, app_id: str | None
) -> Environment:
    """Give the environment that is named, else that of the account in force, tested or not.

    Raises:
        InvalidSettings: there is no account and none is named.
    """
    from adapter import lifecycle  # noqa: PLC0415
    from adapter.connections import AccountNotReady, choose  # noqa: PLC0415
    from adapter.dynamics import hosts, names  # noqa: PLC0415

    if origin is not None:
        try:
            url = hosts.origin(
                origin, allow_hosts=_loopback(office, origin), argument="--environment"
            )
            app = None if app_id is None else names.guid("--app-id", app_id)
        except names.InvalidArgument as error:
            raise InvalidSettings(str(error)) from error
        return lifecycle.environment_of(url, f"{url}/api/data/v9.2", app)
    account = next((step.account for step in steps.requests), None)
    try:
        chosen = choose(in_force(office, tenant), account)
    except AccountNotReady as error:
        raise InvalidSettings(f"{error} Name an environment: --environment") from error
    assert chosen.applied is not None  # noqa: S101 - `in_force` lists no other
    held = chosen.applied.account
    return lifecycle.environment_of(held.environment_url, held.api_url, app_id or held.app_id)


def _loopback(office: Office, origin: str) -> tuple[str, ...]:
    from adapter.dynamics import hosts  # noqa: PLC0415

    allowed = office.settings.allow_loopback and hosts.is_loopback(origin.rstrip("/"))
    return (origin,) if allowed else ()
