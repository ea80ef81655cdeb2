"""Say "later" to who sends too much, and lose nothing of what was not acknowledged."""

from __future__ import annotations

import gzip
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.ingest.doors import (
    AMAZON,
    DOMAIN,
    EVENTS,
    FIREHOSE,
    OTHER_TENANT,
    QUEUE,
    RATE,
    dial,
    metric,
    problem,
    read_answer,
    text,
)
from tests.server import Server, eventually

HOST = f"{OTHER_TENANT}.{DOMAIN}"


def fresh_key(server: Server) -> str:
    """Give a key whose allowance nobody has touched."""
    with server.office() as office:
        made = office.create_key(OTHER_TENANT, "ingest", "fresh")
    eventually(lambda: post(server, made.secret, []).status_code == 202, "the key is known")
    return made.secret


def post(server: Server, key: str, body: Any) -> httpx.Response:
    head = {"Host": HOST, "x-api-key": key}
    return server.http.post(server.url + EVENTS, json=body, headers=head)


def batch(server: Server, name: str, count: int) -> list[dict[str, Any]]:
    return [server.event("created", name, id=f"{name}-{number}") for number in range(count)]


def linking(server: Server, name: str, count: int) -> list[dict[str, Any]]:
    """Make events of which each links a contact anew, which takes a transaction."""
    return [server.event("created", name, links=[f"{name}-{number}"]) for number in range(count)]


def test_a_key_that_sends_too_many_events_is_told_when_to_come_again(hosts: Server) -> None:
    key = fresh_key(hosts)
    assert post(hosts, key, batch(hosts, "flood", 10 * RATE)).status_code == 202  # on credit
    answer = post(hosts, key, batch(hosts, "more", 1))
    assert "too many" in problem(answer, 429)["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= 10


BROKEN = b'{"data":'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (EVENTS, BROKEN),
        (AMAZON, BROKEN),
        (FIREHOSE, BROKEN),
        (FIREHOSE, gzip.compress(b"x" * 1000)[:-9]),
    ],
    ids=["cloudevents", "amazon-connect", "firehose", "packed"],
)
def test_a_body_that_cannot_be_read_costs_what_an_event_costs(
    hosts: Server, path: str, body: bytes
) -> None:
    head = {"Host": HOST, "x-api-key": fresh_key(hosts), "content-type": "application/json"}
    if body != BROKEN:
        head["content-encoding"] = "gzip"

    def ask() -> tuple[int, str | None]:
        answer = hosts.http.post(hosts.url + path, content=body, headers=head)
        return answer.status_code, answer.headers.get("retry-after")

    check_costs(ask)


def test_such_a_body_costs_as_much_where_it_comes_together_with_its_head(hosts: Server) -> None:
    lines = (f"X-Api-Key: {fresh_key(hosts)}", f"Content-Length: {len(BROKEN)}")
    first = (f"POST {EVENTS} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json")
    request = "\r\n".join([*first, *lines, "", ""]).encode() + BROKEN
    with dial(hosts) as connection:

        def ask() -> tuple[int, str | None]:
            connection.sendall(request)
            answer = read_answer(connection)
            return answer.status, answer.headers.get("retry-after")

        check_costs(ask)


def check_costs(ask: Callable[[], tuple[int, str | None]]) -> None:
    """Send too many, and check how many are read; `ask` gives a status and when to come again."""
    began = time.monotonic()
    answers = [ask() for _ in range(5 * RATE)]
    taken, refused = answers.count((400, None)), answers.count((429, "1"))
    assert taken + refused == 5 * RATE
    assert RATE / 2 < taken <= 1 + RATE * (1 + time.monotonic() - began)


def test_one_key_that_floods_does_not_slow_another(hosts: Server) -> None:
    loud, quiet = fresh_key(hosts), fresh_key(hosts)
    assert post(hosts, loud, batch(hosts, "loud", 10 * RATE)).status_code == 202
    assert post(hosts, loud, batch(hosts, "loud", 1)).status_code == 429
    assert post(hosts, quiet, batch(hosts, "quiet", 1)).status_code == 202


def test_a_batch_above_the_queue_limit_is_taken_when_nothing_else_waits(hosts: Server) -> None:
    # Refused, it would come again for ever.
    answer = post(hosts, fresh_key(hosts), batch(hosts, "large", QUEUE + 5))
    assert (answer.status_code, answer.json()["accepted"]) == (202, QUEUE + 5)


def test_a_full_queue_refuses_at_once_and_keeps_what_waits(hosts: Server) -> None:
    keys = [fresh_key(hosts) for _ in range(2)]
    body = text(linking(hosts, "waits", QUEUE))
    request = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {keys[0]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with dial(hosts) as first, closing(sqlite3.connect(hosts.database, timeout=5)) as other:
        other.execute("BEGIN IMMEDIATE")  # as a command line does while it writes
        first.sendall(request.encode() + body)
        eventually(lambda: metric(hosts, "screenpop_journal_queue") == QUEUE, "the first waits")
        refused = post(hosts, keys[1], linking(hosts, "refused", 1))
        assert "waiting" in problem(refused, 429)["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        passes = post(hosts, keys[1], batch(hosts, "passes", 1))  # no transaction, no queue
        assert passes.status_code == 202
        other.rollback()
        assert read_answer(first).status == 202
