"""Speak OpenID Connect with one tenant's provider: the way there, the code, the token."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from adapter import credentials
from adapter.identity import claims as claim_checks, tokens
from adapter.identity.claims import BadClaim
from adapter.identity.providers import SignInSettings
from adapter.identity.tokens import Told
from adapter.signing_in import documents, signatures
from adapter.signing_in.documents import ProviderDocument
from adapter.signing_in.errors import DENIED, REFUSED, WRONG_DIRECTORY, SignInError
from adapter.signing_in.fetching import Web, unavailable

DOCUMENT_AGE = 3600.0
"""Seconds that a discovery document and keys are believed."""
KEYS_AGAIN = 60.0
"""Seconds between two looks for a key that is not known: a stranger's token must cost no more."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in asked for, kept on the server until its answer comes. Used once."""

    state: str
    nonce: str
    verifier: str
    """Of our own PKCE with the provider (RFC 7636), not the panel's."""
    redirect_uri: str

    def __repr__(self) -> str:
        """Show no secret: a traceback or a log line shows this."""
        return "Request(…)"


class Provider:
    """The provider of one version of a tenant's settings."""

    def __init__(
        self,
        settings: SignInSettings,
        secret: str | None,
        web: Web,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._secret = secret
        self._web = web
        self._clock = clock
        self._document: tuple[float, ProviderDocument] | None = None
        self._keys: tuple[float, list[Mapping[str, Any]]] | None = None

    async def document(self) -> ProviderDocument:
        """Give the discovery document, read at most once an hour.

        Raises:
            SignInError: it cannot be read, or is not this provider's.
        """
        now = self._clock()
        if self._document is None or now - self._document[0] > DOCUMENT_AGE:
            found = await self._web.get(self.settings.discovery_url)
            self._document = now, documents.read(found, self.settings)
        return self._document[1]

    async def keys(self, *, newer_than: float = DOCUMENT_AGE) -> list[Mapping[str, Any]]:
        """Give the provider's keys, at most `newer_than` seconds old."""
        now = self._clock()
        if self._keys is None or now - self._keys[0] > newer_than:
            document = await self.document()
            found = (await self._web.get(document.jwks_uri)).get("keys")
            if not isinstance(found, list):
                raise unavailable("its key set has no keys")
            self._keys = now, [each for each in found if isinstance(each, dict)]
        return self._keys[1]

    async def begin(self, redirect_uri: str, *, choose: bool) -> tuple[str, Request]:
        """Give the address of the provider's sign-in page, and what its answer must fit.

        `choose`: somebody signed out here, so the provider must not let the same person in
        without a word.

        Raises:
            SignInError: the provider cannot be asked.
        """
        document = await self.document()
        request = Request(
            state=credentials.new_bearer(),
            nonce=credentials.new_bearer(),
            verifier=credentials.new_bearer(),
            redirect_uri=redirect_uri,
        )
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": challenge(request.verifier),
            "code_challenge_method": "S256",
        }
        if document.form_post:
            query["response_mode"] = "form_post"
        if self.settings.domain_hint:
            query["domain_hint"] = self.settings.domain_hint
        if choose:
            # OpenID Connect Core, 3.1.2.1; only Entra is known to have the choice of accounts.
            query["prompt"] = "select_account" if self.settings.provider == "entra" else "login"
        separator = "&" if urlsplit(document.authorization_endpoint).query else "?"
        return f"{document.authorization_endpoint}{separator}{urlencode(query)}", request

    async def finish(self, request: Request, answer: Mapping[str, str]) -> Told:
        """Give the person whom the provider's answer proves.

        Raises:
            SignInError: it was denied, proves nothing, or is somebody's who may not come.
        """
        document = await self.document()
        told = answer.get("iss")
        if told is not None and not _same_issuer(told, document.issuer):
            raise signatures.wrong("the answer is of another provider")  # RFC 9207: mix-up
        if told is None and document.tells_issuer:
            raise signatures.wrong("the answer does not say which provider it is of")
        if "error" in answer:
            raise _refused(answer, by_person=True)
        code = answer.get("code")
        if not code:
            raise signatures.wrong("the answer has no code")
        token = await self._redeem(document, request, code)
        claims = await self._claims(token)
        try:
            claim_checks.check(
                claims,
                client_id=self.settings.client_id,
                issuer=document.issuer,
                now=self._clock(),
                directories=self.settings.allowed_directories(document.issuer),
            )
            claim_checks.check_nonce(claims, request.nonce)
            return tokens.read(claims, self.settings)
        except BadClaim as error:
            if error.claim == "tid":
                raise SignInError(
                    WRONG_DIRECTORY,
                    "Your account is of a directory that may not sign in here: use your work "
                    "account, or ask your administrator.",
                ) from error
            raise signatures.wrong(f"{error.claim}: {error}") from error

    async def _redeem(self, document: ProviderDocument, request: Request, code: str) -> str:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        headers: dict[str, str] = {}
        if self._secret is None:
            fields["client_id"] = self.settings.client_id
        elif document.secret_in_header:
            # RFC 6749, 2.3.1: both halves are form-encoded first.
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(self._secret)}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            fields |= {"client_id": self.settings.client_id, "client_secret": self._secret}
        status, answer = await self._web.post(document.token_endpoint, fields, headers)
        token = answer.get("id_token")
        if status != 200 or "error" in answer:  # noqa: PLR2004
            raise _refused(answer, by_person=False)
        if not isinstance(token, str):
            raise signatures.wrong("the answer holds no ID token")
        return token

    async def _claims(self, token: str) -> dict[str, Any]:
        header = signatures.header(token)
        keys = signatures.candidates(await self.keys(), header)
        if not keys:  # the provider may have a new one
            keys = signatures.candidates(await self.keys(newer_than=KEYS_AGAIN), header)
        return signatures.claims(token, keys, header["alg"])


def challenge(verifier: str) -> str:
    """Give the S256 challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same_issuer(told: str, issuer: str) -> bool:
    if "{tenantid}" not in issuer:
        return told == issuer
    start, _, end = issuer.partition("{tenantid}")
    return told.startswith(start) and told.endswith(end)


def _refused(answer: Mapping[str, Any], *, by_person: bool) -> SignInError:
    """Say what the provider refused; its own words are shown, they name what an admin looks up."""
    error = str(answer.get("error") or "no reason")[:100]
    said = "".join(c for c in str(answer.get("error_description") or "") if c.isprintable())[:500]
    told = f"{error}: {said}" if said else error
    if by_person and error in ("access_denied", "consent_required", "login_required"):
        return SignInError(DENIED, f"The sign-in was cancelled or not allowed ({told}).")
    if error == "invalid_client":
        return SignInError(
            REFUSED,
            f"The provider refuses this server ({told}): the client secret may be wrong or over.",
        )
    return SignInError(REFUSED, f"The provider refused ({told}).")
