"""Take large bodies within a budget and beside the loop, and lose none that was acknowledged."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapter import bodies
from adapter.bodies import SMALL
from adapter.events import Decoded
from adapter.telephony import amazon_firehose
from adapter.web import source_bodies
from tests.ingest import test_firehose as firehose
from tests.ingest.doors import FIREHOSE, Answer, head, read_answer, text
from tests.ingest.inside import Inside
from tests.server import eventually

LARGE = 3 * SMALL


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    with Inside(tmp_path) as made:
        yield made


class Upload:
    """A large request whose body comes in two halves."""

    def __init__(self, inside: Inside, key: str, name: str) -> None:
        body = text(firehose.request(firehose.record(name), identity=name)).ljust(LARGE)
        lines = (f"X-Amz-Firehose-Access-Key: {key}", f"Content-Length: {LARGE}")
        self._rest = body[LARGE // 2 :]
        self.socket = inside.dial()
        self.socket.sendall(head(inside, FIREHOSE, *lines) + body[: LARGE // 2])

    def finish(self) -> Answer:
        """Send the second half."""
        with self.socket:
            self.socket.sendall(self._rest)
            return read_answer(self.socket)


def held(inside: Inside) -> int:
    return inside.services.bodies.size


def test_large_bodies_have_room_together_and_what_is_too_much_is_to_come_again(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST", LARGE)
    first = Upload(inside, inside.key, "first")
    eventually(lambda: held(inside) == LARGE // 2, "the first half has come")
    second = Upload(inside, inside.other, "second")
    eventually(lambda: held(inside) == 2 * (LARGE // 2), "so has that of another")
    assert b"screenpop_body_bytes 786432.0" in inside.services.metrics.render()
    small = inside.report("created", "small")
    refused = Upload(inside, inside.other, "refused")
    with refused.socket:
        answer = read_answer(refused.socket)
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")
    assert b"too many large bodies" in answer.body
    with second.socket:
        pass  # it goes away, and leaves its room
    eventually(lambda: held(inside) == LARGE // 2, "it is gone")
    assert first.finish().status == 200
    assert held(inside) == 0
    assert inside.post(small).json()["duplicates"] == 1


def test_one_key_leaves_room_for_the_bodies_of_others(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_OF_KEY", LARGE)
    first = Upload(inside, inside.key, "first")
    eventually(lambda: held(inside) == LARGE // 2, "the first half has come")
    second = Upload(inside, inside.key, "second")
    eventually(lambda: held(inside) == 2 * (LARGE // 2), "so has that of the next")
    refused = Upload(inside, inside.key, "refused")
    with refused.socket:
        assert read_answer(refused.socket).status == 429
    assert Upload(inside, inside.other, "another").finish().status == 200
    with second.socket:
        pass
    eventually(lambda: held(inside) == LARGE // 2, "it is gone")
    assert first.finish().status == 200


def test_what_a_packed_body_is_when_unpacked_counts(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST", LARGE)
    first = Upload(inside, inside.other, "first")
    eventually(lambda: held(inside) == LARGE // 2, "the first half has come")
    packed = gzip.compress(text(firehose.request(firehose.record("packed"))).ljust(LARGE))
    lines = (f"X-Amz-Firehose-Access-Key: {inside.key}", f"Content-Length: {len(packed)}")
    with inside.dial() as peer:
        request = head(inside, FIREHOSE, *lines, "Content-Encoding: gzip") + packed
        peer.sendall(request)
        assert read_answer(peer).status == 429
        assert first.finish().status == 200
        peer.sendall(request)
        assert read_answer(peer).status == 200
    assert held(inside) == 0


@pytest.mark.parametrize("is_large", [True, False])
def test_a_large_body_is_decoded_beside_the_loop(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    threads: list[threading.Thread] = []
    real = amazon_firehose.decode

    def decode(body: bytes, *, received: datetime) -> tuple[str, Decoded]:
        threads.append(threading.current_thread())
        return real(body, received=received)

    monkeypatch.setattr(amazon_firehose, "decode", decode)
    body = text(firehose.request(firehose.record("beside")))
    key = {"x-amz-firehose-access-key": inside.key}
    answer = inside.http.post(
        inside.url + FIREHOSE, content=body.ljust(LARGE if is_large else 0), headers=key
    )
    assert answer.status_code == 200
    assert (threads[0] is not inside.thread) == is_large


def test_a_large_batch_is_taken_once_with_its_faults(inside: Inside) -> None:
    events: list[Any] = [inside.event("created", f"c-{number}") for number in range(900)]
    events[7] = {"id": ["no event"]}
    body = json.dumps(events).encode().ljust(LARGE)
    told = inside.request("POST", "/v1/events", body, scope="ingest").json()
    assert (told["accepted"], [each["index"] for each in told["rejected"]]) == (899, [7])


def test_many_members_are_unpacked_in_a_time_that_is_linear() -> None:
    few = [gzip.compress(b" " * 60_000_000), *(gzip.compress(b"x") for _ in range(990))]
    many = [*(gzip.compress(b"") for _ in range(990)), gzip.compress(os.urandom(30_000_000), 0)]
    started = time.process_time()
    assert len(source_bodies.gunzip(b"".join(few), 2**26)) == 60_000_990
    assert len(source_bodies.gunzip(b"".join(many), 2**26)) == 30_000_000
    assert time.process_time() - started < 5, "each member copies nothing of the others"
