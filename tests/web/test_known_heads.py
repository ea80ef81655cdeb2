"""A head that comes again is not parsed and checked again, and nothing gets by because of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapter import pipeline
from adapter.office import opened
from adapter.tenants import DEFAULT
from adapter.web import known_heads
from adapter.web.known_heads import MOST, KnownHead
from adapter.web.short_ingest import Post
from adapter.web.short_requests import IN_VAIN, ShortConnection
from tests.server import eventually
from tests.web.short_ways import STRUCTURED, Reading, Ways, connected, event, post, status


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the bodies whose heads were not parsed again."""
    bodies: list[bytes] = []
    real = Post.reuse_checks

    def reuse_checks(request: Post, head: KnownHead, body: bytes) -> None:
        bodies.append(body)
        real(request, head, body)

    monkeypatch.setattr(Post, "reuse_checks", reuse_checks)
    return bodies


@pytest.fixture
def peer(ways: Ways) -> Iterator[socket.socket]:
    """Give a connection whose last head is that of `usual`."""
    with ways.warm() as warmed:
        yield warmed


@pytest.fixture
def slow_commits(peer: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each commit begin after a second, as where a disk takes its time."""
    real = Post._decode_in_turn  # noqa: SLF001

    def commit(request: Post, *found: Any) -> None:
        asyncio.get_running_loop().call_later(1.0, real, request, *found)

    monkeypatch.setattr(Post, "_decode_in_turn", commit)


def usual(ways: Ways, body: bytes, *lines: str) -> bytes:
    return post(body, f"X-Api-Key: {ways.key}", STRUCTURED, *lines)


def ask(peer: socket.socket, *pieces: bytes) -> bytes:
    """Send pieces with a pause between them; give the answer."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(0.02)
        peer.sendall(piece)
    return Reading(peer).answer()


def test_bodies_of_any_length_follow_a_known_head(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    bodies = [event(data={"queue": "q" * length}) for length in (1, 9, 90, 250)]
    for body in bodies:
        assert b'"accepted":1' in ask(peer, usual(ways, body))
    assert known == bodies


def test_what_is_refused_of_a_known_head_says_why_and_the_next_is_taken(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    assert status(ask(peer, usual(ways, b"{"))) == 400
    assert status(ask(peer, usual(ways, b""))) == 400
    assert status(ask(peer, usual(ways, event()))) == 202
    assert len(known) == 3


def test_a_body_beyond_the_limit_is_refused_behind_a_known_head(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    assert status(ask(peer, usual(ways, event().ljust(ways.warmed.body_limit + 1)))) == 413
    assert known == []


@pytest.mark.parametrize("cut", [1, 30, 120, -2, -1])
def test_a_known_head_in_pieces_is_parsed(
    ways: Ways, peer: socket.socket, known: list[bytes], cut: int
) -> None:
    request = usual(ways, event())
    assert status(ask(peer, request[:cut], request[cut:])) == 202
    assert known == []
    assert status(ask(peer, usual(ways, event()))) == 202


def test_a_piece_that_looks_like_a_whole_request_stays_a_piece(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    inner = usual(ways, event())
    outer = usual(ways, inner)
    head = outer[: -len(inner)]
    assert status(ask(peer, head, inner)) == 400  # it is a body, and no event
    assert known == []


def test_a_known_head_in_the_midst_of_another_is_none(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    begun = b"GET /nowhere HTTP/1.0\r\nX-More: "
    assert status(ask(peer, begun, usual(ways, event()))) == 404
    assert known == []


def test_a_second_request_in_the_same_chunk_is_answered_in_its_turn(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    first, second = event(), event()
    peer.sendall(usual(ways, first) + post(second, "X-Api-Key: wrong", STRUCTURED))
    read = Reading(peer)
    assert [status(read.answer()), status(read.answer())] == [202, 401]
    assert known == []


def test_a_request_before_the_answer_to_a_known_one_waits_for_it(
    ways: Ways, peer: socket.socket, known: list[bytes], slow_commits: None
) -> None:
    peer.sendall(usual(ways, event()))
    time.sleep(0.1)
    peer.sendall(usual(ways, b"{"))
    read = Reading(peer)
    assert [status(read.answer()), status(read.answer())] == [202, 400]
    assert len(known) == 1


@pytest.mark.parametrize("more", [b"\r\n", b"x", b"\0 noise\r\n\r\n"])
def test_what_follows_a_body_is_left_to_the_parser(
    ways: Ways, peer: socket.socket, known: list[bytes], more: bytes
) -> None:
    ask(peer, usual(ways, event()) + more)
    assert known == []


def test_a_body_that_is_too_short_is_waited_for(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    body = event()
    request = usual(ways, body)
    peer.sendall(request[:-5])
    peer.settimeout(0.2)
    with pytest.raises(TimeoutError):
        peer.recv(1)
    assert known == []
    peer.settimeout(10)
    assert b'"accepted":1' in ask(peer, request[-5:])


def test_a_head_of_which_the_parser_had_more_is_not_remembered(
    ways: Ways, known: list[bytes]
) -> None:
    """The key came in an earlier chunk: the later one alone must not pass for it."""
    body = event()
    later = post(body, STRUCTURED)
    with connected(ways.ports[2]) as peer:
        earlier = f"POST /v1/events HTTP/1.1\r\nX-Api-Key: {ways.key}\r\nX-More: ".encode()
        assert status(ask(peer, earlier, later)) == 202
        assert status(ask(peer, later)) == 401
    assert known == []


@pytest.mark.parametrize("line", ["webhook-signature: v1,x", f"X-More: {'x' * MOST}"])
def test_what_is_unusual_is_not_remembered(ways: Ways, known: list[bytes], line: str) -> None:
    with connected(ways.ports[2]) as peer:
        for _ in range(2):
            ask(peer, usual(ways, event(), line))
    assert known == []


def test_heads_that_are_never_the_same_are_not_remembered_for_ever(
    ways: Ways, known: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: list[bytes] = []
    real = known_heads.remember

    def remember(chunk: bytes, *found: Any, **more: Any) -> KnownHead | None:
        remembered.append(chunk)
        return real(chunk, *found, **more)

    monkeypatch.setattr(known_heads, "remember", remember)
    with connected(ways.ports[2]) as peer:
        for number in range(IN_VAIN + 3):
            ask(peer, usual(ways, event(), f"X-Request-Id: {number}"))
    assert len(remembered) == IN_VAIN
    assert known == []


def test_a_refused_head_is_not_remembered(ways: Ways, known: list[bytes]) -> None:
    with connected(ways.ports[2]) as peer:
        assert status(ask(peer, usual(ways, b"{"))) == 400
        assert status(ask(peer, usual(ways, event()))) == 202
        assert known == []
        assert status(ask(peer, usual(ways, event()))) == 202
        assert len(known) == 1


def test_a_revoked_key_is_refused_within_a_second_behind_a_known_head(
    ways: Ways, known: list[bytes]
) -> None:
    with opened(ways.warmed) as office:
        key = office.create_key("default", "ingest", "short-lived")
    lines = (f"Authorization: Bearer {key.secret}", STRUCTURED)
    eventually(lambda: status(_ask_anew(ways, lines)) == 202, "the server knows the key")
    with connected(ways.ports[2]) as peer:
        for _ in range(2):
            assert status(ask(peer, post(event(), *lines))) == 202
        assert len(known) == 1
        with opened(ways.warmed) as office:
            office.revoke_key(key.id)
        revoked = time.monotonic()
        while status(ask(peer, post(event(), *lines))) != 401:
            assert time.monotonic() < revoked + 1
            time.sleep(0.02)


def _ask_anew(ways: Ways, lines: tuple[str, ...]) -> bytes:
    with connected(ways.ports[2]) as peer:
        return ask(peer, post(event(), *lines))


def test_a_key_revoked_between_its_check_and_the_answer_is_not_remembered(
    ways: Ways, known: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pipeline.accept

    def accept(batch: Any, *found: Any) -> Any:
        batch.registry.refresh()
        return real(batch, *found)

    with connected(ways.ports[2]) as peer:
        with monkeypatch.context() as changing:
            changing.setattr(pipeline, "accept", accept)
            assert status(ask(peer, usual(ways, event()))) == 202
        assert status(ask(peer, usual(ways, event()))) == 202
    assert known == []


def test_whoever_looks_at_what_came_sees_the_length_that_was_said(
    ways: Ways, peer: socket.socket, known: list[bytes]
) -> None:
    body = event(data={"queue": "a queue with a long name, which makes the body longer"})
    ask(peer, usual(ways, body))
    assert known == [body]
    latest = ways.services[2].recent_requests.of(DEFAULT)["cloudevents"][0]
    assert latest.body == body
    assert latest.accepted == 1
    assert latest.headers == [
        (b"host", b"here"),
        (b"x-api-key", ways.key.encode()),
        (b"content-type", b"application/cloudevents+json"),
        (b"content-length", b"%d" % len(body)),
    ]


def test_who_came_by_tls_is_told_so_behind_a_known_head(ways: Ways, known: list[bytes]) -> None:
    with connected(ways.ports[2]) as peer:
        for _ in range(2):
            answer = ask(peer, usual(ways, event(), "X-Forwarded-Proto: https"))
            assert b"strict-transport-security" in answer
    assert len(known) == 1


@pytest.fixture
def hasty(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the deadlines of new connections short."""
    monkeypatch.setattr(ShortConnection, "head_seconds", 0.4)
    monkeypatch.setattr(ShortConnection, "body_silence", 0.4)
    monkeypatch.setattr(ways.servers[2].config, "timeout_keep_alive", 0.5)


@pytest.mark.parametrize("what", ["tail", "idle", "head", "body"])
def test_the_deadlines_hold_behind_a_known_head(
    ways: Ways, hasty: None, peer: socket.socket, known: list[bytes], what: str
) -> None:
    request = usual(ways, event())
    part = {"tail": b"\r\n", "idle": b"", "head": request[:60], "body": request[:-9]}[what]
    assert status(ask(peer, request)) == 202
    assert len(known) == 1
    peer.sendall(part)
    began, said = time.monotonic(), b""
    while more := peer.recv(65536):
        said += more
    assert time.monotonic() - began < 5
    assert said.startswith(b"HTTP/1.1 408 ") == (what in ("head", "body"))


def test_a_connection_is_not_idle_while_a_request_with_a_known_head_waits(
    ways: Ways, hasty: None, peer: socket.socket, known: list[bytes], slow_commits: None
) -> None:
    assert status(ask(peer, usual(ways, event()))) == 202
    assert len(known) == 1


@pytest.mark.parametrize("filling", [0, 1000, 3000])
def test_a_connection_keeps_no_more_of_a_head_than_one_may_be(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, filling: int
) -> None:
    heads: list[KnownHead] = []
    real = Post.reuse_checks

    def reuse_checks(request: Post, head: KnownHead, body: bytes) -> None:
        heads.append(head)
        real(request, head, body)

    monkeypatch.setattr(Post, "reuse_checks", reuse_checks)
    more = f"X-More: {'x' * filling}"
    with ways.warm(usual(ways, b"", more)) as peer:
        for length in range(40):
            assert status(ask(peer, usual(ways, event(data={"queue": "q" * length}), more))) == 202
    assert len(heads) == 40
    kept = [text for text, _ in heads[-1]._by_length.values()]  # noqa: SLF001
    assert kept
    assert sum(map(len, kept)) <= MOST
    assert len(kept) > 9 or filling
