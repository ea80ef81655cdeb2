"""Know where a tenant's steps lead: the accounts in force, and why steps do not run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from adapter.checkups.steps_off import in_force, why_off
from adapter.errors import InvalidSettings

if TYPE_CHECKING:
    from adapter.dataverse.client import DataverseClient
    from adapter.environments import Accounts
    from adapter.office import Office
    from adapter.secret_box import SecretBox
    from adapter.step_desk import StepDesk
    from adapter.steps import Previewed, Rehearsed, Steps, Where
    from adapter.tenants import Tenant

__all__ = ["Trial", "in_force", "run", "trial", "why_off"]

_Result = TypeVar("_Result")


def where(
    office: Office, tenant: Tenant, steps: Steps, origin: str | None, app_id: str | None
) -> Where:
    """Give the environment that is named, else those of the accounts in force, tested or not.

    Raises:
        InvalidSettings: no account of the steps leads anywhere and none is named.
    """
    from adapter.dynamics import hosts, names  # noqa: PLC0415
    from adapter.step_desk import where as of_accounts  # noqa: PLC0415
    from adapter.steps import Environment, NoEnvironment  # noqa: PLC0415

    try:
        app = None if app_id is None else names.guid("--app-id", app_id)
        if origin is not None:
            allowed = _loopback(office, origin)
            url = hosts.origin(origin, allow_hosts=allowed, argument="--environment")
            return Environment(url=url, api_url=f"{url}/api/data/v9.2/", app_id=app)
    except names.InvalidArgument as error:
        raise InvalidSettings(str(error)) from error
    found = of_accounts(in_force(office, tenant))

    def with_app(account: str | None) -> Environment:
        held = found(account)
        return held if app is None else msgspec.structs.replace(held, app_id=app)

    nowhere: list[NoEnvironment] = []
    accounts = {step.account for step in steps.steps} or {None}
    for account in accounts:
        try:
            with_app(account)
        except NoEnvironment as error:
            nowhere.append(error)
    if accounts and len(nowhere) == len(accounts):
        raise InvalidSettings(f"{nowhere[0]} Name an environment: --environment")
    return with_app


def run(office: Office, work: Callable[[StepDesk], Coroutine[Any, Any, _Result]]) -> _Result:
    """Do something at a desk of this process, which speaks to Dynamics by the accounts in force."""

    async def at_desk() -> _Result:
        from adapter import logs  # noqa: PLC0415
        from adapter.connections import open_connections  # noqa: PLC0415

        if not any(stored.listed(office.database)):
            return await work(_desk(office, _NoAccounts()))  # no key is made for nothing
        logs.configure("warning", "console")  # to standard error: what is printed may be piped on
        connections = open_connections(
            office.database, _box(office), office.settings, spawn=_unused
        )
        clients = connections.clients
        clients.refresh()
        try:
            return await work(_desk(office, clients))
        finally:
            await clients.close()

    from adapter.store import accounts as stored  # noqa: PLC0415

    return asyncio.run(at_desk())


@dataclass(frozen=True, slots=True)
class Trial:
    """Steps to be tried out, where nothing is sent and no environment is asked."""

    desk: StepDesk
    tenant: Tenant
    steps: Steps
    where: Where

    def preview(self, contact: str | None) -> tuple[str | None, list[Previewed]]:
        """Give the requests for a contact, or a made-up one."""
        return self.desk.preview(self.tenant, self.steps, contact, where=self.where)

    def dry_run(self, contact: str) -> list[Rehearsed]:
        """Give what each event of a contact would have caused."""
        return self.desk.dry_run(self.tenant, self.steps, contact, where=self.where)


def trial(
    office: Office, tenant: str, steps: Steps, origin: str | None, app_id: str | None
) -> Trial:
    """Try out steps where `where` says that they lead."""
    named = office.tenant(tenant)
    leads = where(office, named, steps, origin, app_id)
    return Trial(_desk(office, _NoAccounts()), named, steps, leads)


class _NoAccounts:
    """Stands for the clients of a host without accounts."""

    def client(self, tenant: Tenant, name: str | None = None) -> DataverseClient:
        """Say that there is none."""
        from adapter.connections import AccountNotReady, choose  # noqa: PLC0415

        choose((), name)  # raises: there is none
        raise AccountNotReady(str(name))


def _desk(office: Office, accounts: Accounts) -> StepDesk:
    from adapter.environments import Environments  # noqa: PLC0415
    from adapter.step_desk import StepDesk  # noqa: PLC0415

    return StepDesk(
        office.database,
        Environments(office.database, accounts),
        origin=office.settings.origin_of,
        agent=lambda tenant, who: office.agent_of(tenant)(who),
    )


def _unused(work: Coroutine[Any, Any, None], *, name: str) -> None:
    """Run nothing beside: no client is replaced while a command runs."""
    work.close()


def _box(office: Office) -> SecretBox:
    from adapter import secret_box  # noqa: PLC0415

    secret = office.settings.secret_key
    value = secret.get_secret_value() if secret else None
    return secret_box.load(value, office.settings.data_dir / "secret.key")


def _loopback(office: Office, origin: str) -> tuple[str, ...]:
    from adapter.dynamics import hosts  # noqa: PLC0415

    allowed = office.settings.allow_loopback and hosts.is_loopback(origin.rstrip("/"))
    return (origin,) if allowed else ()
