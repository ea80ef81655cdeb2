"""Issue tokens: what the token endpoint answers to each grant type."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapter.demo.simulated.entra import aadsts, credentials, scopes
from adapter.demo.simulated.entra.aadsts import Denial
from adapter.demo.simulated.entra.directory import COMMON, Application, Directory, Grant, Person
from adapter.demo.simulated.entra.signing import encode

Answer = dict[str, object]
_CODE_LIFE = 600
"""Seconds that an authorization code lives (Microsoft: about ten minutes)."""


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The token endpoint at one moment. `base` is the login host, `life` an access token's
    seconds; `v1` tells which of the two endpoints was called.
    """

    directory: Directory
    base: str
    now: datetime
    life: int
    v1: bool

    def grant(self, tenant: str, form: Mapping[str, str]) -> Answer:
        """Answer a form. Raises a Denial."""
        app = credentials.application(self.directory, form.get("client_id", ""))
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            if tenant.lower() in COMMON:
                raise Denial(
                    aadsts.NO_TENANT,
                    "No tenant-identifying information found in either the request or implied by "
                    "any provided credentials.",
                )
            return self._as_application(app, form)
        if kind == "authorization_code":
            return self._by_code(app, form)
        if kind == "refresh_token":
            return self._by_refresh_token(app, form)
        raise Denial(aadsts.UNKNOWN_GRANT, f"The app requested an unsupported grant type '{kind}'.")

    def _authenticate(self, app: Application, form: Mapping[str, str]) -> str:
        here = f"{self.base}/{self.directory.id}"
        named = f"{self.base}/{self.directory.domain}"
        paths = ("", "/v2.0", "/oauth2/v2.0/token", "/oauth2/token")
        audiences = {root + path for root in (here, named) for path in paths}
        return credentials.authenticate(app, form, audiences, self.now)

    def _as_application(self, app: Application, form: Mapping[str, str]) -> Answer:
        method = self._authenticate(app, form)
        resource, _ = scopes.asked(self.directory, form, v1=self.v1, app_only=True)
        claims = {
            "appid": app.client_id,
            "appidacr": method,
            "idtyp": "app",
            "oid": app.object_id,
            "sub": app.object_id,
        }
        return self._answer(resource, self._access_token(resource, claims))

    def _by_code(self, app: Application, form: Mapping[str, str]) -> Answer:
        method = self._authenticate(app, form)
        grant = self.directory.codes.get(form.get("code", ""))
        if grant is None or grant.client_id != app.client_id:
            raise Denial(aadsts.MALFORMED, "Invalid request. Request is malformed or invalid.")
        if grant.redeemed:
            raise Denial(
                aadsts.CODE_REDEEMED,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid "
                "code or use an existing refresh token.",
            )
        if (self.now - grant.issued).total_seconds() > _CODE_LIFE:
            raise Denial(
                aadsts.CODE_EXPIRED,
                "The provided authorization code or refresh token has expired due to inactivity. "
                "Send a new interactive authorization request for this user and resource.",
            )
        if form.get("redirect_uri") != grant.redirect_uri:
            raise Denial(
                aadsts.WRONG_REDIRECT,
                f"The reply address '{form.get('redirect_uri', '')}' does not match the reply "
                f"address '{grant.redirect_uri}' provided when requesting Authorization code.",
            )
        _check_verifier(grant, form.get("code_verifier", ""))
        grant.redeemed = True
        return self._for_person(app, method, grant)

    def _by_refresh_token(self, app: Application, form: Mapping[str, str]) -> Answer:
        method = self._authenticate(app, form)
        grant = self.directory.refresh_tokens.get(form.get("refresh_token", ""))
        if grant is None or grant.client_id != app.client_id:
            raise Denial(aadsts.MALFORMED, "Invalid request. Request is malformed or invalid.")
        if grant.revoked:
            raise Denial(
                aadsts.REFRESH_TOKEN_REVOKED,
                "The provided grant has expired due to it being revoked, a fresh auth token is "
                "needed. The user might have changed or reset their password.",
            )
        if grant.expired:
            raise Denial(
                aadsts.REFRESH_TOKEN_EXPIRED,
                "The refresh token has expired due to inactivity. The token was issued on "
                f"{grant.issued:%Y-%m-%dT%H:%M:%S}.0000000Z and was inactive for 90.00:00:00.",
            )
        if "scope" in form or "resource" in form:
            resource, asked = scopes.asked(self.directory, form, v1=self.v1, app_only=False)
            grant = Grant(grant.client_id, grant.person, asked, resource, self.now)
        return self._for_person(app, method, grant)

    def _for_person(self, app: Application, method: str, grant: Grant) -> Answer:
        if not app.consented:
            raise consent_missing(app)
        person = grant.person
        claims: dict[str, object] = {
            "appid": app.client_id,
            "appidacr": method,
            "idtyp": "user",
            "oid": person.object_id,
            "sub": _pairwise(person, grant.resource),
            "name": person.name,
            "upn": person.upn,
            "unique_name": person.upn,
            "scp": scopes.permission(grant.scopes),
        }
        resource = grant.resource or app.client_id
        answer = self._answer(resource, self._access_token(resource, claims))
        answer["scope"] = self._granted(grant)
        if self.v1 or "offline_access" in grant.scopes or "openid" in grant.scopes:
            answer["refresh_token"] = self.directory.keep_refresh_token(
                Grant(app.client_id, person, grant.scopes, grant.resource, self.now)
            )
        if "openid" in grant.scopes:
            answer["id_token"] = self._id_token(app, grant)
        answer["client_info"] = encode(
            json.dumps({"uid": person.object_id, "utid": self.directory.id}).encode()
        )
        return answer

    def _granted(self, grant: Grant) -> str:
        if not grant.resource:
            return "openid profile email"
        return f"{grant.resource}/user_impersonation {grant.resource}/.default"

    def _id_token(self, app: Application, grant: Grant) -> str:
        seconds = int(self.now.timestamp())
        issuer = f"{self.base}/{self.directory.id}" + ("/" if self.v1 else "/v2.0")
        claims: dict[str, object] = {
            "aud": app.client_id,
            "iss": issuer,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + self.life,
            "name": grant.person.name,
            "oid": grant.person.object_id,
            "preferred_username": grant.person.upn,
            "sub": _pairwise(grant.person, app.client_id),
            "tid": self.directory.id,
            "ver": "1.0" if self.v1 else "2.0",
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return self.directory.key.sign(claims)

    def _access_token(self, resource: str, claims: Mapping[str, object]) -> str:
        """Sign an access token of version 1.0: what Dataverse takes, from both endpoints."""
        seconds = int(self.now.timestamp())
        issuer = f"{self.base}/{self.directory.id}/"
        return self.directory.key.sign(
            {
                "aud": resource,
                "iss": issuer,
                "idp": issuer,
                "iat": seconds,
                "nbf": seconds - 300,
                "exp": seconds + self.life,
                "tid": self.directory.id,
                "uti": secrets.token_urlsafe(16),
                "ver": "1.0",
                **claims,
            }
        )

    def _answer(self, resource: str, token: str) -> Answer:
        if not self.v1:
            return {
                "token_type": "Bearer",
                "expires_in": self.life,
                "ext_expires_in": self.life,
                "access_token": token,
            }
        seconds = int(self.now.timestamp())
        return {  # v1 writes its numbers as texts
            "token_type": "Bearer",
            "expires_in": str(self.life),
            "ext_expires_in": str(self.life),
            "expires_on": str(seconds + self.life),
            "not_before": str(seconds - 300),
            "resource": resource,
            "access_token": token,
        }


def consent_missing(app: Application) -> Denial:
    """Deny because nobody has consented to the delegated permission."""
    return Denial(
        aadsts.CONSENT_MISSING,
        "The user or administrator has not consented to use the application with ID "
        f"'{app.client_id}' named '{app.name}'. Send an interactive authorization request for "
        "this user and resource.",
    )


def _check_verifier(grant: Grant, verifier: str) -> None:
    """Compare by S256 (RFC 7636); a challenge without a verifier is denied as well."""
    if not grant.challenge and not verifier:
        return
    digest = hashlib.sha256(verifier.encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
        raise Denial(
            aadsts.WRONG_VERIFIER,
            "The Code_Verifier does not match the code_challenge supplied in the authorization "
            "request for PKCE.",
        )


def _pairwise(person: Person, audience: str) -> str:
    return encode(hashlib.sha256(f"{person.object_id}/{audience}".encode()).digest())
