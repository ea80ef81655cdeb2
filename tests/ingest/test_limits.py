"""Say "later" to who sends too much, and lose nothing of what was not acknowledged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import httpx

from tests.ingest.doors import (
    DOMAIN,
    EVENTS,
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


def test_a_key_that_sends_too_many_events_is_told_when_to_come_again(hosts: Server) -> None:
    key = fresh_key(hosts)
    assert post(hosts, key, batch(hosts, "flood", 10 * RATE)).status_code == 202  # on credit
    answer = post(hosts, key, batch(hosts, "more", 1))
    assert "too many" in problem(answer, 429)["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= 10


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
    body = text(batch(hosts, "waits", QUEUE))
    request = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {keys[0]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    post(hosts, keys[1], batch(hosts, "waits", 1))  # a duplicate is looked up in the database
    with dial(hosts) as first, closing(sqlite3.connect(hosts.database, timeout=5)) as other:
        other.execute("BEGIN IMMEDIATE")  # as a command line does while it writes
        first.sendall(request.encode() + body)
        eventually(lambda: metric(hosts, "screenpop_journal_queue") == QUEUE, "the first waits")
        refused = post(hosts, keys[1], batch(hosts, "turned-away", 1))
        assert "waiting" in problem(refused, 429)["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        other.rollback()
        assert read_answer(first).status == 202
