"""Let an admin key erase what is kept of a person, by phone number, name or contact."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import erasure, sought
from adapter.errors import MalformedInput, Place
from adapter.web import requests
from adapter.web.contacts import json_response

_NAMES = ("phone", "person", "contact")


async def erase(request: Request) -> Response:
    """Erase the contacts of who is named: `{"phone"}`, `{"person"}` or `{"contact"}`.

    With `"dry_run": true` nothing is erased. 200 with the ids of the `contacts`, of those `linked`
    with them that are kept, and the number of `rows` by their kind.
    """
    tenant, key = requests.admin(request)
    body = await requests.json_object(request)
    unknown = sorted(body.keys() - {*_NAMES, "dry_run"})
    if unknown:
        raise MalformedInput(
            f"/{unknown[0]}: no such member", [Place(f"/{each}", "unknown") for each in unknown]
        )
    wanted = sought.read(**{name: _text(body, name) for name in _NAMES})
    services = requests.services(request)
    if body.get("dry_run", False) not in (True, False):
        raise MalformedInput("/dry_run: true or false", [Place("/dry_run", "true or false")])
    if body.get("dry_run", False):
        return json_response(await erasure.search(services, tenant, wanted))
    who = f"key {key.id}"
    return json_response(await erasure.forget(services, tenant, wanted, who=who))


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedInput(f"/{name}: expected a text", [Place(f"/{name}", "expected a text")])
    return value
