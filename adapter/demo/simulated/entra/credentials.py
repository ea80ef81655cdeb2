"""Check a client's credential: a secret, or an assertion signed with a registered certificate."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from adapter.demo.simulated.entra import aadsts, signing
from adapter.demo.simulated.entra.aadsts import Denial
from adapter.demo.simulated.entra.directory import Application, Certificate, Directory

SECRET, ASSERTION = "1", "2"
"""Values of the claim `appidacr`."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW = 300
"""Seconds that a client's clock may be off."""


def application(directory: Directory, client_id: str) -> Application:
    """Find an application, or deny with AADSTS700016."""
    found = directory.applications.get(client_id.lower())
    if found is None:
        raise Denial(
            aadsts.UNKNOWN_APPLICATION,
            f"Application with identifier '{client_id}' was not found in the directory "
            f"'{directory.name}'. This can happen if the application has not been installed by "
            "the administrator of the tenant or consented to by any user in the tenant. You may "
            "have sent your authentication request to the wrong tenant.",
        )
    return found


def authenticate(
    app: Application, form: Mapping[str, str], audiences: Iterable[str], now: datetime
) -> str:
    """Check the credential in a token request and give its kind (the claim `appidacr`).

    `audiences` are the URLs that an assertion may be addressed to.
    """
    if form.get("client_assertion"):
        _check_assertion(app, form, audiences, now)
        return ASSERTION
    if not form.get("client_secret"):
        raise Denial(
            aadsts.NO_CREDENTIAL,
            "The request body must contain the following parameter: 'client_assertion' or "
            "'client_secret'.",
        )
    _check_secret(app, form["client_secret"], now)
    return SECRET


def _check_secret(app: Application, given: str, now: datetime) -> None:
    matching = [
        secret
        for secret in app.secrets
        if hmac.compare_digest(secret.value.encode(), given.encode())
    ]
    if not matching:
        raise Denial(
            aadsts.WRONG_SECRET,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app "
            f"'{app.client_id}'.",
        )
    if all(secret.expires <= now for secret in matching):
        raise Denial(
            aadsts.EXPIRED_SECRET,
            f"The provided client secret keys for app '{app.client_id}' are expired. Visit the "
            "Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or "
            "consider using certificate credentials for added security: "
            "https://aka.ms/certCreds.",
        )


def _check_assertion(
    app: Application, form: Mapping[str, str], audiences: Iterable[str], now: datetime
) -> None:
    token = form["client_assertion"]
    parsed = signing.split(token)
    if parsed is None or form.get("client_assertion_type") != _ASSERTION_TYPE:
        raise Denial(aadsts.MISSING_FIELD, "The client assertion is malformed.")
    header, claims = parsed
    certificate = _named(app, header)
    if certificate is None:
        raise _unknown(app, header, "The key was not found.")
    if not signing.verify(certificate.key, token, header):
        raise _unknown(
            app, header, "The key was found, but use of the key to verify the signature failed."
        )
    starts, ends = claims.get("nbf", 0), claims.get("exp", 0)
    if not _within(starts, ends, now.timestamp()):
        raise Denial(
            aadsts.ASSERTION_EXPIRED, "Client assertion is not within its valid time range."
        )
    if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id:
        raise _unknown(app, header, "The issuer and subject must be the client id.")
    if claims.get("aud") not in set(audiences):
        raise Denial(
            aadsts.ASSERTION_AUDIENCE,
            "Client assertion audience claim does not match Realm issuer.",
        )


def _within(starts: object, ends: object, now: float) -> bool:
    if not isinstance(starts, int | float) or not isinstance(ends, int | float):
        return False
    return starts - _SKEW <= now <= ends + _SKEW


def _named(app: Application, header: Mapping[str, object]) -> Certificate | None:
    # MSAL pads the thumbprints although RFC 7515 says not to; Entra takes both.
    sha256 = str(header.get("x5t#S256", "")).rstrip("=")
    sha1 = str(header.get("x5t", "")).rstrip("=")
    for certificate in app.certificates:
        if sha256 == certificate.sha256 or sha1 == certificate.sha1:
            return certificate
    return None


def _unknown(app: Application, header: Mapping[str, object], reason: str) -> Denial:
    thumbprint = header.get("x5t#S256") or header.get("x5t") or ""
    return Denial(
        aadsts.UNKNOWN_CERTIFICATE,
        "The certificate with identifier used to sign the client assertion is not registered on "
        f"application. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}', "
        "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see "
        f"configured keys for app Id '{app.client_id}'.",
    )
