"""Hold a client for each account in force; a change makes a new one and lets the old one finish."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import structlog

from adapter import accounts
from adapter.accounts import AccountSecrets, ExpiryWarning, IntegrationAccount
from adapter.connections import choosing, sealing, views
from adapter.connections.choosing import AccountNotReady
from adapter.connections.desk import AccountDesk
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.entra import Entra
from adapter.dataverse.limiter import Limiter
from adapter.dataverse.tokens import TokenSource
from adapter.errors import InvalidSettings
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored
from adapter.store.accounts import StoredAccount
from adapter.store.database import Database
from adapter.tenants import Tenant

log = structlog.get_logger()


class Spawn(Protocol):
    """What runs a short task and awaits it some time (`services.Tasks.spawn`)."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run it."""


@dataclass(frozen=True, slots=True)
class _Open:
    stored: StoredAccount
    client: DataverseClient | None
    reason: str | None


class Clients:
    """The clients of one server process."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        desk: AccountDesk,
        *,
        tls: ssl.SSLContext,
        spawn: Spawn,
        make: Callable[[IntegrationAccount, TokenSource, Limiter], DataverseClient] | None = None,
    ) -> None:
        self._database = database
        self._box = box
        self._desk = desk
        self._tls = tls
        self._spawn = spawn
        self._make = make or self._client
        self._open: dict[tuple[Tenant, str], _Open] = {}
        self._of_tenant: dict[Tenant, dict[str, _Open]] = {}
        """The same by tenant."""
        self._chosen: dict[tuple[Tenant, str | None], _Open] = {}
        """The same by what steps say of the account: each event of a tenant with steps asks."""
        self.changed: Callable[[], None] = _nobody
        """Is told when an account may be used that could not, or by another secret."""

    def client(self, tenant: Tenant, name: str | None = None) -> DataverseClient:
        """Give the client of an account; without a name, of the default (or the only) one.

        Raises:
            AccountNotReady: there is none, or it may not be used; with the reason.
        """
        found = self._find(tenant, name)
        if found.client is None or found.reason is not None:
            raise AccountNotReady(found.reason or "The account cannot be used.")
        return found.client

    def why_not(self, tenant: Tenant, name: str | None = None) -> str | None:
        """Say why an account (without a name, the default) may not be used; None where it may."""
        try:
            self.client(tenant, name)
        except AccountNotReady as error:
            return str(error)
        return None

    def failing(self) -> list[tuple[Tenant, str, bool]]:
        """Give the accounts in force by tenant and name, and whether the last test failed."""
        return [
            (tenant, name, views.failing(each.stored) is not None)
            for (tenant, name), each in self._open.items()
        ]

    def expiring(self, today: date) -> list[tuple[Tenant, ExpiryWarning]]:
        """List the secrets and certificates in force that end soon."""
        return [
            (tenant, warning)
            for (tenant, _), each in self._open.items()
            if each.stored.applied is not None
            for warning in accounts.expiry_warnings(each.stored.applied.account, today)
        ]

    def buckets(self, tenant: Tenant) -> frozenset[str]:
        """Give the recording buckets that a tenant's accounts name; empty: any."""
        return frozenset(
            each.stored.applied.account.recording_bucket
            for each in self._of_tenant.get(tenant, {}).values()
            if each.stored.applied and each.stored.applied.account.recording_bucket
        )

    def refresh(self) -> None:
        """Read the accounts again: what was applied takes effect, calls in flight end as begun."""
        listed = {
            (each.tenant, each.name): each
            for each in stored.listed(self._database)
            if each.applied is not None
        }
        before = self._state()
        # By its id: one that was renamed keeps its client.
        known_by_id = {each.stored.id: each for each in self._open.values()}
        opened: dict[tuple[Tenant, str], _Open] = {}
        for key, account in listed.items():
            known = known_by_id.pop(account.id, None)
            if known is not None and _same(known.stored, account) and known.client is not None:
                if _report(account) != _report(known.stored) and not views.failing(account):
                    known.client.tokens.ask_again()
                opened[key] = _Open(account, known.client, views.not_ready(account))
            else:
                opened[key] = self._opened(account, known)
                self._retire(known.client if known else None)
        for gone in known_by_id.values():
            self._retire(gone.client)
        self._open = opened
        self._of_tenant = {}
        self._chosen = {}
        for (tenant, name), each in opened.items():
            self._of_tenant.setdefault(tenant, {})[name] = each
        if self._state() != before:
            self.changed()

    async def keep_fresh(self) -> None:
        """Renew tokens ahead of their end, and save refresh tokens that could not be saved."""
        self._desk.refresh_tokens.save()
        for each in list(self._open.values()):
            if each.client is not None and each.reason is None:
                await each.client.tokens.keep_fresh()

    async def close(self) -> None:
        """Close every client."""
        for each in self._open.values():
            if each.client is not None:
                await each.client.close(within=5.0)
        self._open.clear()
        self._of_tenant.clear()
        self._chosen.clear()

    def _state(self) -> dict[tuple[Tenant, str], object]:
        """Give what work that waits for an account wants to know: a new test may have passed."""
        return {
            key: (each.client, each.reason, _report(each.stored))
            for key, each in self._open.items()
        }

    def _find(self, tenant: Tenant, name: str | None) -> _Open:
        found = self._chosen.get((tenant, name))
        if found is None:
            mine = self._of_tenant.get(tenant, {})
            chosen = choosing.choose([each.stored for each in mine.values()], name)
            found = self._chosen[tenant, name] = mine[chosen.name]
        return found

    def _opened(self, account: StoredAccount, old: _Open | None) -> _Open:
        assert account.applied is not None  # noqa: S101 - `refresh` listed these
        try:
            secrets = sealing.unseal(self._box, account, "applied")
        except InvalidSettings as error:
            return _Open(account, None, f"The account's secrets cannot be read: {error}")
        settings = account.applied.account
        tokens = self._tokens(account, settings, secrets)
        limiter = Limiter()
        if old is not None and old.client is not None:
            limiter = old.client.limiter
            if _same_identity(old.client.account, settings):
                tokens.succeed(old.client.tokens)
        log.info("integration account in force", tenant=account.tenant, account=account.name)
        return _Open(account, self._make(settings, tokens, limiter), views.not_ready(account))

    def _tokens(
        self, account: StoredAccount, settings: IntegrationAccount, secrets: AccountSecrets
    ) -> TokenSource:
        shared = self._desk.refresh_tokens
        return TokenSource(
            Entra(settings, secrets, tls=self._tls),
            account=account.name,
            refresh_token=secrets.refresh_token,
            on_refresh_token=lambda old, new: shared.renewed(account, old, new),
            redeeming=lambda: shared.redeeming(account, "applied"),
        )

    def _client(
        self, account: IntegrationAccount, tokens: TokenSource, limiter: Limiter
    ) -> DataverseClient:
        return DataverseClient(account, tokens, tls=self._tls, limiter=limiter)

    def _retire(self, client: DataverseClient | None) -> None:
        if client is not None:
            self._spawn(client.close(), name="close a replaced Dataverse client")


def _nobody() -> None:
    """Tell nobody."""


def _same(old: StoredAccount, new: StoredAccount) -> bool:
    """Whether a client of the one serves the other: a renewed refresh token changes nothing."""
    return old.id == new.id and old.applied_version == new.applied_version


def _report(account: StoredAccount) -> str | None:
    return account.applied.report if account.applied else None


def _same_identity(old: IntegrationAccount, new: IntegrationAccount) -> bool:
    """Whether a token of the one is a token of the other."""
    names = ("authority", "client_id", "scope", "access", "environment_url")
    return all(getattr(old, name) == getattr(new, name) for name in names)
