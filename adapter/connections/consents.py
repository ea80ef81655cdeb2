"""Ask for a person's consent and take what the consent window brings back."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.connections import sealing
from adapter.dataverse import sign_in
from adapter.dataverse.entra import Consent, Entra
from adapter.dataverse.errors import DataverseError
from adapter.dataverse.id_tokens import Person
from adapter.dataverse.probe import ConnectionReport
from adapter.errors import Conflict, NotFound
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored, consents
from adapter.store.accounts import Side, StoredAccount
from adapter.store.consents import StoredConsent
from adapter.store.database import Database
from adapter.tenants import Tenant

LASTS = timedelta(minutes=10)
"""Time to finish the consent window (Microsoft's codes last as long)."""
LONGEST_STATE = 512

PATHS = ("/v1/dynamics/oauth_callback", "/admin/msdynamicscallback.html")
"""The redirect URIs of the products that we replace; one may be registered already."""


class ConsentResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a consent, for the page that the window ends on."""

    ok: bool
    message: str
    advice: str = ""
    tenant: Tenant | None = None
    account: str = ""
    person: str = ""
    report: ConnectionReport | None = None


class Consents:
    """The consents under way: the server keeps state, verifier and nonce, each used once."""

    def __init__(self, database: Database, box: SecretBox, *, tls: ssl.SSLContext) -> None:
        self._database = database
        self._box = box
        self._tls = tls

    async def begin(
        self,
        account: StoredAccount,
        settings: IntegrationAccount,
        secrets: AccountSecrets,
        *,
        redirect_uri: str,
        now: datetime,
    ) -> str:
        """Give the URL of the consent window.

        Raises:
            Conflict: the account acts as an application, which needs no consent.
            SignInFailed: the directory or the secret is wrong already.
        """
        if settings.access != "delegated":
            raise Conflict(
                "this account acts as an application and needs no refresh token; set its access "
                "to delegated first"
            )
        entra = Entra(settings, secrets, tls=self._tls)
        consent: Consent = await asyncio.to_thread(entra.begin_consent, redirect_uri)
        digest = _digest(consent.state)
        flow = self._box.seal(msgspec.json.encode(consent.flow), place=consents.place(digest))
        kept = StoredConsent(
            tenant=account.tenant, account=account.name, version=account.version, flow=flow
        )
        consents.add(self._database, digest, kept, now + LASTS, now)
        return consent.url

    async def finish(self, answer: Mapping[str, str], now: datetime) -> ConsentResult:
        """Redeem what the browser brought back and keep the refresh token in the draft. Used once.

        Never raises for what is wrong with it: the result says it in words.
        """
        state = answer.get("state", "")
        kept = None
        if state and len(state) <= LONGEST_STATE:
            kept = consents.take(self._database, _digest(state), now)
        if kept is None:
            return ConsentResult(
                ok=False,
                message="This consent window is not known, was used already, or is too old.",
                advice="Press Request token again and finish within ten minutes.",
            )
        try:
            person = await self._redeem(kept, _digest(state), answer, now)
        except DataverseError as error:
            return ConsentResult(
                ok=False,
                message=str(error),
                advice=error.advice,
                tenant=kept.tenant,
                account=kept.account,
            )
        return ConsentResult(
            ok=True,
            message="The consent was given.",
            tenant=kept.tenant,
            account=kept.account,
            person=person.name,
        )

    async def _redeem(
        self, kept: StoredConsent, digest: bytes, answer: Mapping[str, str], now: datetime
    ) -> Person:
        account = self._unchanged(kept)
        side: Side = "draft" if account.draft is not None else "applied"
        held = account.draft or account.applied
        assert held is not None  # noqa: S101 - an account has a side
        flow = msgspec.json.decode(
            self._box.open(kept.flow, place=consents.place(digest)), type=dict
        )
        secrets = sealing.unseal(self._box, account, side)
        entra = Entra(held.account, secrets, tls=self._tls)
        grant = await asyncio.to_thread(entra.finish_consent, flow, answer)
        assert grant.person is not None  # noqa: S101 - `finish_consent` raised otherwise
        account = self._unchanged(kept)
        secrets = msgspec.structs.replace(secrets, refresh_token=grant.refresh_token)
        stored.save_draft(
            self._database,
            account.tenant,
            account.id,
            held.account,
            sealed=sealing.seal(self._box, secrets, account.tenant, account.id, "draft"),
            now=now,
            who=f"consent of {grant.person.name}",
            changed_secrets=True,
            expected_version=account.version,
        )
        return grant.person

    def _unchanged(self, kept: StoredConsent) -> StoredAccount:
        try:
            account = stored.get(self._database, kept.tenant, kept.account)
        except NotFound:
            account = None
        if account is None or account.version != kept.version:
            raise sign_in.SignInFailed(
                "The account was changed while the consent window was open.",
                advice="Press Request token again.",
            )
        return account


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).digest()
