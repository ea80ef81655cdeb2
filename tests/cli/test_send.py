from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from starlette.responses import JSONResponse, Response

from tests.cli import servers
from tests.cli.conftest import Run

EVENT = '{"specversion": "1.0", "id": "e-1"}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def receipt(accepted: int = 1, **more: object) -> Response:
    counts = {"accepted": accepted, "duplicates": 0, "ignored": 0, "rejected": [], **more}
    return JSONResponse(counts, 202)


def problem(status: int, **headers: str) -> Response:
    return JSONResponse(
        {"title": "No", "detail": "because\nof this"},
        status,
        headers,
        media_type="application/problem+json",
    )


def test_an_event_is_posted_as_it_is_and_the_receipt_printed(
    screenpop: Run, tmp_path: Path
) -> None:
    file = tmp_path / "event.json"
    file.write_text(EVENT)
    with servers.ingest(receipt()) as door:
        done = screenpop("send", str(file), "--url", door.url, "--key", "k-1")
    assert (done.returncode, done.stdout) == (
        0,
        "accepted 1, duplicates 0, ignored 0, rejected 0\n",
    )
    (request,) = door.received
    assert request.path == "/v1/events"
    assert request.body == EVENT.encode()
    assert request.headers["authorization"] == "Bearer k-1"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert "webhook-id" not in request.headers


def test_the_key_and_url_may_stand_in_the_environment(screenpop: Run) -> None:
    with servers.ingest(receipt()) as door:
        screenpop("send", stdin=EVENT, SCREENPOP_URL=door.url, SCREENPOP_KEY="k-2")
    assert door.received[0].headers["authorization"] == "Bearer k-2"


def test_an_array_is_one_batch(screenpop: Run) -> None:
    with servers.ingest(receipt(2)) as door:
        done = screenpop("send", "-", "--url", door.url, "--json", stdin=f"[{EVENT},\n{EVENT}]")
    (request,) = door.received
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    assert json.loads(done.stdout)["accepted"] == 2


def test_a_platforms_own_door_gets_plain_json(screenpop: Run) -> None:
    with servers.ingest(receipt()) as door:
        screenpop("send", "--url", f"{door.url}/v1/events/amazon-connect", stdin=EVENT)
    (request,) = door.received
    assert request.path == "/v1/events/amazon-connect"
    assert request.headers["content-type"] == "application/json"


def test_a_name_under_localhost_is_sent_as_host(screenpop: Run) -> None:
    with servers.ingest(receipt()) as door:
        screenpop("send", "--url", f"http://screenpop.localhost:{door.port}", stdin=EVENT)
    assert door.received[0].headers["host"] == f"screenpop.localhost:{door.port}"


def test_json_lines_go_out_one_by_one_and_are_summed_up(screenpop: Run) -> None:
    with servers.ingest(receipt(), receipt(0, duplicates=1), receipt()) as door:
        done = screenpop("send", "--url", door.url, stdin=f"{EVENT}\n{EVENT}\n\n{EVENT}\n")
    assert len(door.received) == 3
    assert done.stdout == "accepted 2, duplicates 1, ignored 0, rejected 0\n"


def test_a_line_is_sent_while_the_pipe_is_still_open(clean_environment: dict[str, str]) -> None:
    with (
        servers.ingest(receipt()) as door,
        subprocess.Popen(
            [sys.executable, "-m", "adapter", "send", "--url", door.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=clean_environment,
        ) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(EVENT.encode() + b"\n")
        process.stdin.flush()
        until = time.monotonic() + 20
        while not door.received and time.monotonic() < until:
            time.sleep(0.02)
        arrived = len(door.received)
        process.stdin.close()
        assert process.wait(20) == 0
    assert arrived == 1


def test_what_was_not_acknowledged_is_sent_again_as_the_server_asks(screenpop: Run) -> None:
    again = problem(429, **{"Retry-After": "1"})
    with servers.ingest(again, Response(status_code=503), receipt()) as door:
        began = time.monotonic()
        done = screenpop("send", "--url", door.url, "--signing-secret", SECRET, stdin=EVENT)
        took = time.monotonic() - began
    assert done.returncode == 0
    assert took > 1.5  # Retry-After's second, then the second wait of one
    assert len(door.received) == 3
    assert len({request.headers["webhook-id"] for request in door.received}) == 1
    for request in door.received:
        Webhook(SECRET).verify(request.body, request.headers)


def test_a_server_that_is_not_there_yet_is_waited_for(screenpop: Run) -> None:
    with servers.ingest(receipt()) as door:
        port = door.port
    results: list[int] = []
    sender = threading.Thread(
        target=lambda: results.append(
            screenpop("send", "--url", f"http://127.0.0.1:{port}", stdin=EVENT).returncode
        )
    )
    sender.start()
    time.sleep(1)
    with servers.ingest(receipt(), port=port):
        sender.join()
    assert results == [0]


def test_after_the_last_try_the_exit_code_says_later(screenpop: Run) -> None:
    with servers.ingest(problem(503)) as door:
        done = screenpop("send", "--url", door.url, "--retries", "1", stdin=EVENT)
    assert (done.returncode, len(door.received)) == (5, 2)
    assert done.stderr.splitlines()[-1] == "screenpop: HTTP 503: No: because\\nof this"


@pytest.mark.parametrize(
    ("status", "code"), [(401, 3), (403, 3), (404, 4), (421, 4), (302, 1), (418, 1)]
)
def test_a_refusal_is_one_line_and_stops_at_once(screenpop: Run, status: int, code: int) -> None:
    with servers.ingest(problem(status)) as door:
        done = screenpop("send", "--url", door.url, "--key", "secret-k", stdin=f"{EVENT}\n{EVENT}")
    assert (done.returncode, len(door.received)) == (code, 1)
    assert done.stderr == f"screenpop: HTTP {status}: No: because\\nof this\n"
    assert "secret-k" not in done.stdout


def test_one_bad_line_does_not_hold_back_the_next(screenpop: Run) -> None:
    with servers.ingest(problem(400), receipt()) as door:
        done = screenpop("send", "--url", door.url, stdin=f"{EVENT}\n{EVENT}\n")
    assert (done.returncode, len(door.received)) == (2, 2)
    assert done.stderr.startswith("line 1: HTTP 400")
    assert done.stdout == "accepted 1, duplicates 0, ignored 0, rejected 1\n"


def test_all_events_of_a_batch_that_is_refused_are_counted(screenpop: Run) -> None:
    with servers.ingest(problem(400)) as door:
        done = screenpop("send", "--url", door.url, stdin=f"[{EVENT}, {EVENT}, {EVENT}]")
    assert done.returncode == 2
    assert done.stdout == "accepted 0, duplicates 0, ignored 0, rejected 3\n"


def test_events_that_a_batch_lost_are_named(screenpop: Run) -> None:
    rejected = [{"index": 1, "detail": "/type: missing"}]
    with servers.ingest(receipt(1, rejected=rejected)) as door:
        done = screenpop("send", "--url", door.url, stdin=f"[{EVENT}, {{}}]")
    assert done.returncode == 2
    assert done.stderr == "line 1, event 1: /type: missing\n"


def test_a_rate_keeps_requests_apart(screenpop: Run) -> None:
    with servers.ingest(receipt()) as door:
        began = time.monotonic()
        screenpop("send", "--url", door.url, "--rate", "4", stdin=f"{EVENT}\n" * 5)
    assert time.monotonic() - began > 1.0


def test_an_answer_that_is_no_receipt_is_a_failure(screenpop: Run) -> None:
    with servers.ingest(Response("<html>", 200)) as door:
        done = screenpop("send", "--url", door.url, stdin=EVENT)
    assert done.returncode == 1
    assert "is this a Screenpop server?" in done.stderr


def test_nothing_to_send_is_malformed(screenpop: Run) -> None:
    done = screenpop("send", "--url", "http://127.0.0.1:9", stdin="")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
