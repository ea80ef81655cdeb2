"""Check the claims of an ID token: who it is for, from whom, for how long, of which directory.

OpenID Connect Core 1.0, 3.1.3.7; Entra's own: https://learn.microsoft.com/entra/identity-platform/
claims-validation. No library that we use does all of it.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

SKEW = 120.0
"""Seconds that two clocks may differ."""
LONGEST = 512
"""Characters of an identifier (OpenID Connect Core, 2: `sub` has 255 at most)."""


class BadClaim(ValueError):
    """A claim is wrong; `claim` names it, the text says why."""

    def __init__(self, claim: str, why: str) -> None:
        super().__init__(why)
        self.claim = claim


def check(
    claims: Mapping[str, Any],
    *,
    client_id: str,
    issuer: str,
    now: float,
    directories: Collection[str] | None = None,
) -> None:
    """Check all claims but `nonce`.

    `issuer` is the one of the discovery document, where `{tenantid}` stands for any directory of
    Entra; `directories` are the `tid` that may sign in (None: the issuer alone decides); `now` in
    seconds since 1970.

    `exp` and `iat` are required (OpenID Connect Core, 2), as whole or broken, but finite numbers.

    Raises:
        BadClaim: naming the first that is wrong.
    """
    tid = claims.get("tid")
    if not _is_for(claims.get("aud"), client_id, claims.get("azp")):
        raise BadClaim("aud", "it is for another application")
    if claims.get("azp") not in (None, client_id):
        raise BadClaim("azp", "it was given to another application")
    own = issuer.replace("{tenantid}", tid) if is_name(tid) else issuer
    if claims.get("iss") != own or "{tenantid}" in own:
        raise BadClaim("iss", "it is from another issuer")
    if directories is not None and (
        not is_name(tid) or tid.lower() not in {each.lower() for each in directories}
    ):
        raise BadClaim("tid", "it is of another directory")
    _check_times(claims, now)


def check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    """Check that a token answers our very request.

    Raises:
        BadClaim: it answers another.
    """
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise BadClaim("nonce", "it answers another request")


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether a claim can identify somebody."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, begins, issued = claims.get("exp"), claims.get("nbf", 0), claims.get("iat")
    if not _is_number(expires):
        raise BadClaim("exp", "it does not say when it ends")
    if expires + SKEW <= now:
        raise BadClaim("exp", "it has expired")
    if not _is_number(begins):
        raise BadClaim("nbf", "it does not say from when on it is valid")
    if begins - SKEW > now:
        raise BadClaim("nbf", "it is not valid yet")
    if not _is_number(issued):
        raise BadClaim("iat", "it does not say when it was issued")
    if issued - SKEW > now:
        raise BadClaim("iat", "it was issued in the future: compare the clocks")


def _is_for(audience: object, client_id: str, party: object) -> bool:
    if isinstance(audience, list):
        return client_id in audience and (len(audience) == 1 or party == client_id)
    return audience == client_id


def _is_number(value: object) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # JSON's 1e999 is read as infinity: a token that never ends says nothing.
    return isinstance(value, int) or math.isfinite(value)
