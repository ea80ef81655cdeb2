"""Hold what is known of a person: who they are in a directory, what they may do here."""

from __future__ import annotations

from datetime import datetime

import msgspec

from adapter.tenants import Tenant

LOCAL = "local"
"""The directory of people whom no provider knows: the first admin."""
FIRST_ADMIN = "first-admin"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person of a tenant. (`directory`, `subject`) is who they are; all else may change."""

    id: str
    """Ours, 16 hexadecimal digits: what URLs and the command line name."""
    tenant: Tenant
    directory: str
    """Entra's `tid`, another provider's `iss`, or `local`."""
    subject: str
    """Entra's `oid`, another provider's `sub`."""
    name: str
    """A label from the provider: never a reason to let anybody in."""
    email: str | None = None
    """The user name or e-mail that the provider tells: it proposes a link, no more."""
    token_roles: frozenset[str] = frozenset()
    """Roles by the last ID token."""
    given_roles: frozenset[str] = frozenset()
    """Roles assigned in the portal or by the command line."""
    agent: str | None = None
    """The agent that this person is, confirmed."""
    proposed: str | None = None
    """The agent that an admin is asked to confirm."""
    revoked: datetime | None = None
    created: datetime
    seen: datetime
    """When they last signed in."""

    @property
    def roles(self) -> frozenset[str]:
        """What the person may do now."""
        return frozenset() if self.revoked else self.token_roles | self.given_roles

    @property
    def label(self) -> str:
        """Name the person for the audit log."""
        told = self.email if self.email and self.email != self.name else None
        return f"{self.name} <{told}>" if told else self.name
