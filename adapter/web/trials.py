"""Rules on trial: nobody is refused by them, and an admin sees who would be.

Browsers are told by `Content-Security-Policy-Report-Only`; the page's own list of ancestors is
judged as well, because not every browser reports.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, saving
from adapter.domains import DomainRules
from adapter.services import Services
from adapter.store import refusals, settings as stored
from adapter.tenants import Tenant
from adapter.web import admin, requests
from adapter.web.contacts import json_response

REPORT_URI = "/v1/csp-reports?trial=1"


def header(services: Services, tenant: Tenant) -> dict[str, str]:
    """Give the header of every answer of the panel; none where nothing is on trial."""
    rules = services.registry[tenant].trial
    if rules is None or rules.header_fault is not None:
        return {}
    policy = f"frame-ancestors {rules.frame_ancestors()}; report-uri {REPORT_URI}"
    return {"Content-Security-Policy-Report-Only": policy}


async def put(
    services: Services, tenant: Tenant, text: str, *, who: str, expected_version: int | None = None
) -> DomainRules | None:
    """Put rules on trial in place of those that are; a text without rules ends the trial.

    Raises:
        RuleError, InvalidSettings: as `saving.check_domains`.
        Conflict: somebody else has changed them.
    """
    rules = saving.check_domains(text, limit=services.settings.csp_limit)
    stored.put_setting(
        services.database,
        tenant,
        stored.TRIAL,
        text if len(rules) else "",
        datetime.now(UTC),
        who=who,
        expected_version=expected_version,
    )
    # What was seen under other rules says nothing of these.
    await services.committer.submit(lambda batch: refusals.forget_trial(batch.cursor, tenant))
    await changes.apply(services)
    return rules if len(rules) else None


async def get_trial(request: Request) -> Response:
    """Give the rules on trial, and who would have been refused since they are."""
    tenant, _ = requests.admin(request)
    return _told(requests.services(request), tenant)


async def put_trial(request: Request) -> Response:
    """Put rules on trial (`text/plain`); a text without rules ends the trial."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    text = admin.text(await requests.body(request, 4 * 1024 * 1024))
    version = admin.expected_version(request)
    await put(services, tenant, text, who=f"key {key.id}", expected_version=version)
    return _told(services, tenant)


def would_refuse(services: Services, tenant: Tenant) -> list[refusals.Refusal]:
    """List who would have been refused by the rules on trial, the latest first."""
    with services.database.reading():
        return refusals.listed(services.database.raw.cursor(), tenant, trial=True)


def _told(services: Services, tenant: Tenant) -> Response:
    settings = services.registry[tenant]
    answer = json_response(
        {
            "rules": settings.trial_text,
            "since": settings.trial_since,
            "would_refuse": would_refuse(services, tenant),
        }
    )
    answer.headers["etag"] = f'"{settings.trial_version}"'
    return answer
