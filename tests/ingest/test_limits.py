"""Say "later" to who sends too much, and lose nothing of what was not acknowledged."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import httpx

from tests.ingest.doors import DOMAIN, EVENTS, OTHER_TENANT, QUEUE, RATE, metric, problem, together
from tests.server import Server, eventually

pytestmark = together

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
    assert post(hosts, key, batch(hosts, "flood-1", QUEUE)).status_code == 202
    answers = [post(hosts, key, batch(hosts, f"f-{n}", QUEUE)) for n in range(2 * RATE // QUEUE)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    problem(refused[0], 429)
    assert int(refused[0].headers["retry-after"]) >= 1


def test_one_key_that_floods_does_not_slow_another(hosts: Server) -> None:
    loud, quiet = fresh_key(hosts), fresh_key(hosts)
    while post(hosts, loud, batch(hosts, "loud", QUEUE)).status_code == 202:
        pass
    assert post(hosts, quiet, batch(hosts, "quiet", 1)).status_code == 202


def test_a_batch_above_the_queue_limit_is_taken_when_nothing_else_waits(hosts: Server) -> None:
    # Refused, it would come again for ever.
    answer = post(hosts, fresh_key(hosts), batch(hosts, "large", QUEUE + 5))
    assert (answer.status_code, answer.json()["accepted"]) == (202, QUEUE + 5)


def test_a_full_queue_refuses_at_once_and_keeps_what_waits(hosts: Server) -> None:
    keys = [fresh_key(hosts) for _ in range(2)]
    locked = sqlite3.connect(hosts.database, isolation_level=None, timeout=5)
    waiting: list[int] = []
    locked.execute("BEGIN IMMEDIATE")  # as a command line does while it writes
    try:
        first = threading.Thread(
            target=lambda: waiting.append(
                _alone(hosts, keys[0], batch(hosts, "waits", QUEUE)).status_code
            )
        )
        first.start()
        eventually(lambda: _queued(hosts) == QUEUE, "the first waits", within=1.5)
        refused = post(hosts, keys[1], batch(hosts, "turned-away", 1))
        assert "waiting" in problem(refused, 429)["detail"]
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        locked.execute("ROLLBACK")
        locked.close()
    first.join()
    assert waiting == [202]


def _alone(server: Server, key: str, body: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30) as own:
        head = {"Host": HOST, "x-api-key": key}
        return own.post(server.url + EVENTS, json=body, headers=head)


def _queued(server: Server) -> float:
    return metric(server, "screenpop_journal_queue")
