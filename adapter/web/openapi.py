"""Write the OpenAPI document of the HTTP interface from the route table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.routing import BaseRoute, Route

import adapter
from adapter.connections.consents import PATHS
from adapter.web import ingest, problems, schemas
from adapter.web.operations import OPERATIONS, Answer, Operation, Who

_CONVERTER = re.compile(r":\w+}")

_SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    "anybody": [],
    "own page": [],
    "ingest key": [{"bearer": []}, {"apiKey": []}, {"basic": []}],
    "feed key": [{"bearer": []}, {"apiKey": []}, {"basic": []}],
    "admin key": [{"bearer": []}, {"apiKey": []}, {"basic": []}],
    "session": [{"bearer": []}, {"cookie": []}],
    "session or admin key": [{"bearer": []}, {"apiKey": []}, {"basic": []}, {"cookie": []}],
    "session or feed key": [{"bearer": []}, {"apiKey": []}, {"basic": []}, {"cookie": []}],
}

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic", "description": "the key is the password"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-screenpop"},
}

_STATUSES = {
    **{status: title for status, _, title in problems.STATUS.values()},
    405: "This method is not taken here",
    421: "This host name is no tenant",
    426: "The request asks for no websocket",
}


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document of these routes and of the doors for sources."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, told in [*_doors(), *_listed(routes)]:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, told)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Screenpop",
            "version": adapter.__version__,
            "description": "The feed is described by /asyncapi.json.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas.components(), "securitySchemes": _SCHEMES},
    }


def _doors() -> Iterator[tuple[str, str, str]]:
    for path, source in ingest.SOURCES.items():
        yield "POST", path, ""
        if source.handshake is not None:
            yield "OPTIONS", path, ""
    yield "POST", ingest.FIREHOSE, ""


def _listed(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, str]]:
    for route in routes:
        if isinstance(route, Route) and not _is_page(route.path):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, _CONVERTER.sub("}", route.path), route.endpoint.__doc__ or ""


def _is_page(path: str) -> bool:
    """Tell what is for people: all below `/admin`, but the callbacks that Microsoft calls there."""
    return (path == "/admin" or path.startswith("/admin/")) and path not in PATHS


def _operation(method: str, path: str, told: str) -> dict[str, Any]:
    operation = OPERATIONS[method, path]
    summary, _, more = (operation.summary or told).strip().partition("\n")
    described: dict[str, Any] = {
        "operationId": _identifier(method, path),
        "summary": summary,
        "description": f"For: {operation.who}. {' '.join(more.split())}".strip(),
        "security": _SECURITY[operation.who],
        "parameters": [*_in_path(path), *_parameters(operation)],
        "responses": {
            str(operation.answer.status): _response(operation.answer),
            **{str(status): _refusal(status) for status in sorted(operation.refusals)},
        },
    }
    if operation.takes:
        described["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in operation.takes.items()},
        }
    return described


def _identifier(method: str, path: str) -> str:
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/v1").lower())
    return "_".join([method.lower(), *(words or ["panel"])])


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [("query", name) for name in operation.query]
    found += [("header", name) for name in operation.headers]
    if operation.who == "own page":
        found.append(("header", "X-Screenpop"))
    return [
        {"name": name, "in": place, "required": False, "schema": {"type": "string"}}
        for place, name in found
    ]


def _response(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.what}
    if answer.content:
        described["content"] = {kind: {"schema": schema} for kind, schema in answer.content.items()}
    if answer.headers:
        described["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    return described


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": _STATUSES[status],
        "content": {problems.CONTENT_TYPE: {"schema": schemas.ref("Problem")}},
    }
