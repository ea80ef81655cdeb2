"""Let an admin key read, try and replace a tenant's steps, and deal with dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, contacts, lifecycle, steps
from adapter.connections import AccountNotReady
from adapter.errors import Conflict, MalformedInput, NotFound, Place
from adapter.services import Services
from adapter.steps import Environment, Steps
from adapter.store import journal, outbox, settings as stored
from adapter.tenants import ContactKey, Tenant
from adapter.web import admin, requests
from adapter.web.contacts import json_response

MOST_BYTES = 256 * 1024


async def get_steps(request: Request) -> Response:
    """Give the steps as JSON, with what each account lets them do."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    settings = services.registry[tenant]
    answer = json_response(
        {
            "steps": settings.steps,
            "since": settings.steps_since,
            "disabled": _disabled(services, tenant, settings.steps),
        }
    )
    answer.headers["etag"] = f'"{settings.steps_version}"'
    return answer


async def put_steps(request: Request) -> Response:
    """Replace the steps; the first time they hold for contacts that begin from then on."""
    tenant, key = requests.admin(request)
    services = requests.services(request)
    text = admin.text(await requests.body(request, MOST_BYTES))
    parsed, hints = steps.parse_with_hints(text)
    version = stored.put_steps(
        services.database,
        tenant,
        steps.dump(parsed),
        datetime.now(UTC),
        who=f"key {key.id}",
        expected_version=admin.expected_version(request),
    )
    await changes.apply(services)
    answer = json_response(
        {
            "steps": parsed,
            "hints": [{"at": hint.at, "detail": hint.detail} for hint in hints],
            "disabled": _disabled(services, tenant, parsed),
        }
    )
    answer.headers["etag"] = f'"{version}"'
    return answer


async def preview(request: Request) -> Response:
    """Show the exact request of each step: `{"steps"?, "contact"?}`; a sample where none is named.

    With `dry_run` the recorded events of the contact are replayed through all steps.
    """
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    body = await requests.json_object(request)
    wanted = services.registry[tenant].steps
    if "steps" in body:
        wanted, _hints = steps.parse_with_hints(body["steps"])
    environment = _environment(services, tenant, wanted)
    named = body.get("contact")
    if named is not None and not isinstance(named, str):
        raise MalformedInput("/contact: expected an id", [Place("/contact", "expected an id")])
    if body.get("dry_run"):
        if named is None:
            raise MalformedInput(
                "/contact: name a recorded contact", [Place("/contact", "missing")]
            )
        return json_response(_rehearse(services, ContactKey(tenant, named), wanted, environment))
    view = steps.SAMPLE if named is None else _view(services, ContactKey(tenant, named))
    shown = steps.previews(wanted, view, environment, tenant=tenant)
    return json_response({"contact": view["id"], "steps": shown})


async def list_dead_letters(request: Request) -> Response:
    """List the requests to Dynamics that will not be tried again by themselves, with the cause."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    with services.database.reading():
        rows = outbox.dead_letters(services.database.raw.cursor(), tenant)
    return json_response({"dead_letters": [outbox.summary(each) for each in rows]})


async def replay_dead_letters(request: Request) -> Response:
    """Try dead letters again: `{"id": …}` for one, `{}` for all of the tenant."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    position = (await requests.json_object(request)).get("id")
    if position is not None and (not isinstance(position, int) or isinstance(position, bool)):
        raise MalformedInput(
            "/id: expected a dead letter's id", [Place("/id", "expected a number")]
        )
    revived = await services.committer.submit(
        lambda batch: outbox.revive(batch.cursor, tenant, position, batch.now)
    )
    if position is not None and not revived:
        raise NotFound(f"there is no dead letter {position}")
    services.committer.queue.wake(revived)
    return json_response({"contacts": len(revived)}, status=202)


def _environment(services: Services, tenant: Tenant, wanted: Steps) -> Environment:
    account = next((step.account for step in wanted.requests), None)
    try:
        settings = services.connections.clients.client(tenant, account).account
    except AccountNotReady as error:
        raise Conflict(f"a preview needs an integration account: {error}") from error
    return lifecycle.environment_of(settings.environment_url, settings.api_url, settings.app_id)


def _disabled(services: Services, tenant: Tenant, wanted: Steps) -> str | None:
    """Say why no step runs, None where they do."""
    for step in wanted.requests:
        try:
            services.connections.clients.client(tenant, step.account)
        except AccountNotReady as error:
            return str(error)
    return None


def _view(services: Services, key: ContactKey) -> dict[str, Any]:
    with services.database.reading():
        state = journal.contact(services.database.raw.cursor(), key)
    if state is None:
        raise NotFound(f"there is no contact {key.id}")
    agent = state.agent
    who = None if agent is None else services.registry[key.tenant].agent(agent).id
    return contacts.view(state, agent=who)


def _rehearse(
    services: Services, key: ContactKey, wanted: Steps, environment: Environment
) -> dict[str, Any]:
    with services.database.reading():
        events = journal.events_of(services.database.raw.cursor(), key)
    if not events:
        raise NotFound(f"there is no contact {key.id}")
    run = steps.dry_run(wanted, [each.event for each in events], environment, tenant=key.tenant)
    return {"contact": key.id, "dry_run": run}
