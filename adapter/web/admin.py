"""Let an admin key read and replace a tenant's rules, policy and aliases, and read its lists."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, pops, saving
from adapter.domains import DomainRules
from adapter.errors import Conflict, MalformedInput
from adapter.store import refusals, settings as stored
from adapter.web import requests
from adapter.web.contacts import json_response

log = structlog.get_logger()

_ETAG = re.compile(r'\s*(?:W/)?"([0-9]{1,9})"\s*\Z')


async def get_domains(request: Request) -> Response:
    """Give the rules as text with their version as `ETag`; as JSON where that is asked for."""
    tenant, _ = requests.admin(request)
    settings = requests.services(request).registry[tenant]
    if "application/json" in request.headers.get("accept", ""):
        answer = json_response(_described(settings.rules, settings.rules_version))
    else:
        answer = Response(settings.rules_text, media_type="text/plain; charset=utf-8")
        answer.headers["cache-control"] = "no-store"
    answer.headers["etag"] = f'"{settings.rules_version}"'
    return answer


async def put_domains(request: Request) -> Response:
    """Replace the rules: the next frame load obeys. 422 names every bad line; nothing is saved."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    written = text(await requests.body(request, 4 * 1024 * 1024))
    rules = saving.check_domains(written, limit=services.settings.csp_limit)
    version = stored.put_setting(
        services.database,
        tenant,
        stored.DOMAINS,
        written,
        datetime.now(UTC),
        who=f"key {key.id}",
        expected_version=expected_version(request),
    )
    await changes.apply(services)
    answer = json_response(_described(rules, version))
    answer.headers["etag"] = f'"{version}"'
    return answer


async def check_domains(request: Request) -> Response:
    """Try origins against the rules in force: `?origin=…`, several times if wanted."""
    tenant, _ = requests.admin(request)
    rules = requests.services(request).registry[tenant].rules
    decisions = [
        (origin, rules.explain(origin)) for origin in request.query_params.getlist("origin")
    ]
    return json_response(
        [
            {
                "origin": origin,
                "allowed": decision.allowed,
                "rule": None if decision.rule is None else decision.rule.text,
                "line": None if decision.rule is None else decision.rule.line,
                "reason": decision.reason,
            }
            for origin, decision in decisions
        ]
    )


async def list_refusals(request: Request) -> Response:
    """List who was refused lately: origin, near miss, the line that would allow it, how often."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    with services.database.reading():
        rows = refusals.listed(services.database.raw.cursor(), tenant)
    return json_response({"refusals": rows})


async def get_pop_policy(request: Request) -> Response:
    """Give the pop policy as JSON; `{}` is no policy."""
    tenant, _ = requests.admin(request)
    settings = requests.services(request).registry[tenant]
    answer = json_response(pops.dump(settings.policy))
    answer.headers["etag"] = f'"{settings.policy_version}"'
    return answer


async def put_pop_policy(request: Request) -> Response:
    """Replace the pop policy; `{}` or `null` removes it."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    written = text(await requests.body(request))
    policy = saving.check_policy(written, allow_loopback=services.settings.allow_loopback)
    version = stored.put_setting(
        services.database,
        tenant,
        stored.POP_POLICY,
        written,
        datetime.now(UTC),
        who=f"key {key.id}",
        expected_version=expected_version(request),
    )
    await changes.apply(services)
    answer = json_response(pops.dump(policy))
    answer.headers["etag"] = f'"{version}"'
    return answer


async def list_aliases(request: Request) -> Response:
    """List which ids of sources stand for which agents."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    rows = [each for each in stored.aliases(services.database) if each.tenant == tenant]
    return json_response({"aliases": rows})


async def put_alias(request: Request) -> Response:
    """Map an id of a source to an agent: `{"agent", "source_id"}`."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    body = await requests.json_object(request)
    alias = saving.alias(tenant, body.get("agent"), body.get("source_id"))
    stored.put_alias(services.database, alias, datetime.now(UTC), who=f"key {key.id}")
    await changes.apply(services)
    return json_response(alias)


async def audit_log(request: Request) -> Response:
    """Give the newest entries of the audit log."""
    tenant, _ = requests.admin(request)
    return json_response({"audit": stored.audit_log(requests.services(request).database, tenant)})


def _described(rules: DomainRules, version: int) -> dict[str, Any]:
    return {
        "version": version,
        "rules": [{"line": rule.line, "text": rule.text} for rule in rules],
        "warnings": [
            {"line": caution.line, "text": caution.text, "detail": caution.detail}
            for caution in rules.warnings
        ],
        "header": f"frame-ancestors {rules.frame_ancestors()}",
    }


def text(body: bytes) -> str:
    """Read UTF-8.

    Raises:
        MalformedInput: naming the first byte that is none.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedInput(f"the text is not UTF-8 at byte {error.start}") from error


def expected_version(request: Request) -> int | None:
    """Give the version that `If-Match` names; None where any will do."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.match(header)
    if match is None:
        raise Conflict("If-Match: this is no version of ours")
    return int(match[1])
