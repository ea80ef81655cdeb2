"""Ask for a person's consent and take what the consent window brings back."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import choice
from typing import Any, Literal

import msgspec

from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.connections import sealing
from adapter.dataverse import sign_in
from adapter.dataverse.entra import Consent, Entra
from adapter.dataverse.errors import DataverseError
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


Outcome = Literal["given", "unconfirmed", "unknown", "failed"]


class ConsentResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a consent, for the page that the window ends on."""

    ok: bool
    outcome: Outcome
    """`unconfirmed`: given in a browser that did not ask for it; an admin has to confirm it."""
    message: str
    advice: str = ""
    tenant: Tenant | None = None
    account: str = ""
    person: str = ""
    code: str = ""
    """What confirms it, where it is `unconfirmed`."""
    report: ConnectionReport | None = None


class _Flow(msgspec.Struct):
    """What finishes a consent, sealed: MSAL's flow, and which browser asked for it."""

    msal: dict[str, Any]
    browser: str | None
    """SHA-256 of the browser's secret; None where no browser asked."""


class _Given(msgspec.Struct):
    """A consent that was given and waits to be confirmed, sealed."""

    refresh_token: str
    person: str


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
        browser: str | None = None,
    ) -> str:
        """Give the URL of the consent window.

        `browser` is a secret that the asking browser brings back; what another one brings has to
        be confirmed, so that a link in foreign hands gets nobody in.

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
        asked = _Flow(consent.flow, None if browser is None else _digest(browser).hex())
        flow = self._box.seal(msgspec.json.encode(asked), place=consents.place(digest))
        kept = StoredConsent(
            tenant=account.tenant, account=account.name, version=account.version, flow=flow
        )
        consents.add(self._database, digest, kept, now + LASTS, now)
        return consent.url

    async def finish(
        self, answer: Mapping[str, str], now: datetime, *, browser: str | None = None
    ) -> ConsentResult:
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
                outcome="unknown",
                message="This consent window is not known, was used already, or is too old.",
                advice="Press Request token again and finish within ten minutes.",
            )
        try:
            flow = self._flow(kept, _digest(state))
            given = await self._redeem(kept, flow, answer)
            if not _is_of(flow, browser):
                return self._held_back(kept, given, now)
            self._keep(kept, given, now, who=f"consent of {given.person}")
        except DataverseError as error:
            return ConsentResult(
                ok=False,
                outcome="failed",
                message=str(error),
                advice=error.advice,
                tenant=kept.tenant,
                account=kept.account,
            )
        return _result_of(kept, given)

    def confirm(
        self, tenant: Tenant, account: str, code: str, now: datetime, *, who: str
    ) -> ConsentResult:
        """Take a consent that was given in another browser than the one that asked for it.

        Raises:
            NotFound: none of this account waits for this code.
            SignInFailed: the account was changed meanwhile.
        """
        digest = _code_digest(code)
        kept = consents.take(self._database, digest, now)
        if kept is None or kept.tenant != tenant or kept.account.casefold() != account.casefold():
            raise NotFound("no consent waits for this code: it was used, is too old, or another's")
        sealed = self._box.open(kept.flow, place=_place_of_given(digest))
        given = msgspec.json.decode(sealed, type=_Given)
        self._keep(kept, given, now, who=f"consent of {given.person}, confirmed by {who}")
        return _result_of(kept, given)

    def _flow(self, kept: StoredConsent, digest: bytes) -> _Flow:
        sealed = self._box.open(kept.flow, place=consents.place(digest))
        return msgspec.json.decode(sealed, type=_Flow)

    async def _redeem(self, kept: StoredConsent, flow: _Flow, answer: Mapping[str, str]) -> _Given:
        account = self._unchanged(kept)
        side: Side = "draft" if account.draft is not None else "applied"
        held = account.draft or account.applied
        assert held is not None  # noqa: S101 - an account has a side
        secrets = sealing.unseal(self._box, account, side)
        entra = Entra(held.account, secrets, tls=self._tls)
        grant = await asyncio.to_thread(entra.finish_consent, flow.msal, answer)
        assert grant.person is not None  # noqa: S101 - `finish_consent` raised otherwise
        assert grant.refresh_token is not None  # noqa: S101 - likewise
        return _Given(grant.refresh_token, grant.person.name)

    def _held_back(self, kept: StoredConsent, given: _Given, now: datetime) -> ConsentResult:
        self._unchanged(kept)
        code = _new_code()
        digest = _code_digest(code)
        sealed = self._box.seal(msgspec.json.encode(given), place=_place_of_given(digest))
        waiting = msgspec.structs.replace(kept, flow=sealed)
        consents.add(self._database, digest, waiting, now + LASTS, now)
        return ConsentResult(
            ok=False,
            outcome="unconfirmed",
            message="The consent was given in another browser than the one that asked for it.",
            advice="Whoever pressed Request token confirms it with the code, within ten minutes.",
            tenant=kept.tenant,
            account=kept.account,
            person=given.person,
            code=code,
        )

    def _keep(self, kept: StoredConsent, given: _Given, now: datetime, *, who: str) -> None:
        account = self._unchanged(kept)
        side: Side = "draft" if account.draft is not None else "applied"
        held = account.draft or account.applied
        assert held is not None  # noqa: S101 - an account has a side
        secrets = msgspec.structs.replace(
            sealing.unseal(self._box, account, side), refresh_token=given.refresh_token
        )
        stored.save_draft(
            self._database,
            account.tenant,
            account.id,
            held.account,
            sealed=sealing.seal(self._box, secrets, account.tenant, account.id, "draft"),
            now=now,
            who=who,
            changed_secrets=True,
            expected_version=account.version,
        )

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


def _is_of(flow: _Flow, browser: str | None) -> bool:
    """Tell if a browser is the one that asked, by its secret."""
    if flow.browser is None or browser is None:
        return False
    return hmac.compare_digest(flow.browser, _digest(browser).hex())


def _result_of(kept: StoredConsent, given: _Given) -> ConsentResult:
    return ConsentResult(
        ok=True,
        outcome="given",
        message="The consent was given.",
        tenant=kept.tenant,
        account=kept.account,
        person=given.person,
    )


def _new_code() -> str:
    """Give a code that a person types: 40 bits, for ten minutes, beside an admin's credential."""
    letters = "".join(choice(_ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _code_digest(code: str) -> bytes:
    """Give the key under which a code's consent is kept: never that of a state."""
    typed = "".join(letter for letter in code.upper() if letter.isalnum())[:64]
    return hashlib.blake2b(typed.encode(), digest_size=32, person=b"confirm").digest()


def _place_of_given(digest: bytes) -> str:
    return f"consents/{digest.hex()}/given"


_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without what looks alike: 0 and O, 1 and I."""
