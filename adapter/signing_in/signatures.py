"""Check the signature of an ID token by the keys that its issuer publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from jwt.types import Options

from adapter.signing_in.errors import WRONG_TOKEN, SignInError

# Signatures by a key pair only: with HS256 whoever knows the client's secret is the provider, and
# `none` is nobody's (RFC 8725, 3.1 and 3.2).
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
# The claims are checked by `identity.claims`, in our words and with our clock.
_SIGNATURE_ALONE: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
LONGEST = 64 * 1024
"""Characters of a token."""


def header(token: str) -> dict[str, Any]:
    """Read a token's header, of which nothing is believed yet.

    Raises:
        SignInError: it is no JWT, or of an algorithm that we do not take.
    """
    if len(token) > LONGEST:
        raise wrong("the ID token is too long")
    try:
        found = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise wrong("the ID token cannot be read") from error
    if found.get("alg") not in ALGORITHMS:
        raise wrong(f"the ID token is signed by {str(found.get('alg'))[:20]!r}, which is not taken")
    return found


def candidates(
    keys: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Give the published keys that may have signed a token of this header."""
    kid, algorithm = wanted.get("kid"), wanted["alg"]
    return [
        key
        for key in keys
        if (kid is None or key.get("kid") == kid)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and key.get("kty") != "oct"
    ]


def claims(token: str, keys: Iterable[Mapping[str, Any]], algorithm: str) -> dict[str, Any]:
    """Give the claims of a token that one of the keys has signed.

    Entra's keys may name the issuer they are for: then it must be the token's.

    Raises:
        SignInError: none of them has.
    """
    for key in keys:
        try:
            found = jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm=algorithm),
                algorithms=[algorithm],
                options=_SIGNATURE_ALONE,
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if _is_of_issuer(key, found):
            return found
    raise wrong("the ID token's signature is not its provider's")


def wrong(detail: str) -> SignInError:
    """Make the error of a token that proves nothing."""
    return SignInError(WRONG_TOKEN, f"The sign-in was refused: {detail}.")


def _is_of_issuer(key: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    named = key.get("issuer")
    if not isinstance(named, str):
        return True
    return found.get("iss") == named.replace("{tenantid}", str(found.get("tid")))
