"""Show a contact's state and its story, to who holds an admin key."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import stories
from adapter.tenants import ContactKey
from adapter.web import requests

NO_STORE = {"cache-control": "no-store"}


def json_response(value: Any, *, status: int = 200) -> Response:
    """Answer with JSON (times as RFC 3339)."""
    return Response(msgspec.json.encode(value), status, NO_STORE, media_type="application/json")


async def contact(request: Request) -> Response:
    """Give the state of a contact."""
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    key = ContactKey(tenant, request.path_params["id"])
    agent = services.registry[tenant].agent
    return json_response(stories.state(services.database, key, agent=agent))


async def trace(request: Request) -> Response:
    """Give the story of a contact with milliseconds: received, stored, matched, pushed, opened."""
    tenant, _ = requests.admin(request)
    key = ContactKey(tenant, request.path_params["id"])
    return json_response(stories.story(requests.services(request).database, key))
