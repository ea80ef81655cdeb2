"""Let an admin key read, check, try and replace a tenant's steps."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes
from adapter.errors import Conflict, MalformedInput, Place
from adapter.services import Services
from adapter.step_desk import Checked
from adapter.steps import Environment, NoEnvironment, Steps, standstill
from adapter.tenants import Tenant
from adapter.web import admin, requests
from adapter.web.contacts import json_response

MOST_BYTES = 256 * 1024


async def get_steps(request: Request) -> Response:
    """Give the steps as JSON, with what each account lets them do and what is wrong with them."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    settings = services.registry[tenant]
    found = services.step_desk.findings(tenant, settings.steps)
    answer = json_response(
        {
            "steps": settings.steps,
            "since": settings.steps_since,
            **_standstill(services, tenant, settings.steps),
            "faults": _places(found.faults),
            "hints": _places(found.hints),
        }
    )
    answer.headers["etag"] = f'"{settings.steps_version}"'
    return answer


async def put_steps(request: Request) -> Response:
    """Replace the steps; the first time they hold for contacts that begin from then on."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    text = admin.text(await requests.body(request, MOST_BYTES))
    version, checked = await services.step_desk.save(
        tenant, text, who=f"key {key.id}", expected_version=admin.expected_version(request)
    )
    await changes.apply(services)
    answer = json_response(_checked(services, tenant, checked))
    answer.headers["etag"] = f'"{version}"'
    return answer


async def check(request: Request) -> Response:
    """Say what is wrong with steps, and what may not be meant; saves nothing."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    text = admin.text(await requests.body(request, MOST_BYTES))
    return json_response(_checked(services, tenant, await services.step_desk.check(tenant, text)))


async def preview(request: Request) -> Response:
    """Show the exact request of each step: `{"steps"?, "contact"?}`; a sample where none is named.

    With `dry_run` the recorded events of the contact are replayed through all steps.
    """
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    body = await requests.json_object(request)
    wanted = services.registry[tenant].steps
    if "steps" in body:
        wanted = (await services.step_desk.check(tenant, body["steps"])).steps
    named = body.get("contact")
    if named is not None and not isinstance(named, str):
        raise MalformedInput("/contact: expected an id", [Place("/contact", "expected an id")])
    _require_an_environment(services, tenant, wanted)
    if body.get("dry_run"):
        if named is None:
            raise MalformedInput(
                "/contact: name a recorded contact", [Place("/contact", "missing")]
            )
        run = services.step_desk.dry_run(tenant, wanted, named)
        return json_response({"contact": named, "dry_run": run})
    contact, shown = services.step_desk.preview(tenant, wanted, named)
    return json_response({"contact": contact, "steps": shown})


def _require_an_environment(services: Services, tenant: Tenant, wanted: Steps) -> None:
    """Check that there is an account in force for one step at least.

    Raises:
        Conflict: there is none.
    """
    of_account = services.step_desk.where(tenant)
    accounts = {step.account for step in wanted.steps} or {None}
    found: list[Environment | NoEnvironment] = []
    for account in accounts:
        try:
            found.append(of_account(account))
        except NoEnvironment as nowhere:
            found.append(nowhere)
    missing = [each for each in found if isinstance(each, NoEnvironment)]
    if found and len(missing) == len(found):
        raise Conflict(f"a preview needs an integration account: {missing[0]}")


def _checked(services: Services, tenant: Tenant, checked: Checked) -> dict[str, Any]:
    return {
        "steps": checked.steps,
        "hints": _places(checked.hints),
        "unchecked": checked.unchecked,
        **_standstill(services, tenant, checked.steps),
    }


def _places(places: tuple[Place, ...]) -> list[dict[str, str]]:
    return [{"at": each.at, "detail": each.detail} for each in places]


def _standstill(services: Services, tenant: Tenant, wanted: Steps) -> dict[str, Any]:
    """Say which enabled steps do not run and why, and why none does (None where one runs)."""
    clients = services.connections.clients
    why = [clients.why_not(tenant, step.account) for step in wanted.requests if step.enabled]
    return {
        "disabled": why[0] if why and None not in why else None,
        "steps_off": standstill(wanted.steps, lambda account: clients.why_not(tenant, account)),
    }
