"""Do what an admin asks of integration accounts: the same for HTTP and for the command line."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Protocol

import msgspec

from adapter import accounts
from adapter.accounts import AccountSecrets, ExpiryWarning, IntegrationAccount
from adapter.connections import sealing, views
from adapter.connections.consents import ConsentResult, Consents
from adapter.connections.refreshing import RefreshTokens
from adapter.connections.views import AccountView
from adapter.dataverse import probe
from adapter.dataverse.privileges import BASIC_NEEDS, Need
from adapter.dataverse.probe import ConnectionReport
from adapter.errors import Conflict, InvalidSettings, NotFound, Place
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored, renaming
from adapter.store.accounts import Side, StoredAccount, StoredSide
from adapter.store.database import Database
from adapter.tenants import Tenant


class Needs(Protocol):
    """Says what the steps of a tenant do with an account."""

    def __call__(
        self, tenant: Tenant, account: IntegrationAccount, /, *, unnamed: bool
    ) -> Iterable[Need]:
        """Give it; `unnamed`: the account is that of the steps that name none."""


def basic_needs(_tenant: Tenant, _account: IntegrationAccount, *, unnamed: bool) -> Iterable[Need]:
    """Give what the default steps need."""
    return BASIC_NEEDS if unnamed else ()


class AccountDesk:
    """The accounts of all tenants."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        *,
        tls: ssl.SSLContext,
        allow_loopback: bool,
        needs: Needs = basic_needs,
    ) -> None:
        self._database = database
        self._box = box
        self._tls = tls
        self._allow_loopback = allow_loopback
        self._needs = needs
        self._consents = Consents(database, box, tls=tls)
        self.refresh_tokens = RefreshTokens(database, box)

    def listed(self, tenant: Tenant) -> list[AccountView]:
        """List a tenant's accounts by name."""
        return [self._view(each) for each in stored.listed(self._database, tenant)]

    def shown(self, tenant: Tenant, name: str) -> AccountView:
        """Show one account.

        Raises:
            NotFound: there is none.
        """
        return self._view(stored.get(self._database, tenant, name))

    def save(
        self,
        tenant: Tenant,
        name: str,
        fields: Mapping[str, Any],
        *,
        who: str,
        expected_version: int | None = None,
        merge: bool = False,
    ) -> AccountView:
        """Save a draft; nothing takes effect before `apply`. With `merge` the rest stays as it is.

        Raises:
            InvalidSettings: with a place for each fault.
            Conflict: somebody else has saved meanwhile.
        """
        known = self._known(tenant, name)
        secrets = self._newest_secrets(known)
        given = _with_name(fields, name)
        if merge and known is not None:
            side = known.draft or known.applied
            assert side is not None  # noqa: S101 - an account has a side
            given = views.merged(side.account, given)
        parsed = accounts.parse(given, known=secrets, allow_loopback=self._allow_loopback)
        account_id = stored.new_id() if known is None else known.id
        stored.save_draft(
            self._database,
            tenant,
            account_id,
            parsed.account,
            sealed=sealing.seal(self._box, parsed.secrets, tenant, account_id, "draft"),
            now=_now(),
            who=who,
            changed_secrets=parsed.secrets != secrets,
            expected_version=expected_version,
            known=known,
        )
        return self.shown(tenant, parsed.account.name)

    def apply(
        self, tenant: Tenant, name: str, *, who: str, expected_version: int | None = None
    ) -> AccountView:
        """Put the draft in force.

        Raises:
            Conflict: there is none, or not that of `expected_version`.
        """
        account = self._expected(tenant, name, expected_version)
        if account.draft is None:
            raise Conflict(f"the account {account.name} has no draft to apply")
        secrets = sealing.unseal(self._box, account, "draft")
        sealed = sealing.seal(self._box, secrets, tenant, account.id, "applied")
        report = views.read_report(account.draft)
        passed = report is not None and report.valid
        stored.apply_draft(self._database, account, sealed, _now(), who=who, passed=passed)
        return self.shown(tenant, account.name)

    def discard(
        self, tenant: Tenant, name: str, *, who: str, expected_version: int | None = None
    ) -> AccountView:
        """Drop the draft; what is in force stays.

        Raises:
            NotFound: there is no such account.
            Conflict: there is no draft, not that of `expected_version`, or nothing but a draft.
        """
        account = self._expected(tenant, name, expected_version)
        stored.discard_draft(self._database, account, _now(), who=who)
        return self.shown(tenant, account.name)

    def rename(
        self, tenant: Tenant, name: str, to: str, *, who: str, expected_version: int | None = None
    ) -> AccountView:
        """Rename an account; steps and requests that name it follow.

        Raises:
            NotFound: there is no such account.
            InvalidSettings: the name is none, or another account's.
            Conflict: the account is not at `expected_version`.
        """
        account = self._expected(tenant, name, expected_version)
        renaming.rename(self._database, account, accounts.account_name(to), _now(), who=who)
        return self.shown(tenant, to)

    def remove(
        self, tenant: Tenant, name: str, *, who: str, expected_version: int | None = None
    ) -> None:
        """Remove an account for good.

        Raises:
            NotFound: there is none.
            Conflict: the account is not at `expected_version`.
        """
        account = self._expected(tenant, name, expected_version)
        stored.remove(self._database, account, _now(), who=who)

    async def test(self, tenant: Tenant, name: str, side: Side | None = None) -> ConnectionReport:
        """Test the connection afresh: of the draft if there is one, else of what is in force."""
        account = stored.get(self._database, tenant, name)
        side = side or ("draft" if account.draft is not None else "applied")
        held = account.draft if side == "draft" else account.applied
        if held is None:
            raise NotFound(f"the account {account.name} has no {side} settings")
        report = await probe.try_connection(
            held.account,
            sealing.unseal(self._box, account, side),
            tls=self._tls,
            at=_now(),
            needs=self._needs(tenant, held.account, unnamed=self._is_unnamed(account, held)),
            on_refresh_token=lambda old, new: self.refresh_tokens.renewed(account, old, new),
            redeeming=lambda: self.refresh_tokens.redeeming(account, side),
        )
        text = msgspec.json.encode(report).decode()
        passed = report.at if report.valid else None
        stored.put_report(self._database, account, side, text, passed=passed)
        return report

    def _is_unnamed(self, account: StoredAccount, held: StoredSide) -> bool:
        """Whether steps that name no account use this one: the default, or the only one."""
        others = (
            each.applied.account
            for each in stored.listed(self._database, account.tenant)
            if each.applied is not None and each.id != account.id
        )
        return held.account.default or not any(other.default for other in others)

    async def begin_consent(
        self, tenant: Tenant, name: str, redirect_uri: str, *, browser: str | None = None
    ) -> str:
        """Give the URL of the consent window (Request token).

        `browser` is a secret that the admin's browser keeps (`web.consent_cookies`); without it,
        or brought back by another one, the consent has to be confirmed.
        """
        account = stored.get(self._database, tenant, name)
        side: Side = "draft" if account.draft is not None else "applied"
        held = account.draft or account.applied
        assert held is not None  # noqa: S101 - an account has a side
        secrets = sealing.unseal(self._box, account, side)
        return await self._consents.begin(
            account,
            held.account,
            secrets,
            redirect_uri=redirect_uri,
            now=_now(),
            browser=browser,
        )

    async def finish_consent(
        self, answer: Mapping[str, str], *, browser: str | None = None
    ) -> ConsentResult:
        """Take what the consent window brought back into the draft, and test the connection."""
        return await self._tested(await self._consents.finish(answer, _now(), browser=browser))

    async def confirm_consent(
        self, tenant: Tenant, name: str, code: str, *, who: str
    ) -> ConsentResult:
        """Take a consent that was given in another browser, by the code that its page shows.

        Raises:
            NotFound: none of this account waits for this code.
            SignInFailed: the account was changed meanwhile.
        """
        return await self._tested(self._consents.confirm(tenant, name, code, _now(), who=who))

    async def _tested(self, result: ConsentResult) -> ConsentResult:
        if not result.ok or result.tenant is None:
            return result
        report = await self.test(result.tenant, result.account, "draft")
        return msgspec.structs.replace(
            result,
            ok=report.valid,
            message=report.message,
            advice=report.advice or "",
            report=report,
        )

    def expiry_warnings(self, today: date) -> list[tuple[Tenant, ExpiryWarning]]:
        """List what is in force and ends soon, of all tenants."""
        return [
            (each.tenant, warning)
            for each in stored.listed(self._database)
            if each.applied is not None
            for warning in accounts.expiry_warnings(each.applied.account, today)
        ]

    def _expected(self, tenant: Tenant, name: str, version: int | None) -> StoredAccount:
        account = stored.get(self._database, tenant, name)
        if version is not None and account.version != version:
            raise Conflict(
                f"the account {account.name} is at version {account.version}, not {version}: "
                "read it again"
            )
        return account

    def _known(self, tenant: Tenant, name: str) -> StoredAccount | None:
        try:
            return stored.get(self._database, tenant, name)
        except NotFound:
            return None

    def _newest_secrets(self, known: StoredAccount | None) -> AccountSecrets:
        if known is None:
            return AccountSecrets()
        side: Side = "draft" if known.draft is not None else "applied"
        # A lost key must not stop an admin from entering the secrets again.
        return sealing.try_unseal(self._box, known, side) or AccountSecrets()

    def _view(self, account: StoredAccount) -> AccountView:
        return views.view(
            account,
            sealing.try_unseal(self._box, account, "draft"),
            sealing.try_unseal(self._box, account, "applied"),
            _now().date(),
        )


def _with_name(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = next((value for key, value in fields.items() if key.lower() == "name"), None)
    if given is not None and given != name:
        text = f"the account is {name}: rename it by its own command"
        raise InvalidSettings(text, [Place("/name", text)])
    rest = {key: value for key, value in fields.items() if key.lower() != "name"}
    return {"name": name, **rest}


def _now() -> datetime:
    return datetime.now(UTC)
