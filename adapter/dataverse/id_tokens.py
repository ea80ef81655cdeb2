"""Check an ID token's claims: MSAL does not any more (since 1.38 it compares the nonce alone).

The token comes from the token endpoint over TLS, so its signature may be left unchecked (OpenID
Connect Core, 3.1.3.7, 6); who it is for, from whom and of which directory may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from adapter.dataverse import sign_in

SKEW = 120.0
"""Seconds that two clocks may differ."""


class Person(msgspec.Struct, frozen=True):
    """Who consented: (`tid`, `oid`) is the person, the name only a label."""

    tid: str
    oid: str
    name: str


def check(
    claims: Mapping[str, Any], *, client_id: str, issuer: str, directory: str | None, now: float
) -> Person:
    """Give the person of an ID token.

    `issuer` is the one of the discovery document, where `{tenantid}` stands for any directory;
    `directory` is a GUID where the account is bound to one; `now` in seconds since 1970.

    Raises:
        SignInFailed: naming the claim that is wrong.
    """
    tid, oid = claims.get("tid"), claims.get("oid")
    if not isinstance(tid, str) or not isinstance(oid, str) or not tid or not oid:
        raise sign_in.failed("id_token", "tid or oid is missing.")
    if not _is_for(claims.get("aud"), client_id, claims.get("azp")):
        raise sign_in.failed("id_token", "aud is another application.")
    if claims.get("iss") != issuer.replace("{tenantid}", tid):
        raise sign_in.failed("id_token", "iss is another issuer.")
    if directory is not None and tid.lower() != directory.lower():
        raise sign_in.failed("id_token", "tid is another directory.")
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires) or expires + SKEW <= now:
        raise sign_in.failed("id_token", "exp: it has expired.")
    if not _is_number(begins) or begins - SKEW > now:
        raise sign_in.failed("id_token", "nbf: it is not valid yet.")
    name = claims.get("preferred_username") or claims.get("name") or oid
    return Person(tid, oid, str(name))


def _is_for(audience: object, client_id: str, party: object) -> bool:
    if isinstance(audience, list):
        return client_id in audience and (len(audience) == 1 or party == client_id)
    return audience == client_id


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
