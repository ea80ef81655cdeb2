"""Serve the machine-readable contract: `/openapi.json` and `/asyncapi.json`, written once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapter.web import asyncapi, openapi

_HEADERS = {"cache-control": "no-cache"}


def with_descriptions(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Give the routes, and two more that describe them all."""
    described: dict[str, bytes] = {}

    async def openapi_json(_request: Request) -> Response:
        """Describe every route (OpenAPI)."""
        return _json(described["openapi"])

    async def asyncapi_json(_request: Request) -> Response:
        """Describe the feed (AsyncAPI)."""
        return _json(described["asyncapi"])

    all_routes: list[BaseRoute] = [
        *routes,
        Route("/openapi.json", openapi_json, methods=["GET"]),
        Route("/asyncapi.json", asyncapi_json, methods=["GET"]),
    ]
    described["openapi"] = msgspec.json.encode(openapi.document(all_routes))
    described["asyncapi"] = msgspec.json.encode(asyncapi.document())
    return all_routes


def _json(body: bytes) -> Response:
    return Response(body, headers=_HEADERS, media_type="application/json")
