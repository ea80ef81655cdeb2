"""Hold the routes to HTTP: methods, media types, sizes, and what an unknown sender can cost."""

from __future__ import annotations

import gzip

import httpx
import pytest

from tests.ingest.doors import (
    AMAZON,
    EVENTS,
    FIREHOSE,
    crowd,
    dial,
    head,
    problem,
    read_answer,
    state,
    text,
    unknown,
    whole,
)
from tests.server import Server

LIMIT = 1024 * 1024
ROUTES = [EVENTS, AMAZON, FIREHOSE]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "BREW"])
@pytest.mark.parametrize(("path", "allow"), [(EVENTS, "POST, OPTIONS"), (AMAZON, "POST")])
def test_another_method_is_told_which_are_taken(
    server: Server, method: str, path: str, allow: str
) -> None:
    answer = server.request(method, path, scope="ingest")
    if answer.status_code == 501:
        assert method == "BREW"  # the HTTP parser knows no such method
        return
    problem(answer, 405)
    assert answer.headers["allow"] == allow


def test_head_is_answered_without_a_body(server: Server) -> None:
    answer = server.request("HEAD", EVENTS, scope="ingest")
    assert (answer.status_code, answer.content) == (405, b"")


def test_the_webhook_handshake_grants_what_was_asked(server: Server) -> None:
    asked = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}
    answer = server.request("OPTIONS", EVENTS, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answer.headers["webhook-allowed-rate"] == "120"
    assert "POST" in answer.headers["allow"]


def test_options_without_the_handshake_are_refused(server: Server) -> None:
    for path in ROUTES:
        answer = server.request("OPTIONS", path)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "application/cloudevents+avro",
        "application/cloudevents+json; charset=utf-16",
        "",
    ],
)
def test_another_media_type_is_not_taken(server: Server, kind: str) -> None:
    event = server.event("created", "media")
    answer = server.request("POST", EVENTS, event, scope="ingest", headers={"content-type": kind})
    problem(answer, 415)
    assert unknown(server, "media")


def test_a_packed_body_is_not_taken_where_nobody_sends_one(server: Server) -> None:
    packed = gzip.compress(text(server.event("created", "packed")))
    for path in (EVENTS, AMAZON):
        given = {"content-encoding": "gzip"}
        problem(server.request("POST", path, packed, scope="ingest", headers=given), 415)


def test_a_body_beyond_the_limit_is_refused_by_its_length(server: Server) -> None:
    answer = server.request("POST", EVENTS, b" " * (LIMIT + 1), scope="ingest")
    assert str(LIMIT) in problem(answer, 413)["detail"]


def test_a_body_of_chunks_is_refused_once_it_is_beyond_the_limit(server: Server) -> None:
    def chunks() -> list[bytes]:
        return [b" " * 65536] * (LIMIT // 65536 + 1)

    answer = server.http.post(
        server.url + EVENTS,
        content=iter(chunks()),
        headers={"x-api-key": server.secret("ingest"), "content-type": "application/json"},
    )
    problem(answer, 413)


def test_a_body_of_exactly_the_limit_is_taken(server: Server) -> None:
    event = text(server.event("created", "exact"))
    body = event + b" " * (LIMIT - len(event))
    assert server.request("POST", EVENTS, body, scope="ingest").status_code == 202


@pytest.mark.parametrize("path", ROUTES)
def test_an_unknown_sender_is_refused_before_its_body_is_read(server: Server, path: str) -> None:
    for line in ("X-Api-Key: sp_000000000000_wrong", "X-Nothing: here"):
        with dial(server) as connection:
            connection.sendall(head(server, path, f"Content-Length: {LIMIT}", line))
            answer = read_answer(connection)  # not one byte of the body has been sent
        assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_a_refusal_after_the_body_keeps_the_connection(server: Server) -> None:
    key = f"X-Api-Key: {server.secret('ingest')}"
    with dial(server) as connection:
        kind = "Content-Type: application/json"
        connection.sendall(head(server, EVENTS, key, kind, "Content-Length: 3") + b"bad")
        assert read_answer(connection).status == 400
        connection.sendall(whole(server, server.event("created", "after-a-refusal")))
        assert read_answer(connection).status == 202


def test_a_wrong_method_without_a_body_keeps_the_connection(server: Server) -> None:
    with dial(server) as connection:
        connection.sendall(head(server, EVENTS, method="DELETE"))
        answer = read_answer(connection)
    assert (answer.status, answer.headers.get("connection")) == (405, None)


def test_an_unknown_sender_that_asks_first_is_not_told_to_go_on(server: Server) -> None:
    asks = ("Expect: 100-continue", f"Content-Length: {LIMIT}")
    with dial(server) as connection:
        connection.sendall(head(server, EVENTS, *asks))
        assert connection.recv(64).startswith(b"HTTP/1.1 401 ")


def test_a_slow_sender_holds_nobody_up(server: Server) -> None:
    key = f"X-Api-Key: {server.secret('ingest')}"
    body = text(server.event("created", "slow"))
    lines = (key, "Content-Type: application/json", f"Content-Length: {len(body)}")
    with dial(server) as slow:
        slow.sendall(head(server, EVENTS, *lines) + body[:10])
        for number in range(20):
            server.report("created", f"quick-{number}")
        slow.sendall(body[10:])
        assert read_answer(slow).status == 202


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(server: Server) -> None:
    key = f"X-Api-Key: {server.secret('ingest')}"
    body = text(server.event("created", "gone"))
    lines = (key, "Content-Type: application/json", f"Content-Length: {len(body)}")
    with dial(server) as connection:
        connection.sendall(head(server, EVENTS, *lines) + body[:-1])
    server.report("created", "after-gone")
    assert unknown(server, "gone")
    assert "rror" not in server.log()


def test_a_range_header_changes_nothing(server: Server) -> None:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
    event = server.event("created", "range")
    answer = server.post(event, headers={"range": "bytes=0-1048575"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert "content-range" not in answer.headers


def test_a_sender_may_close_after_each_event(server: Server) -> None:
    for number in range(3):
        event = server.event("created", f"close-{number}")
        with httpx.Client(trust_env=False) as once:
            answer = once.post(
                server.url + EVENTS,
                json=event,
                headers={"connection": "close", "x-api-key": server.secret("ingest")},
            )
        assert answer.status_code == 202
        assert answer.headers["connection"] == "close"


def test_a_hundred_connections_at_once_are_all_answered(server: Server) -> None:
    with crowd(server, 100) as connections:
        for number, connection in enumerate(connections):
            connection.sendall(whole(server, server.event("created", f"crowd-{number}")))
        assert [read_answer(each).status for each in connections] == [202] * 100
    assert state(server, "crowd-99")["stage"] == "created"


def test_another_path_is_not_found(server: Server) -> None:
    for path in ("/v1/events/", "/v1/event", "/v1/events/unknown", "//v1/events"):
        assert server.request("POST", path, {}, scope="ingest").status_code == 404
