"""Make the tenant part of the type, so that forgetting it fails type checking."""

from __future__ import annotations

from typing import NamedTuple, NewType

Tenant = NewType("Tenant", str)
"""A customer organisation of this host, by name: 1 to 63 of a-z, 0-9 and `-` (a host label)."""

DEFAULT = Tenant("default")


class Agent(NamedTuple):
    """A person who takes contacts, always within a tenant. `id` is case-folded."""

    tenant: Tenant
    id: str


AgentKey = tuple[Tenant, str]
"""What an `Agent` is, and equals, as a plain tuple: to make one costs an eighth. For dictionaries
that are asked for each event."""


class ContactKey(NamedTuple):
    """One contact, always within a tenant. `id` is the source's, as it came."""

    tenant: Tenant
    id: str


def agent(tenant: Tenant, source_id: str) -> Agent:
    """Name an agent by an id as a source or an admin writes it (case does not count)."""
    return Agent(tenant, folded(source_id))


def folded(source_id: str) -> str:
    """Give the id of an agent as it is compared and kept."""
    return source_id.strip().casefold()
