"""The machine-readable contract is well-formed, complete, and says what the server does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter import close_codes, contacts, messages
from adapter.app import routes
from adapter.contacts import Contact
from adapter.tenants import Tenant
from adapter.web import asyncapi, openapi, operations
from adapter.web.assets import Assets
from tests.server import Server


@pytest.fixture(scope="module")
def http() -> dict[str, Any]:
    return openapi.document(routes(Assets.load()))


@pytest.fixture(scope="module")
def feed() -> dict[str, Any]:
    return asyncapi.document()


def references(value: object) -> Iterator[str]:
    """Give every `$ref` below a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(document: dict[str, Any], pointer: str) -> Any:
    found: Any = document
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


def test_every_reference_leads_somewhere(http: dict[str, Any], feed: dict[str, Any]) -> None:
    for document in (http, feed):
        found = set(references(document))
        assert found
        for pointer in found:
            resolve(document, pointer)


def test_every_operation_is_of_a_route_that_exists(http: dict[str, Any]) -> None:
    assert described(http) == set(operations.OPERATIONS)


def test_every_operation_says_what_it_does_and_for_whom(http: dict[str, Any]) -> None:
    seen: set[str] = set()
    for item in http["paths"].values():
        for operation in item.values():
            assert operation["summary"].endswith((".", "…"))
            assert operation["description"].startswith("For: ")
            assert operation["responses"]
            seen.add(operation["operationId"])
    assert len(seen) == len(described(http))


def test_every_parameter_of_a_path_is_described(http: dict[str, Any]) -> None:
    for path, item in http["paths"].items():
        for operation in item.values():
            named = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert named == re.findall(r"{(\w+)}", path)


def test_the_described_contact_is_the_one_that_is_shown(http: dict[str, Any]) -> None:
    view = contacts.view(Contact(id="c-1"), agent=None)
    schema = http["components"]["schemas"]["Contact"]
    assert set(schema["properties"]) == set(view) == set(schema["required"])


def test_every_message_both_ways_is_described(feed: dict[str, Any]) -> None:
    named = {each["name"] for each in feed["components"]["messages"].values()}
    control = {
        "hello", "presence", "pop.outcome", "ping", "welcome", "pong", "outcome.stored", "error",
    }  # fmt: skip
    assert named == set(messages.MESSAGE_TYPES) | control


def test_every_close_code_is_described(feed: dict[str, Any]) -> None:
    listed = feed["channels"]["feed"]["x-close-codes"]
    assert [each["code"] for each in listed] == [each.code for each in close_codes.CLOSE_CODES]
    assert {each["advice"] for each in listed} == {"reconnect", "sign in", "stop"}


def test_a_welcome_has_the_members_that_are_described(feed: dict[str, Any]) -> None:
    said = messages.welcome(
        agent="a",
        panel="p",
        tenant=Tenant("default"),
        version="1",
        epoch="e",
        session="s",
        expires=datetime.now(UTC),
    )
    payload = feed["components"]["messages"]["welcome"]["payload"]
    assert set(json.loads(said)) == set(payload["required"])


def test_a_server_gives_both_documents_to_anybody(
    tmp_path: Path, http: dict[str, Any], feed: dict[str, Any]
) -> None:
    with Server(tmp_path) as server:
        assert server.request("GET", "/openapi.json").json() == http
        assert server.request("GET", "/asyncapi.json").json() == feed
        for method, path in described(http):
            url = path.replace("{id}", "c-1")
            answer = server.request(method, url, b"" if method in ("POST", "PUT") else None)
            answers = http["paths"][path][method.lower()]["responses"]
            assert str(answer.status_code) in answers, f"{method} {path}: {answer.text}"
