"""What breaks the rules of HTTP is refused with a problem that says which, on every path."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapter.seldom import Seldom
from adapter.web import unreadable
from adapter.web.short_requests import ShortConnection
from tests.server import Server, eventually
from tests.web.short_ways import STRUCTURED, Reading, Ways, connected, event, post, status


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("hosts"),
        SCREENPOP_ENVIRONMENT_DOMAIN="sp.test",
        SCREENPOP_LOG_FORMAT="json",
    )
    with server.office() as office:
        office.create_tenant("acme")
    with server:
        yield server


def answer_to(port: int, request: bytes) -> bytes:
    """Give the one answer after which the connection is closed."""
    with connected(port) as peer:
        peer.sendall(request)
        text = Reading(peer).rest().removesuffix(b"closed")
    assert text.count(b"HTTP/1.1 ") == 1, text
    return text


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/problem+json" in lines
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    found: dict[str, Any] = json.loads(body)
    assert found["status"] == status(answer)
    assert found["title"]
    return found


WRONG: dict[str, tuple[bytes, int, str]] = {
    "no Host": (b"GET %p HTTP/1.1\r\n\r\n", 400, "the Host header is missing"),
    "two Hosts": (
        b"GET %p HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        400,
        "the Host header is given more than once",
    ),
    "two Hosts of HTTP/1.0": (
        b"GET %p HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        400,
        "the Host header is given more than once",
    ),
    "a Host that is none": (
        b"GET %p HTTP/1.1\r\nHost: a b\r\n\r\n",
        400,
        "the Host header names no host",
    ),
    "a Host with a port that is none": (
        b"GET %p HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        400,
        "the Host header names no host",
    ),
    "HTTP/0.9": (b"GET %p\r\n\r\n", 505, "this server speaks HTTP/1.0 and HTTP/1.1"),
    "HTTP/2.0": (
        b"POST %p HTTP/2.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        505,
        "this server speaks HTTP/1.0 and HTTP/1.1",
    ),
    "HTTP/3.0": (
        b"GET %p HTTP/3.0\r\nHost: a\r\n\r\n",
        505,
        "this server speaks HTTP/1.0 and HTTP/1.1",
    ),
    "HTTP/2 that is not asked for first": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        505,
        "this server speaks HTTP/1.0 and HTTP/1.1",
    ),
    **{
        f"another protocol: {first}": (
            f"{before}{first}/1.0\r\nHost: a\r\nCSeq: 1\r\n\r\n".encode(),
            505,
            "this server speaks HTTP/1.0 and HTTP/1.1",
        )
        for before in ("", "\r\n")
        for first in (
            *("OPTIONS rtsp://a%p RTSP", "DESCRIBE rtsp://a%p RTSP", "POST %p RTSP", "PUT %p RTSP"),
            *("SOURCE %p ICE", "GET %p ICE"),
        )
    },
    "a coding": (
        b"POST %p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        "of the transfer codings only `chunked` is taken, once",
    ),
    "two codings": (
        (
            b"POST %p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked"
            b"\r\n\r\n0\r\n\r\n"
        ),
        501,
        "of the transfer codings only `chunked` is taken, once",
    ),
    "a coding of HTTP/1.0": (
        b"POST %p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "HTTP/1.0 knows no Transfer-Encoding",
    ),
    "a length and a coding": (
        (
            b"POST %p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2"
            b"\r\n\r\n0\r\n\r\n"
        ),
        400,
        "this is no HTTP: .*",
    ),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "this is no HTTP: .*method.*"),
    **{
        f"no method: {first}": (
            f"{first} %p HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
            501,
            "this method is not known here; methods are in capital letters",
        )
        for first in ("BREW", "get", "GETS", "x-y", "\r\nBREW")
    },
    "a method that is none": (b"B(W %p HTTP/1.1\r\nHost: a\r\n\r\n", 400, ".*method.*"),
    "no method behind a request that is none": (
        b"GET %p HTTP/1.1\r\nHost: a b\r\n\r\nBREW %p HTTP/1.1\r\n\r\n",
        400,
        "the Host header names no host",
    ),
    "an address with a fragment": (
        b"GET %p#a HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "the address in the first line cannot be understood",
    ),
    "a long name of no method": (b"x" * 300 + b"\r\n\r\n", 400, "this is no HTTP: .*method.*"),
    "a bad header": (
        b"GET %p HTTP/1.1\r\nHost: a\r\nX\x01: 1\r\n\r\n",
        400,
        "this is no HTTP: .*header.*",
    ),
    "no length": (
        b"POST %p HTTP/1.1\r\nHost: a\r\nContent-Length: two\r\n\r\n{}",
        400,
        "this is no HTTP: .*[Cc]ontent-[Ll]ength.*",
    ),
    "a length that is too long": (
        b"POST %p HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"0" * 4400 + b"2\r\n\r\n{}",
        400,
        "the Content-Length has more than 19 digits",
    ),
    "no address": (
        b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "the address in the first line names another host than the Host header",
    ),
    **{
        f"an address at another host: {target}": (
            f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
            400,
            "the address in the first line names another host than the Host header",
        )
        for target, host in (
            *(("http://b%p", "a"), ("http://a:81%p", "a"), ("http://a%p", "a:81")),
            *(("http://u@a%p", "a"), ("http://u:p@b%p", "a"), ("https://a:80%p", "a")),
            *(("http://a.b%p", "a"), ("http://b%p", ""), ("WS://b%p?agent=*", "a")),
            ("http://b", "a"),
        )
    },
    "an address at a host of HTTP/1.0": (
        b"GET http://a%p HTTP/1.0\r\n\r\n",
        400,
        "the address in the first line names another host than the Host header",
    ),
    **{
        f"an address that is none of HTTP: {target}": (
            f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
            400,
            "(this is no HTTP: .*|the address in the first line cannot be understood)",
        )
        for target in ("ftp://a%p", "rtsp://a%p", "http:///a", "http://a\x80%p", "a:80", "a%p")
    },
    "an address without a path": (
        b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "the address in the first line cannot be understood",
    ),
}


@pytest.mark.parametrize("path", [b"/v1/events", b"/healthz", b"/metrics", b"/"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_on_every_path(ways: Ways, name: str, path: bytes) -> None:
    request, expected, detail = WRONG[name]
    for port in ways.ports[:2]:
        found = problem(answer_to(port, request.replace(b"%p", path)))
        assert found["status"] == expected
        assert re.fullmatch(detail, found["detail"]), found["detail"]
        kind = "malformed" if expected == 400 else "refused"
        assert found["type"] == f"urn:screenpop:problem:{kind}"


@pytest.mark.parametrize("kind", [AttributeError, UnicodeError])
@pytest.mark.parametrize("path", ["/v1/events", "/healthz"])
def test_a_mistake_of_ours_in_the_midst_of_a_head_is_not_called_the_senders(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, path: str, kind: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise kind("ours")  # each its own: it holds the connection

    monkeypatch.setattr(ShortConnection, "_may_be_short", fail)
    monkeypatch.setattr(unreadable, "_mistakes", Seldom())
    with capture_logs() as logs:
        for _ in range(3):
            found = problem(answer_to(ways.ports[0], post(b"[]", first=f"POST {path} HTTP/1.1")))
            assert (found["status"], found["type"]) == (500, "urn:screenpop:problem:fault")
    told = [each for each in logs if each["event"] == "a request could not be begun"]
    assert [(type(each["exc_info"]), each["untold"]) for each in told] == [(kind, 0)]


@pytest.mark.parametrize("before", [b"GET /healthz HTTP/1.1", b"GET /nothing HTTP/1.1"])
def test_another_protocol_behind_a_request_is_refused_behind_its_answer(
    ways: Ways, before: bytes
) -> None:
    lines = b"\r\nHost: here\r\n\r\n"
    with connected(ways.ports[0]) as peer:
        peer.sendall(before + lines + b"GET /healthz RTSP/1.0" + lines)
        answers = re.findall(rb"HTTP/1\.1 (\d{3}) ", Reading(peer).rest())
    assert answers == [b"200" if b"healthz" in before else b"404", b"505"]


def test_an_event_may_name_other_protocols(ways: Ways) -> None:
    said = "POST /v1/events RTSP/1.0"
    body = event(data={"customer": {"name": said}, "attributes": {said: f"\n{said}"}})
    lines = (f"X-Api-Key: {ways.key}", STRUCTURED, f"X-More: {said}", "X-Less: a ICE/1.0")
    assert status(ways.same(post(body, *lines))[0]) == 202


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        *(("http://here/v1/events", 202), ("HTTP://HERE:80/v1/events", 202)),
        *(("https://here:443/v1/events", 202), ("http://other/v1/events", 400)),
        *(("http://here:443/v1/events", 400), ("http://here@other/v1/events", 400)),
    ],
)
def test_an_event_is_taken_where_its_address_and_its_host_are_one(
    ways: Ways, target: str, expected: int
) -> None:
    lines = (f"X-Api-Key: {ways.key}", STRUCTURED)
    assert status(ways.same(post(event(), *lines, first=f"POST {target} HTTP/1.1"))[0]) == expected


def test_a_head_that_is_known_does_not_stand_for_one_with_another_address(ways: Ways) -> None:
    lines = (f"X-Api-Key: {ways.key}", STRUCTURED)
    for target, expected in (("http://here/v1/events", 202), ("http://other/v1/events", 400)):
        with ways.warm() as peer:
            peer.sendall(post(event(), *lines, first=f"POST {target} HTTP/1.1"))
            assert status(Reading(peer).answer()) == expected


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_websocket_is_opened_where_its_address_and_its_host_are_one(
    hosts: Server, scheme: str
) -> None:
    text = [f"{name}: {value}" for name, value in WEBSOCKET.items()]
    first = f"GET {scheme}://%s/v1/feed?agent=* HTTP/1.1"
    with connected(hosts.port) as peer:
        peer.sendall(post(b"", *text, first=first % "here"))
        assert peer.recv(4096).startswith(b"HTTP/1.1 101 ")
    problem(answer_to(hosts.port, post(b"", *text, first=first % "acme.sp.test")))


@pytest.mark.parametrize("hosts", [[], ["Host: a", "Host: a"], ["Host: a b"]], ids=str)
def test_a_good_event_without_one_good_host_is_not_taken(ways: Ways, hosts: list[str]) -> None:
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED, *hosts)
    request = request.replace(b"Host: here\r\n", b"", 1)
    assert status(ways.same(request)[0]) == 400


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_empty_host_or_none_of_http_1_0_is_taken(ways: Ways, version: str) -> None:
    first = f"POST /v1/events HTTP/{version}"
    request = post(event(), f"X-Api-Key: {ways.key}", STRUCTURED, first=first)
    new = b"Host:\r\n" if version == "1.1" else b""
    assert status(ways.same(request.replace(b"Host: here\r\n", new, 1))[0]) == 202


def test_only_what_is_of_no_tenant_is_at_a_host_that_is_none(hosts: Server) -> None:
    for path, expected in (
        *(("/", 421), ("/v1/events", 421), ("/nothing", 421), ("/admin", 421), ("/v1/feed", 421)),
        *(("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/openapi.json", 200)),
    ):
        method = "POST" if path == "/v1/events" else "GET"
        answer = hosts.http.request(method, hosts.url + path, headers={"host": "other.sp.test"})
        assert answer.status_code == expected, path


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("changes", "expected", "detail"),
    [
        ({"Sec-WebSocket-Key": "short"}, 400, "invalid Sec-WebSocket-Key header: short"),
        ({"Sec-WebSocket-Key": None}, 400, "missing Sec-WebSocket-Key header"),
        ({"Sec-WebSocket-Version": "8"}, 426, "websocket version 13 is needed"),
        ({"Sec-WebSocket-Version": None}, 426, "websocket version 13 is needed"),
    ],
)
def test_a_handshake_that_opens_nothing_is_answered_with_a_problem(
    hosts: Server, changes: dict[str, str | None], expected: int, detail: str
) -> None:
    lines = {**WEBSOCKET, **changes}
    text = [f"{name}: {value}" for name, value in lines.items() if value is not None]
    answer = answer_to(hosts.port, post(b"", *text, first="GET /v1/feed HTTP/1.1"))
    found = problem(answer)
    assert found["status"] == expected
    assert detail in found["detail"]
    if expected == 426:
        assert b"\r\nsec-websocket-version: 13\r\n" in answer.lower()
        assert b"\r\nupgrade: websocket\r\n" in answer.lower()
        assert b"\r\nconnection: upgrade\r\n" in answer.lower()


@pytest.mark.parametrize("target", ["/v1/feed?agent=ä", "/v1/feed#alice"])
def test_a_handshake_whose_address_is_none_is_told(hosts: Server, target: str) -> None:
    lines = [f"{name}: {value}" for name, value in WEBSOCKET.items()]
    answer = answer_to(hosts.port, post(b"", *lines, first=f"GET {target} HTTP/1.1"))
    assert problem(answer)["status"] == 400


BODIES = [
    ("POST", "/v1/csp-reports", "application/reports+json"),
    ("POST", "/v1/sign-in", "application/json"),
    ("POST", "/v1/feed/ticket", "application/json"),
    ("POST", "/v1/embedder", "application/json"),
    ("POST", "/admin/first", "application/x-www-form-urlencoded"),
    ("POST", "/v1/events", "application/json"),
    ("POST", "/v1/events/amazon-firehose", "application/json"),
    ("POST", "/v1/pops", "application/json"),
    ("PUT", "/v1/admin/domains", "text/plain"),
]


@pytest.mark.parametrize(("method", "path", "kind"), BODIES)
def test_who_goes_away_in_the_midst_of_a_body_leaves_no_line_in_the_log(
    hosts: Server, method: str, path: str, kind: str
) -> None:
    with hosts.office() as office:
        scope = "admin" if "admin" in path else "feed" if "ticket" in path else "ingest"
        key = office.create_key("acme", scope, "test").secret
    begun = (
        f"{method} {path} HTTP/1.1\r\nHost: acme.sp.test\r\nAuthorization: Bearer {key}\r\n"
        f"X-Screenpop: 1\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[   "
    )
    before = hosts.log()
    for end in (b"", b"x", b" x no chunk"):
        with connected(hosts.port) as peer:
            peer.sendall(begun.encode())
            time.sleep(0.05)
            peer.sendall(end)
            if end == b"x":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif end:
                answer = Reading(peer).rest()
                assert answer.count(b"HTTP/1.1 ") == 1
                assert status(answer) in (400, 401, 403)
    time.sleep(0.1)
    new = hosts.log().removeprefix(before).splitlines()
    assert [line for line in new if "a connection was refused" not in line] == []


def test_strangers_do_not_fill_the_log(hosts: Server) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", hosts.port), timeout=10) as peer:
            peer.sendall(b"\x16\x03\x01\r\n\r\n")
            assert peer.recv(65536)
    eventually(lambda: "a connection was refused" in hosts.log(), "the refusal is logged")
    lines = [line for line in hosts.log().splitlines() if "refused" in line or "nvalid" in line]
    assert len(lines) == 1
    assert "127.0.0.1" in lines[0]
