"""Read a person out of an ID token whose claims were checked: who, which roles, which agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapter.identity.claims import BadClaim, is_name
from adapter.identity.providers import SignInSettings

LONGEST_NAME = 200


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider tells of a person."""

    directory: str
    subject: str
    name: str
    email: str | None
    roles: frozenset[str]
    names: tuple[str, ...]
    """What may name the person as an agent, the best first."""
    is_sure: bool
    """Whether `names` are given out by the directory, so that a trusted one may settle a link."""
    too_many_groups: bool = False
    """Entra left the groups out (above 200): roles of groups cannot be seen."""


def read(claims: Mapping[str, Any], settings: SignInSettings) -> Told:
    """Give what a token tells of its person.

    Raises:
        BadClaim: it does not say who it is.
    """
    entra = settings.provider == "entra"
    directory, subject = (
        (claims.get("tid"), claims.get("oid")) if entra else (claims.get("iss"), claims.get("sub"))
    )
    if not is_name(directory) or not is_name(subject):
        raise BadClaim("oid" if entra else "sub", "it does not say who signed in")
    user_name = _text(claims, "preferred_username") or _text(claims, "upn")
    email = _text(claims, "email")
    # Entra's `email` may be typed in by the person (https://msrc.microsoft.com, "nOAuth"), and so
    # may another provider's that does not vouch for it: neither proposes an agent there.
    vouched = email if not entra and claims.get("email_verified") is True else None
    names = tuple(dict.fromkeys(each for each in (vouched, user_name) if each))
    return Told(
        directory=directory,
        subject=subject,
        name=_text(claims, "name") or user_name or email or subject,
        email=user_name or email,
        roles=_roles(claims, settings),
        names=names or ((email,) if email else ()),
        is_sure=bool(names) and (vouched is not None or (entra and not _is_guest(claims))),
        too_many_groups=_lacks_groups(claims),
    )


def proposals(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the agent ids to look for: the whole name, then what stands before its @."""
    short = (name.partition("@")[0] for name in names)
    return tuple(dict.fromkeys(each for each in (*names, *short) if each))


def _roles(claims: Mapping[str, Any], settings: SignInSettings) -> frozenset[str]:
    told: set[str] = set()
    for name in settings.role_claims:
        value = claims.get(name)
        values = value if isinstance(value, list) else [value]
        told |= {each.lower() for each in values if isinstance(each, str)}
    found = {
        role
        for role, values in settings.roles.items()
        if any(value.lower() in told for value in values)
    }
    if not found and settings.default_role is not None:
        found = {settings.default_role}
    return frozenset(found)


def _is_guest(claims: Mapping[str, Any]) -> bool:
    """Tell whether another directory vouches for the person, and gave out the user name.

    https://learn.microsoft.com/entra/identity-platform/optional-claims-reference, `acct`, `idp`
    """
    elsewhere = claims.get("idp") not in (None, claims.get("iss"))
    return claims.get("acct") in (1, "1") or elsewhere or "#ext#" in str(claims.get("upn")).lower()


def _lacks_groups(claims: Mapping[str, Any]) -> bool:
    # https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference, "overage"
    elsewhere = claims.get("_claim_names")
    return claims.get("hasgroups") is True or (
        isinstance(elsewhere, dict) and "groups" in elsewhere
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if not isinstance(value, str):
        return None
    plain = "".join(char for char in value if char.isprintable()).strip()
    return plain[:LONGEST_NAME] or None
