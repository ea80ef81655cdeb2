"""The hot POST is answered without ASGI, byte for byte as the application would answer it.

Each request goes three ways: without ASGI, with it, and without it on a connection whose last head
is remembered.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter import pipeline
from adapter.errors import StoreUnavailable
from adapter.office import opened
from adapter.telephony import standard_webhooks
from adapter.tenants import DEFAULT
from adapter.web.known_heads import MOST, KnownHead
from adapter.web.short_ingest import Post
from adapter.web.short_requests import ShortConnection
from tests.server import eventually
from tests.web.short_ways import (
    LIMIT,
    PLAIN,
    STRUCTURED,
    Reading,
    Ways,
    chunked,
    connected,
    event,
    post,
    status,
)
from tests.web.test_recordings import name_bucket


@pytest.fixture
def taken(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the bodies that have gone the short way, not on the server to be warmed up."""
    bodies: list[bytes] = []
    real = Post.check

    def check(request: Post, body: bytes) -> None:
        if request.services is ways.services[0]:
            bodies.append(body)
        real(request, body)

    monkeypatch.setattr(Post, "check", check)
    return bodies


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


def test_one_event_is_accepted_and_then_known(
    ways: Ways, taken: list[bytes], known: list[bytes]
) -> None:
    body = event()
    request = post(body, f"Authorization: Bearer {ways.key}", STRUCTURED)
    (first,) = ways.same(request)
    (second,) = ways.same(request)
    assert first.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert first.endswith(b'{"accepted":1,"duplicates":0,"ignored":0,"rejected":[]}')
    assert second.endswith(b'{"accepted":0,"duplicates":1,"ignored":0,"rejected":[]}')
    assert taken == [body, body]
    assert known == [body, body]


def _with_length(text: str) -> Callable[[Ways], bytes]:
    """Say the length of a body in another way."""

    def write(ways: Ways) -> bytes:
        body = event()
        lines = (f"Host: here\r\nX-Api-Key: {ways.key}\r\n{STRUCTURED}\r\n").encode()
        length = text.encode().replace(b"%x", b"%x" % len(body)).replace(b"%d", b"%d" % len(body))
        first = b"POST /v1/events HTTP/1.1\r\n"
        return b"%b%bContent-Length:%b\r\n\r\n%b" % (first, lines, length, body)

    return write


def _with_blanks(name: bytes) -> Callable[[Ways], bytes]:
    """Write blanks behind the value of a header."""

    def write(ways: Ways) -> bytes:
        lines = (f"X-Api-Key: {ways.key}", STRUCTURED, "Content-Encoding: identity")
        text = post(event(), *lines)
        return re.sub(rb"(%b: [^\r]*)" % name, rb"\1 \t ", text, count=1)

    return write


REQUESTS: dict[str, tuple[int, Callable[[Ways], bytes]]] = {
    "basic key": (202, lambda p: post(event(), f"Authorization: Bearer {p.key}", PLAIN)),
    "upper case": (202, lambda p: post(event(), f"X-API-KEY: {p.key}", STRUCTURED)),
    "a batch": (
        202,
        lambda p: post(b"[%b,{},%b]" % (event(), event()), f"X-Api-Key: {p.key}", PLAIN),
    ),
    "an empty batch": (202, lambda p: post(b"[]", f"X-Api-Key: {p.key}", PLAIN)),
    "another type": (202, lambda p: post(event(type="other"), f"X-Api-Key: {p.key}", STRUCTURED)),
    "binary mode": (
        202,
        lambda p: post(
            b'{"agent":"bob"}',
            *(f"X-Api-Key: {p.key}", PLAIN, "ce-specversion: 1.0", "ce-id: b-1"),
            *("ce-source: urn:b", "ce-subject: c-2", "ce-type: screenpop.contact.offered"),
        ),
    ),
    "close": (202, lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "Connection: close")),
    "by TLS": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: https"),
    ),
    "by TLS, and close": (
        202,
        lambda p: post(
            event(),
            *(f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: https", "Connection: close"),
        ),
    ),
    "by nothing known": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "X-Forwarded-Proto: gopher"),
    ),
    "refused by TLS": (401, lambda _: post(event(), PLAIN, "X-Forwarded-Proto: https")),
    "HTTP/1.0": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/events HTTP/1.0"),
    ),
    "a query": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/events?a=b HTTP/1.1"),
    ),
    "the whole address": (
        202,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", PLAIN, first="POST http://here/v1/events HTTP/1.1"
        ),
    ),
    "an escaped path": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, first="POST /v1/%65vents HTTP/1.1"),
    ),
    "Amazon's route": (
        400,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", first="POST /v1/events/amazon-connect HTTP/1.1"
        ),
    ),
    "an upgrade to nothing known": (
        202,
        lambda p: post(
            event(), f"X-Api-Key: {p.key}", PLAIN, "Connection: Upgrade", "Upgrade: h2c"
        ),
    ),
    "no key": (401, lambda _: post(event(), STRUCTURED)),
    "a wrong key": (401, lambda _: post(event(), "X-Api-Key: sp_000000000000_x", STRUCTURED)),
    "another kind of key": (401, lambda _: post(event(), "Authorization: Digest x", STRUCTURED)),
    "a key of another scope": (403, lambda p: post(event(), f"X-Api-Key: {p.other_key}", PLAIN)),
    "no media type": (415, lambda p: post(event(), f"X-Api-Key: {p.key}")),
    "another media type": (
        415,
        lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Type: text/plain"),
    ),
    "packed": (415, lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Encoding: gzip")),
    "no JSON": (400, lambda p: post(b"{", f"X-Api-Key: {p.key}", PLAIN)),
    "nothing at all": (400, lambda p: post(b"", f"X-Api-Key: {p.key}", PLAIN)),
    "nothing, from nobody": (401, lambda _: post(b"", PLAIN)),
    "a bad event": (400, lambda p: post(event(subject=""), f"X-Api-Key: {p.key}", STRUCTURED)),
    "nested too deep": (413, lambda p: post(b"[" * 99, f"X-Api-Key: {p.key}", STRUCTURED)),
    "too long": (413, lambda p: post(b" " * (LIMIT + 1), f"X-Api-Key: {p.key}", PLAIN)),
    "too long, from nobody": (401, lambda _: post(b" " * (LIMIT + 1), PLAIN)),
    "as long as may be": (
        202,
        lambda p: post(event().ljust(LIMIT), f"X-Api-Key: {p.key}", PLAIN),
    ),
    "another method": (405, lambda _: post(b"", first="DELETE /v1/events HTTP/1.1")),
    "no method": (501, lambda _: post(b"", first="BREW /v1/events HTTP/1.1")),
    "no HTTP": (400, lambda _: b"Hello\r\n\r\n"),
    **{
        f"a length of {text!r}": (expected, _with_length(text))
        for text, expected in (
            *(("+%d", 400), ("0%d", 202), ("%d ", 202), (" %d", 202), ("\t%d", 202)),
            *(("-%d", 400), ("%d,%d", 400), ("0x%x", 400), ("%d.0", 400)),
        )
    },
    **{
        f"blanks behind {name!r}": (202, _with_blanks(name))
        for name in (b"Host", b"X-Api-Key", b"Content-Type", b"Content-Length", b"Content-Encoding")
    },
    "no line is ended as it should be": (
        400,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN).replace(b"\r\n", b"\n"),
    ),
    "one line is not ended as it should be": (
        400,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN).replace(b"here\r\n", b"here\n"),
    ),
    "a line is folded": (
        400,
        lambda p: post(event(), "X-Api-Key:", f" {p.key}", PLAIN, "X-More: a", " b"),
    ),
    "a line in front": (202, lambda p: b"\r\n" + post(event(), f"X-Api-Key: {p.key}", PLAIN)),
    "a length and chunks": (
        400,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, "Transfer-Encoding: chunked"),
    ),
    "a long head": (
        202,
        lambda p: post(event(), f"X-Api-Key: {p.key}", PLAIN, f"X-More: {'x' * MOST}"),
    ),
    "a file in a bucket": (
        202,
        lambda p: post(
            event(
                source="aws.s3", data={"recording": {"url": "https://other.s3.amazonaws.com/a.wav"}}
            ),
            *(f"X-Api-Key: {p.key}", STRUCTURED),
        ),
    ),
    "two lengths": (
        400,
        lambda p: post(event(), f"X-Api-Key: {p.key}", "Content-Length: 1"),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_any_request_is_answered_the_same_on_both_ways(ways: Ways, name: str) -> None:
    expected, request = REQUESTS[name]
    answer = ways.same(request(ways))[0]
    assert status(answer) == expected, answer


@pytest.mark.parametrize("name", REQUESTS)
def test_any_request_in_two_pieces_is_answered_the_same(ways: Ways, name: str) -> None:
    expected, request = REQUESTS[name]
    whole = request(ways)
    answer = ways.same(whole[:-1], whole[-1:])[0]
    assert status(answer) == expected, answer


def test_a_request_of_tls_is_told_to_come_by_tls_again(ways: Ways) -> None:
    (answer,) = ways.same(REQUESTS["by TLS"][1](ways))
    assert b"strict-transport-security: max-age=" in answer
    (answer,) = ways.same(REQUESTS["by nothing known"][1](ways))
    assert b"strict-transport-security" not in answer


def test_who_packs_a_body_is_told_to_send_it_plain(ways: Ways) -> None:
    answer = ways.same(REQUESTS["packed"][1](ways))[0]
    assert b"\r\naccept-encoding: identity\r\n" in answer
    answer = ways.same(REQUESTS["another media type"][1](ways))[0]
    assert b"accept-encoding" not in answer


def test_files_of_buckets_that_no_account_names_are_ignored(ways: Ways) -> None:
    for number, chosen in enumerate(ways.settings):
        with opened(chosen) as office:
            name_bucket(office, "archive", "calls")
        clients = ways.services[number].connections.clients
        eventually(partial(clients.buckets, DEFAULT), "the server knows the bucket")
    answer = ways.same(REQUESTS["a file in a bucket"][1](ways))[0]
    assert b'"ignored":1' in answer


@pytest.mark.parametrize("place", [None, 0, 1])
def test_a_signed_request_is_judged_by_its_body(ways: Ways, place: int | None) -> None:
    body, now = event(), int(time.time())
    secret = standard_webhooks.decode_secret(ways.signing)
    signature = standard_webhooks.sign(secret, "m-1", now, body)
    sent = body if place is None else body[:place] + b" " + body[place:]
    lines = ("webhook-id: m-1", f"webhook-timestamp: {now}", f"webhook-signature: {signature}")
    answer = ways.same(post(sent, *lines, STRUCTURED))[0]
    assert status(answer) == (202 if place is None else 401)


@pytest.mark.parametrize("is_whole", [True, False])
def test_chunks_are_put_together(ways: Ways, taken: list[bytes], is_whole: bool) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {ways.key}\r\n{PLAIN}\r\n"
    body = event()
    sent = [head.encode(), b"Transfer-Encoding: chunked\r\n\r\n", chunked(body[:9], body[9:])]
    (answer,) = ways.same(b"".join(sent)) if is_whole else ways.same(*sent)
    assert status(answer) == 202
    assert not is_whole or taken == [body]


def test_chunks_that_grow_too_long_are_refused(ways: Ways) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {ways.key}\r\n{PLAIN}\r\n"
    body = chunked(b" " * LIMIT, b" ")
    answer = ways.same(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body)[0]
    assert status(answer) == 413


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_trailer_is_no_header(ways: Ways, pieces: int) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\n{PLAIN}\r\n".encode()
    sent = head + b"Transfer-Encoding: chunked\r\n\r\n"
    body = chunked(event(), trailer=f"X-Api-Key: {ways.key}\r\n".encode())
    answer = ways.same(sent + body)[0] if pieces == 1 else ways.same(sent, body)[0]
    assert status(answer) == 401


def test_a_malformed_chunk_is_no_request(ways: Ways) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nX-Api-Key: {ways.key}\r\n{PLAIN}\r\n"
    sent = f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\n[]   x".encode()
    answers = ways.same(sent)
    assert status(answers[0]) == 400
    assert answers[1] == b"closed"


def test_requests_in_a_row_are_answered_in_turn(ways: Ways, taken: list[bytes]) -> None:
    usual = (f"X-Api-Key: {ways.key}", PLAIN)
    first, bad = post(event(), *usual), post(b"[]x", *usual)
    page = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    in_one = first + bad + page + first + first[:40]
    answers = ways.same(in_one, first[40:], answers=5)
    assert [status(answer) for answer in answers] == [202, 400, 200, 202, 202]
    assert b'"duplicates":1' in answers[3]
    assert 1 <= len(taken) <= 2  # the first, and the last if the others were answered by then


def test_a_refusal_in_front_of_another_request_ends_both(ways: Ways) -> None:
    answers = ways.same(post(event(), PLAIN) + post(event(), f"X-Api-Key: {ways.key}", PLAIN))
    assert status(answers[0]) == 401
    assert answers[1:] == [b"closed"]


def test_noise_behind_a_request_ends_the_connection(ways: Ways) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN)
    answers = ways.same(request + b"\x00 noise\r\n\r\n", answers=2)
    assert [status(answer) for answer in answers[:2]] == [202, 400]
    assert answers[2:] == [b"closed"]


def test_who_asks_first_is_told_to_go_on(ways: Ways) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN, "Expect: 100-continue")
    for port in ways.ports:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(request)
            read = Reading(peer)
            assert peer.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert status(read.answer()) == 202


def test_a_request_cut_anywhere_is_answered_the_same(ways: Ways) -> None:
    usual = (f"X-Api-Key: {ways.key}", STRUCTURED)
    whole = post(event(data={}), *usual)
    for port in ways.ports:
        found = []
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            read = Reading(peer)
            for cut in range(1, len(whole)):
                peer.sendall(whole[:cut])
                time.sleep(0.001)
                peer.sendall(whole[cut:])
                found.append(read.answer())
        assert b'"accepted":1' in found[0]
        assert b'"duplicates":1' in found[1]
        assert set(found[1:]) == {found[1]}


def test_a_connection_serves_one_request_after_the_other(
    ways: Ways, taken: list[bytes], known: list[bytes]
) -> None:
    port = ways.ports[0]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        read = Reading(peer)
        for _ in range(3):
            peer.sendall(post(event(), f"X-Api-Key: {ways.key}", STRUCTURED))
            assert b'"accepted":1' in read.answer()
    assert len(taken) == 1
    assert len(known) == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ZeroDivisionError("ours"), 500), (StoreUnavailable("full", retry_after=7), 503)],
)
def test_a_commit_that_fails_is_told(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: int
) -> None:
    def accept(*_: object) -> None:
        raise error

    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN)
    warmed = ways.warm(request)
    monkeypatch.setattr(pipeline, "accept", accept)
    answer = ways.same(request, warmed=warmed)[0]
    assert status(answer) == expected


def test_a_fault_of_ours_ends_the_connection_and_nothing_else(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN)
    warmed = ways.warm(request)
    with monkeypatch.context() as broken:
        broken.setattr("adapter.telephony.cloudevents.decode", decode)
        answers = ways.same(request, warmed=warmed)
    assert status(answers[0]) == 500
    assert b"urn:screenpop:problem:fault" in answers[0]
    assert answers[1:] == [b"closed"]
    assert status(ways.same(request)[0]) == 202


def test_who_does_not_read_is_not_answered_the_short_way(
    ways: Ways, taken: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ShortConnection] = []
    real = ShortConnection.connection_made

    def connection_made(connection: ShortConnection, transport: asyncio.BaseTransport) -> None:
        real(connection, transport)
        connection.pause_writing()
        made.append(connection)

    monkeypatch.setattr(ShortConnection, "connection_made", connection_made)
    with connected(ways.ports[0]) as peer:
        peer.sendall(post(event(), f"X-Api-Key: {ways.key}", STRUCTURED))
        _let_write_on(made)
        assert status(Reading(peer).answer()) == 202
    assert taken == []


def test_who_does_not_read_is_not_known_by_its_head(
    ways: Ways, known: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ShortConnection] = []
    real = ShortConnection._remember_head  # noqa: SLF001

    def remember(connection: ShortConnection, *found: Any) -> None:
        real(connection, *found)
        connection.pause_writing()
        made.append(connection)

    monkeypatch.setattr(ShortConnection, "_remember_head", remember)
    with ways.warm() as peer:
        peer.sendall(post(event(), f"X-Api-Key: {ways.key}", STRUCTURED))
        _let_write_on(made)
        assert status(Reading(peer).answer()) == 202
    assert known == []


def _let_write_on(made: list[ShortConnection]) -> None:
    """Let the connection write once a request goes the long way."""
    (connection,) = eventually(lambda: made, "it is paused")
    eventually(
        lambda: isinstance(connection.cycle, RequestResponseCycle), "a request goes the long way"
    )
    connection.loop.call_soon_threadsafe(connection.resume_writing)


def test_who_goes_away_before_the_answer_leaves_no_trace(ways: Ways) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", ways.ports[0])) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
            peer.sendall(request)
    answer = ways.same(post(event(), f"X-Api-Key: {ways.key}", PLAIN))[0]
    assert status(answer) == 202


def test_a_fault_in_the_midst_of_an_answer_ends_it_and_begins_no_other(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = RequestResponseCycle.send

    async def send(cycle: RequestResponseCycle, message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ZeroDivisionError
        await real(cycle, message)

    monkeypatch.setattr(RequestResponseCycle, "send", send)
    request = post(event(), f"X-Api-Key: {ways.key}", PLAIN, first="POST /v1/events?a HTTP/1.1")
    with connected(ways.ports[0]) as peer:
        peer.sendall(request)
        said = Reading(peer).rest()
    assert said.startswith(b"HTTP/1.1 202 ")
    assert said.count(b"HTTP/1.1") == 1
    assert "without completing response" in caplog.text
    assert "Exception in ASGI application" not in caplog.text
