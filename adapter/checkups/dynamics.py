"""Check what leads to Dynamics: integration accounts, steps that do not run, dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from adapter import accounts
from adapter.checkups import steps_off
from adapter.checkups.findings import Finding, ok, problem, warning
from adapter.connections import views
from adapter.dynamics import hosts
from adapter.errors import InvalidSettings
from adapter.events import Stage
from adapter.office import Office
from adapter.store import accounts as stored
from adapter.store.accounts import StoredAccount
from adapter.tenants import Tenant


def check_dynamics(office: Office, tenant: Tenant, option: str, today: date) -> Iterator[Finding]:
    """Look at one tenant; `option` is what its commands need (`--tenant …`, or nothing).

    Nothing is found wrong with a tenant that has neither accounts nor steps: it only pops.
    """
    for account in stored.listed(office.database, tenant):
        yield _check_account(account, tenant, option)
        yield from _check_expiry(account, tenant, option, today)
    yield from _check_steps(office, tenant, option)
    yield from _check_links(office, tenant)
    yield from _check_dead_letters(office, tenant, option)


def _check_account(account: StoredAccount, tenant: Tenant, option: str) -> Finding:
    check = f"account {account.name} of {tenant}"
    reason = views.not_ready(account)
    test = f"screenpop accounts test {account.name}{option}"
    if account.applied is None:
        apply = f"screenpop accounts apply {account.name}{option}"
        return warning(check, "it is a draft and was never applied", f"{test}, then {apply}")
    report = views.read_report(account.applied)
    if report is None:
        return warning(check, reason or "", f"{test} --side applied")
    if not report.valid:
        failing = views.failing(account)
        if failing is not None:
            reason = f"{failing} Its steps go on; what Dynamics refuses becomes a dead letter."
        do = f"{report.advice} Then: " if report.advice else ""
        return problem(check, reason or "", f"{do}{test}")
    where = account.applied.account.environment_url
    return ok(check, f"{where}, tested {report.at.isoformat(sep=' ', timespec='seconds')}")


def _check_expiry(
    account: StoredAccount, tenant: Tenant, option: str, today: date
) -> Iterator[Finding]:
    if account.applied is None:
        return
    check = f"account {account.name} of {tenant}"
    do = f"screenpop accounts set {account.name} client_secret=- secret_expires=DATE{option}"
    for each in accounts.expiry_warnings(account.applied.account, today):
        certificate = f"screenpop accounts set {account.name} certificate_pem=@FILE{option}"
        what = certificate if each.what == "certificate" else do
        yield (problem if each.days_left < 0 else warning)(check, each.text, what)


def _check_steps(office: Office, tenant: Tenant, option: str) -> Iterator[Finding]:
    check = f"steps of {tenant}"
    try:
        steps = office.steps(tenant)
    except InvalidSettings as error:
        do = f"screenpop steps set FILE{option}"
        yield problem(check, f"they cannot be read, so none runs: {error}", do)
        return
    if not steps.steps:
        return
    off = steps_off.why_off(steps, steps_off.in_force(office, tenant))
    for reason in off:
        yield problem(check, reason, f"screenpop accounts list{option}")
    if not off:
        disabled = [str(step.number) for step in steps.steps if not step.enabled]
        more = f"; {', '.join(disabled)} switched off" if disabled else ""
        count = len(steps.steps)
        yield ok(check, f"{count} {'step' if count == 1 else 'steps'}{more}")


def _check_links(office: Office, tenant: Tenant) -> Iterator[Finding]:
    """Look at the address that links to recordings get: they stay in Dynamics for years."""
    settings = office.settings
    if settings.public_url is not None or settings.environment_domain is not None:
        return
    try:
        steps = office.steps(tenant).requests
    except InvalidSettings:
        return  # `_check_steps` says so
    writes = any(step.enabled and _FILES.intersection(step.stages) for step in steps)
    # A simulated Dynamics on this machine is read on this machine.
    real = any(
        each.applied is not None and not hosts.is_loopback(each.applied.account.environment_url)
        for each in stored.listed(office.database, tenant)
    )
    if writes and real:
        yield warning(
            f"recordings of {tenant}",
            f"their links are written into Dynamics as {settings.origin_of(tenant)}/r/…, which "
            "opens on this machine alone",
            "set SCREENPOP_PUBLIC_URL to the address that browsers use",
        )


_FILES = frozenset((Stage.RECORDED, Stage.TRANSCRIBED))


def _check_dead_letters(office: Office, tenant: Tenant, option: str) -> Iterator[Finding]:
    page = office.dead_letters(tenant, limit=1)
    if page.letters:
        yield warning(
            f"dead letters of {tenant}",
            f"{page.total}, the latest: {page.letters[0].cause}",
            f"screenpop steps dead{option}, mend the cause, screenpop steps replay --all{option}",
        )
