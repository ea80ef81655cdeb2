"""Check what each tenant has set: without rules, keys and a policy nothing pops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from adapter import saving
from adapter.checkups import dynamics
from adapter.checkups.findings import Finding, ok, problem, warning
from adapter.credentials import SIGNING
from adapter.domains import DomainRules
from adapter.errors import InvalidSettings
from adapter.office import Office
from adapter.settings import Settings
from adapter.store import settings as stored
from adapter.tenants import Tenant

NEARLY = 0.8
"""Of the header's limit: there is room for a few more rules."""


def check_tenants(office: Office, today: date) -> Iterator[Finding]:
    """Look at the tenants' hosts, and at each tenant."""
    tenants = sorted(stored.tenants(office.database))
    domain = office.settings.environment_domain
    if len(tenants) > 1 and domain is None:
        yield problem(
            "tenants",
            f"{len(tenants)} tenants, but no host name leads to any of them",
            "set SCREENPOP_ENVIRONMENT_DOMAIN: <tenant>.<domain> is a tenant's host",
        )
    elif domain is not None:
        yield ok("tenants", ", ".join(f"{tenant}.{domain}" for tenant in tenants))
    else:
        yield ok("tenants", f"{tenants[0]}, at any host name")
    for tenant in tenants:
        yield from check_tenant(office, tenant, today)


def check_tenant(office: Office, tenant: Tenant, today: date) -> Iterator[Finding]:
    """Look at one tenant."""
    option = "" if tenant == "default" else f" --tenant {tenant}"
    yield _check_rules(office, tenant, option)
    yield _check_policy(office, tenant, option)
    yield from _check_keys(office, tenant, option)
    yield from dynamics.check_dynamics(office, tenant, option, today)


def _check_rules(office: Office, tenant: Tenant, option: str) -> Finding:
    check = f"domains of {tenant}"
    do = f"screenpop domains set FILE{option}"
    try:
        rules = DomainRules.parse(office.domains(tenant))
    except InvalidSettings as error:
        return problem(
            check, f"the rules cannot be read, so nobody may show the panel: {error}", do
        )
    if not len(rules):
        return warning(check, "no rules: no page may show the panel", do)
    return _check_header(check, rules, office.settings, do)


def _check_header(check: str, rules: DomainRules, settings: Settings, do: str) -> Finding:
    size, limit = rules.header_bytes(), settings.csp_limit
    told = f"{len(rules)} rules, a header of {size} bytes"
    if rules.header_fault is not None:
        return problem(check, f"the header is unsafe, so nobody may show the panel: {told}", do)
    if size > limit:
        return problem(check, f"{told}: more than the {limit} that proxies carry", do)
    if size > NEARLY * limit:
        return warning(
            check, f"{told}; {limit} is the limit", "use a wildcard for hosts that belong together"
        )
    if rules.warnings:
        lines = ", ".join(map(str, sorted({each.line for each in rules.warnings})))
        return warning(
            check, f"{told}; may not be meant: line {lines}", "screenpop domains check FILE ORIGIN"
        )
    return ok(check, told)


def _check_policy(office: Office, tenant: Tenant, option: str) -> Finding:
    check, do = f"pop policy of {tenant}", f"screenpop pop-policy set FILE{option}"
    try:
        policy = saving.check_policy(
            office.pop_policy(tenant), allow_loopback=office.settings.allow_loopback
        )
    except InvalidSettings as error:
        return problem(check, f"it cannot be read, so nothing pops: {error}", do)
    if policy is None and _steps_open_it(office, tenant):
        return ok(check, "none: a lifecycle step opens the record")
    if policy is None:
        return warning(check, "none: calls are shown, but nothing pops", do)
    return ok(check, f"{policy.table} in {policy.organisation}, target {policy.target}")


def _steps_open_it(office: Office, tenant: Tenant) -> bool:
    try:
        return office.steps(tenant).pop is not None
    except InvalidSettings:
        return False  # `dynamics` says so


def _check_keys(office: Office, tenant: Tenant, option: str) -> Iterator[Finding]:
    check = f"keys of {tenant}"
    keys = office.keys()
    scopes = [key.scope for key in keys if key.tenant == tenant and key.revoked is None]
    if "ingest" not in scopes and SIGNING not in scopes:
        yield warning(
            check,
            "no ingest key: no source can send events",
            f"screenpop keys create --scope ingest{option}",
        )
    if "feed" not in scopes:
        yield warning(
            check,
            "no feed key: no panel can be given a ticket",
            f"screenpop keys create --scope feed{option}",
        )
    if {"ingest", "feed"} <= {"ingest" if scope == SIGNING else scope for scope in scopes}:
        yield ok(check, ", ".join(f"{scopes.count(each)} {each}" for each in sorted(set(scopes))))


def check_sealed(office: Office) -> Iterator[Finding]:
    """Open each stored secret, so that a wrong key is known before a source is refused."""
    lost = office.unreadable_secrets()
    if lost:
        yield problem(
            "secret key",
            f"it does not open {len(lost)} stored secrets ({', '.join(lost)})",
            "bring back the key that they were made with, or make keys and enter secrets anew",
        )
