"""Write the lines that let one organisation's CRM show the panel: its exact hosts, no wildcard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from adapter.domain_rules.crm_hosts import DYNAMICS_REGIONS
from adapter.domains import DomainRules, RuleError
from adapter.errors import InvalidSettings

_OTHERS = {
    # Classic pages and Lightning are two hosts of the same organisation, and either may be around.
    "salesforce": ("my.salesforce.com", "lightning.force.com"),
    "zendesk": ("zendesk.com",),
    "kustomer": ("kustomerapp.com",),
}

SYSTEMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {suffix: (suffix,) for suffix in DYNAMICS_REGIONS} | _OTHERS
)
"""CRM (for Dynamics its region's suffix) to the suffixes of an organisation's hosts."""


def lines(system: str, organisation: str) -> tuple[str, ...]:
    """Give the lines for an organisation: its name (`contoso`), or any address of it.

    An address says by itself which CRM and region it is of, whatever `system` says.

    Raises:
        InvalidSettings: the name or the address is none of a CRM that is known here.
    """
    name = organisation.strip().lower()
    if not name:
        raise InvalidSettings("type the name of the organisation, or paste its address")
    if "/" in name or _system_of(name):
        return _of_address(name)
    if system not in SYSTEMS:
        raise InvalidSettings("choose a CRM")
    return _checked(f"https://{name}.{suffix}" for suffix in SYSTEMS[system])


def added(text: str, new: Iterable[str]) -> str:
    """Give the text with lines added at its end; those that stand there already are left out."""
    there = {line.strip(" \t\r") for line in text.split("\n")}
    wanted = [line for line in new if line not in there]
    if not wanted:
        return text
    kept = text.rstrip("\n\r\t ")
    return "\n".join([kept, *wanted] if kept else wanted) + "\n"


def _of_address(address: str) -> tuple[str, ...]:
    try:
        host = urlsplit(address if "://" in address else f"https://{address}").hostname or ""
    except ValueError:
        host = ""
    system = _system_of(host)
    if system is None:
        raise InvalidSettings(
            "this is no address of a CRM that is known here: write its line into the text"
        )
    name = next(
        host.removesuffix(f".{suffix}") for suffix in SYSTEMS[system] if host.endswith(f".{suffix}")
    )
    return _checked(f"https://{name}.{suffix}" for suffix in SYSTEMS[system])


def _system_of(host: str) -> str | None:
    """Give the CRM whose organisations' hosts end so; the longest suffix counts."""
    known = [
        (len(suffix), system)
        for system, suffixes in SYSTEMS.items()
        for suffix in suffixes
        if host.endswith(f".{suffix}")
    ]
    return max(known)[1] if known else None


def _checked(made: Iterable[str]) -> tuple[str, ...]:
    found = tuple(made)
    try:
        rules = DomainRules.parse("\n".join(found))
    except RuleError as error:
        raise InvalidSettings(error.problems[0].reason) from error
    if any(rule.wildcard for rule in rules):
        raise InvalidSettings("type the name of one organisation: a wildcard would let in others")
    return found
