"""Check what an admin wants to save, the same for the command line and for HTTP."""

from __future__ import annotations

import re

import msgspec

from adapter import agent_ids, pops
from adapter.domains import DomainRules
from adapter.dynamics import hosts as hosts_of_dynamics
from adapter.errors import InvalidSettings, MalformedInput, Place
from adapter.pops import PopPolicy
from adapter.store.settings import Alias
from adapter.tenants import Tenant, agent

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
LONGEST_ID = 512
NO_ID = f"expected an id of 1 to {LONGEST_ID} characters"


def check_domains(text: str, *, limit: int) -> DomainRules:
    """Read rules that may be saved.

    Raises:
        RuleError: naming every bad line.
        InvalidSettings: the header that they give is longer than `limit` bytes.
    """
    rules = DomainRules.parse(text)
    rules.require_header_fits(limit)
    return rules


def tenant_name(name: str) -> Tenant:
    """Read a tenant's name: one label of a host name.

    Raises:
        InvalidSettings: it is none.
    """
    if not _LABEL.match(name):
        raise InvalidSettings(
            f"tenant {name!r}: use 1 to 63 of a-z, 0-9 and '-', as in a host name"
        )
    return Tenant(name)


def alias(tenant: Tenant, agent_id: object, source_id: object) -> Alias:
    """Read an alias: `source_id` (an ARN, a user name) stands for `agent_id`.

    Raises:
        MalformedInput: one of them is no id, or both are the same.
    """
    places = [
        Place(f"/{name}", fault)
        for name, value in (("agent", agent_id), ("source_id", source_id))
        if (fault := agent_id_fault(value)) is not None
    ]
    if places or not isinstance(agent_id, str) or not isinstance(source_id, str):
        raise MalformedInput("; ".join(f"{each.at}: {each.detail}" for each in places), places)
    target, source = agent(tenant, agent_id), agent(tenant, source_id)
    if target == source:
        fault = "an agent needs no alias of the same name"
        raise MalformedInput(fault, [Place("/agent", fault)])
    return Alias(tenant, source.id, target.id, "admin")


def agent_id_fault(value: object) -> str | None:
    """Say what is wrong with an agent's id; None where it can be one."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID:
        return NO_ID
    return agent_ids.fault(value)


def check_policy(text: str, *, allow_loopback: bool) -> PopPolicy | None:
    """Read a pop policy that may be saved; a loopback organisation only where that is allowed.

    Raises:
        InvalidSettings: with a place for each fault.
    """
    hosts: tuple[str, ...] = ()
    if allow_loopback:
        try:
            written = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            written = None  # parse_policy says what is wrong
        if isinstance(written, dict):
            named = next((written[name] for name in _ORGANISATION if name in written), None)
            if isinstance(named, str) and hosts_of_dynamics.is_loopback(named.rstrip("/")):
                hosts = (named,)
    return pops.parse_policy(text, allow_hosts=hosts)


_ORGANISATION = ("organisation", "organization", "org")
