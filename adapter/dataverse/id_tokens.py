"""Check an ID token's claims: MSAL does not any more (since 1.38 it compares the nonce alone).

The token comes from the token endpoint over TLS, so its signature may be left unchecked (OpenID
Connect Core, 3.1.3.7, 6); who it is for, from whom and of which directory may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapter.dataverse import sign_in
from adapter.identity import claims as claim_checks
from adapter.identity.claims import BadClaim


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
    if not claim_checks.is_name(tid) or not claim_checks.is_name(oid):
        raise sign_in.failed("id_token", "tid or oid is missing.")
    try:
        claim_checks.check(
            claims,
            client_id=client_id,
            issuer=issuer,
            now=now,
            directories=None if directory is None else (directory,),
        )
    except BadClaim as error:
        raise sign_in.failed("id_token", f"{error.claim}: {error}.") from error
    name = claims.get("preferred_username") or claims.get("name") or oid
    return Person(tid, oid, str(name))
