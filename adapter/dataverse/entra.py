"""Ask Entra for tokens by MSAL over httpx. All of it blocks: run it in a thread.

A new MSAL application is made for each question: MSAL replays a 400 for a minute and keeps dead
refresh tokens, and we keep the tokens ourselves. The discovery document alone is kept, for a day.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import httpx
import msal  # type: ignore[import-untyped]
import msgspec

from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.dataverse import errors, id_tokens, sign_in, transport
from adapter.dataverse.id_tokens import Person

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
DOCUMENT_AGE = 24 * 3600.0
"""Seconds that a discovery document is believed (MSAL keeps it as long)."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What Entra gave: an access token, and in a delegated grant what renews it."""

    access_token: str
    expires_in: float
    """Seconds."""
    refresh_token: str | None = None
    scopes: str = ""
    """What was granted, as Entra says it (space-separated)."""
    person: Person | None = None

    def __repr__(self) -> str:
        """Show no token: a traceback or a log line shows this."""
        return f"Grant(expires_in={self.expires_in}, scopes={self.scopes!r})"


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A consent that was asked for: where the browser goes, and what finishes it."""

    state: str
    url: str
    flow: dict[str, Any]
    """Holds the PKCE verifier and the nonce: kept on the server, used once."""

    def __repr__(self) -> str:
        """Show no verifier."""
        return "Consent(…)"


class Entra:
    """One account at its directory."""

    def __init__(
        self,
        account: IntegrationAccount,
        secrets: AccountSecrets,
        *,
        tls: ssl.SSLContext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._secrets = secrets
        self._tls = tls
        self._clock = clock
        self._documents: dict[str, tuple[float, httpx.Response]] = {}

    def token(self, refresh_token: str | None = None) -> Grant:
        """Get a token from Entra, never from a cache.

        Raises:
            SignInFailed: with the cause in an admin's words.
        """
        scopes = [self._account.scope]
        if self._account.access == "application":
            return self._ask(lambda app: app.acquire_token_for_client(scopes))
        if not refresh_token:
            raise sign_in.failed("token_missing")
        return self._ask(lambda app: app.acquire_token_by_refresh_token(refresh_token, scopes))

    def begin_consent(self, redirect_uri: str) -> Consent:
        """Ask for consent: the answer's URL opens the consent window.

        `prompt=consent`: OpenID Connect gives a refresh token only with it (Core, 11).
        """

        def begin(app: msal.ConfidentialClientApplication) -> dict[str, Any]:
            return cast(
                dict[str, Any],
                app.initiate_auth_code_flow(
                    [self._account.scope],
                    redirect_uri=redirect_uri,
                    response_mode="form_post",
                    prompt="consent",
                ),
            )

        flow = self._run(begin)
        return Consent(state=flow["state"], url=flow["auth_uri"], flow=flow)

    def finish_consent(self, flow: dict[str, Any], answer: Mapping[str, str]) -> Grant:
        """Redeem what the browser brought back for tokens.

        Raises:
            SignInFailed: it was declined, replayed, or is not the answer to this flow.
        """
        if "error" in answer:
            raise sign_in.refused(answer)

        def finish(app: msal.ConfidentialClientApplication) -> Any:
            try:
                return app.acquire_token_by_auth_code_flow(dict(flow), dict(answer))
            except (ValueError, RuntimeError, KeyError) as error:  # state, nonce, no code
                raise sign_in.failed("id_token", "It answers another request.") from error

        grant = self._ask(finish)
        if grant.person is None:
            raise sign_in.failed("id_token", "There is none.")
        if grant.refresh_token is None:
            raise sign_in.failed("consent_missing", "Entra gave no refresh token.")
        return grant

    def _ask(self, question: Callable[[msal.ConfidentialClientApplication], Any]) -> Grant:
        answer = self._run(question)
        if not isinstance(answer, dict) or "access_token" not in answer:
            raise self._refused(answer if isinstance(answer, dict) else {}, None)
        return Grant(
            access_token=answer["access_token"],
            expires_in=float(answer.get("expires_in") or 0),
            refresh_token=answer.get("refresh_token"),
            scopes=str(answer.get("scope") or ""),
            person=self._person(answer.get("id_token_claims")),
        )

    def _refused(self, answer: Mapping[str, Any], status: int | None) -> sign_in.SignInFailed:
        return sign_in.refused(
            answer,
            status=status,
            application=self._account.access == "application",
            certificate=bool(self._secrets.certificate_pem),
        )

    def _run(self, question: Callable[[msal.ConfidentialClientApplication], Any]) -> Any:
        account, clock = self._account, self._clock
        with _Http(account.authority, self._tls, self._documents, clock, self._refused) as http:
            app = self._application(http)
            return question(app)

    def _application(self, http: _Http) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self._account.client_id,
                client_credential=self._credential(),
                authority=self._account.authority,
                # The host is one of Microsoft's already: asking the public cloud about it would
                # tell it the names of others.
                instance_discovery=False,
                http_client=http,
            )
        except ValueError as error:
            raise sign_in.failed("wrong_directory") from error

    def _credential(self) -> str | dict[str, str]:
        secrets = self._secrets
        if secrets.certificate_pem and secrets.certificate_key:
            credential = {
                "private_key": secrets.certificate_key,
                "public_certificate": secrets.certificate_pem,
            }
            if secrets.certificate_passphrase:
                credential["passphrase"] = secrets.certificate_passphrase
            return credential
        if not secrets.client_secret:
            raise sign_in.failed("secret_missing")
        return secrets.client_secret

    def _person(self, claims: object) -> Person | None:
        if not isinstance(claims, dict):
            return None
        directory = self._account.directory_id
        return id_tokens.check(
            claims,
            client_id=self._account.client_id,
            issuer=self._issuer(),
            directory=directory if _GUID.fullmatch(directory) else None,
            now=self._clock(),
        )

    def _issuer(self) -> str:
        for _, response in self._documents.values():
            issuer = response.json().get("issuer")
            if isinstance(issuer, str):
                return issuer
        raise sign_in.failed("id_token", "The directory names no issuer.")


class _Http:
    """Be MSAL's `http_client`, and raise what Entra refuses before MSAL can cache it.

    MSAL is written for requests: it passes bytes and None in forms, which httpx would send as text.
    """

    def __init__(
        self,
        authority: str,
        tls: ssl.SSLContext,
        documents: dict[str, tuple[float, httpx.Response]],
        clock: Callable[[], float],
        refused: Callable[[Mapping[str, Any], int | None], sign_in.SignInFailed],
    ) -> None:
        self._refused = refused
        self._documents = documents
        self._clock = clock
        self._origin = transport.origin(authority)
        self._client = httpx.Client(
            verify=tls,
            timeout=TIMEOUT,
            trust_env=transport.uses_proxy(authority),
            headers={"User-Agent": transport.USER_AGENT},
        )

    def __enter__(self) -> _Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx.Response:
        """Send a form."""
        return self._send("POST", url, params=_texts(params), data=_texts(data), headers=headers)

    def get(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx.Response:
        """Read a document, at most once a day."""
        kept_until, kept = self._documents.get(url, (0.0, None))
        if kept is not None and self._clock() < kept_until:
            return kept
        response = self._send("GET", url, params=_texts(params), headers=headers)
        self._documents[url] = (self._clock() + DOCUMENT_AGE, response)
        return response

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, method: str, url: str, **more: Any) -> httpx.Response:
        if transport.origin(url) != self._origin:
            raise sign_in.failed("other_cloud", f"It names {transport.origin(url)}.")
        try:
            response = self._client.request(method, url, **more)
        except httpx.TransportError as error:
            host = self._origin.partition("://")[2]
            raise sign_in.unavailable(transport.explain(error, host) + ".") from error
        self._require_success(response)
        return response

    def _require_success(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 429 or status >= 500:  # noqa: PLR2004
            wait = errors.retry_after(response.headers.get("retry-after"), errors.now())
            raise sign_in.unavailable(f"(HTTP {status})", retry_after=wait)
        if status == 200:  # noqa: PLR2004
            return
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.get("error"):
            raise self._refused(answer, status)
        if status == 404:  # noqa: PLR2004
            raise sign_in.failed("wrong_directory")
        raise sign_in.unavailable(f"(HTTP {status} without an OAuth answer)")


def _texts(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in values.items()
        if value is not None
    }
