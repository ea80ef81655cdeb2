"""Find the route of a path: ids with a slash, and methods that are not taken."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("routes")) as server:
        yield server


@pytest.mark.parametrize("contact", ["x/trace", "a/b", "50%", "50%25", "Zoë ✓", "x/trace/trace"])
def test_any_contact_can_be_read_and_traced(server: Server, contact: str) -> None:
    server.report("created", contact)
    path = f"/v1/contacts/{quote(contact, safe='')}"
    state = server.request("GET", path, scope="admin")
    assert (state.status_code, state.json().get("id")) == (200, contact)
    story = server.request("GET", f"{path}/trace", scope="admin")
    assert "received" in story.text


def test_a_slash_that_is_not_escaped_is_still_part_of_an_id(server: Server) -> None:
    server.report("created", "plain/slash")
    state = server.request("GET", "/v1/contacts/plain/slash", scope="admin")
    assert state.json()["id"] == "plain/slash"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/v1/admin/domains", "GET, HEAD, PUT"),
        ("POST", "/v1/admin/accounts/dev", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/", "GET, HEAD"),
        ("GET", "/v1/embedder", "POST"),
        ("PUT", "/v1/contacts/c-1/trace", "GET, HEAD"),
        ("POST", "/v1/feed", "GET, HEAD"),
    ],
)
def test_allow_names_every_method_of_the_path(
    server: Server, method: str, path: str, allow: str
) -> None:
    answer = server.request(method, path, scope="admin")
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["detail"] == f"use {allow}"


def test_a_path_at_which_nothing_is_is_named(server: Server) -> None:
    answer = server.request("GET", "/nothing%20here?a=b")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "nothing is at /nothing here"
    long = server.request("GET", f"/{'x' * 5000}").json()["detail"]
    assert len(long) < 300


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_who_asks_the_feed_for_no_websocket_is_told_to(
    server: Server, method: str, accept: str
) -> None:
    answer = server.http.request(method, server.url + "/v1/feed", headers={"accept": accept})
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["connection"] == "Upgrade"
    assert answer.headers["sec-websocket-version"] == "13"
    kind = "application/problem+json" if accept == "*/*" else "text/html; charset=utf-8"
    assert answer.headers["content-type"] == kind
    if (accept, method) == ("*/*", "GET"):
        assert answer.json()["type"] == "urn:screenpop:problem:refused"
