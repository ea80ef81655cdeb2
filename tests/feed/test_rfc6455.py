"""Hold the slim socket protocol to RFC 6455 (the numbers below are its sections)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.feed.conftest import Fresh
from tests.feed.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, Raw, encode
from tests.feed.test_access import own, ticket
from tests.server import Server

ASK = b'{"type":"ping"}'
ANSWER = {"type": "pong"}
CLOSE_1000 = b"\x03\xe8"


@pytest.fixture
def raw(server: Server, fresh: Fresh) -> Iterator[Raw]:
    with Raw(server) as connection:
        yield connection.open(fresh("agent"))


def answered(raw: Raw) -> bool:
    frame = raw.frame()
    return frame.opcode == TEXT and frame.fin and json.loads(frame.payload) == ANSWER


def test_a_text_message_in_one_frame_is_taken(raw: Raw) -> None:
    raw.send(TEXT, ASK)
    assert answered(raw)


@pytest.mark.parametrize("size", [1, 4, 14])
def test_a_message_in_fragments_is_put_together(raw: Raw, size: int) -> None:  # 5.4
    parts = [ASK[at : at + size] for at in range(0, len(ASK), size)]
    for number, part in enumerate(parts):
        raw.send(TEXT if number == 0 else CONT, part, fin=number == len(parts) - 1)
    assert answered(raw)


def test_empty_fragments_are_fragments(raw: Raw) -> None:
    raw.send(TEXT, b"", fin=False)
    raw.send(CONT, ASK, fin=False)
    raw.send(CONT, b"")
    assert answered(raw)


def test_a_ping_between_fragments_is_answered_at_once(raw: Raw) -> None:  # 5.4
    raw.send(TEXT, ASK[:5], fin=False)
    raw.send(PING, b"now")
    pong = raw.frame()
    assert (pong.opcode, pong.payload) == (PONG, b"now")
    raw.send(CONT, ASK[5:])
    assert answered(raw)


def test_a_character_may_be_cut_by_a_fragment(raw: Raw) -> None:  # 5.6
    text = '{"type":"ping","ü":"€"}'.encode()
    cut = text.index("€".encode()) + 1
    raw.send(TEXT, text[:cut], fin=False)
    raw.send(CONT, text[cut:])
    assert answered(raw)


def test_frames_in_one_packet_and_a_frame_in_many_are_the_same(raw: Raw) -> None:
    raw.send(TEXT, ASK)
    raw.send(TEXT, ASK)
    assert answered(raw)
    assert answered(raw)
    whole = bytes([0x81, 0x80 | len(ASK), 0, 0, 0, 0]) + ASK
    for byte in whole:
        raw.socket.sendall(bytes([byte]))
    assert answered(raw)


def test_an_unasked_pong_is_ignored(raw: Raw) -> None:  # 5.5.3
    raw.send(PONG, b"anything")
    raw.send(TEXT, ASK)
    assert answered(raw)


def test_a_close_is_answered_with_its_code_and_the_connection_ends(raw: Raw) -> None:  # 5.5.1
    raw.send(CLOSE, CLOSE_1000 + b"bye")
    frame = raw.frame()
    assert (frame.opcode, frame.code) == (CLOSE, 1000)
    assert raw.ended()


def test_a_close_without_a_code_is_answered(raw: Raw) -> None:
    raw.send(CLOSE)
    assert raw.frame().opcode == CLOSE
    assert raw.ended()


def test_what_follows_a_close_is_ignored(raw: Raw) -> None:
    raw.send(CLOSE, CLOSE_1000)
    raw.send(TEXT, ASK)
    assert raw.frame().opcode == CLOSE
    assert raw.ended()


def test_an_unmasked_frame_is_a_protocol_error(raw: Raw) -> None:  # 5.1
    raw.send(TEXT, ASK, masked=False)
    assert raw.close_code() == 1002


@pytest.mark.parametrize("rsv", [0x40, 0x20, 0x10])
def test_a_reserved_bit_is_a_protocol_error(raw: Raw, rsv: int) -> None:  # 5.2
    raw.send(TEXT, ASK, rsv=rsv)
    assert raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [3, 7, 11, 15])
def test_a_reserved_opcode_is_a_protocol_error(raw: Raw, opcode: int) -> None:
    raw.send(opcode, ASK)
    assert raw.close_code() == 1002


def test_a_continuation_of_nothing_is_a_protocol_error(raw: Raw) -> None:
    raw.send(CONT, ASK)
    assert raw.close_code() == 1002


def test_a_new_message_inside_another_is_a_protocol_error(raw: Raw) -> None:
    raw.send(TEXT, ASK[:5], fin=False)
    raw.send(TEXT, ASK)
    assert raw.close_code() == 1002


def test_a_close_inside_a_message_is_a_protocol_error(raw: Raw) -> None:
    # The library's reading: after a Close nothing may follow, so the message can never be whole.
    raw.send(TEXT, ASK[:5], fin=False)
    raw.send(CLOSE, CLOSE_1000)
    assert raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [PING, CLOSE])
def test_a_control_frame_is_short_and_whole(raw: Raw, opcode: int) -> None:  # 5.5
    raw.send(opcode, CLOSE_1000, fin=False)
    assert raw.close_code() == 1002


def test_a_long_ping_is_a_protocol_error(raw: Raw) -> None:
    raw.send(PING, b"x" * 126)
    assert raw.close_code() == 1002


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xec", b"\x03\xee", b"\x00\x01"])
def test_a_close_code_that_may_not_be_sent_is_a_protocol_error(
    raw: Raw, payload: bytes
) -> None:  # 7.4
    raw.send(CLOSE, payload)
    assert raw.close_code() == 1002


@pytest.mark.parametrize("payload", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_text_that_is_no_utf_8_is_invalid(raw: Raw, payload: bytes) -> None:  # 8.1
    raw.send(TEXT, b'"' + payload + b'"')
    assert raw.close_code() == 1007


def test_a_binary_message_is_not_supported(raw: Raw) -> None:
    raw.send(BINARY, ASK)
    assert raw.close_code() == 1003


FAILURES = {
    1003: encode(BINARY, ASK),
    1007: encode(TEXT, b'"\xff"'),
    1002: encode(3, ASK),
    1009: encode(TEXT, b" " * (16 * 1024 + 1)),
}


@pytest.mark.parametrize("code", FAILURES)
def test_what_follows_a_failed_frame_is_ignored_and_what_came_before_is_not(
    raw: Raw, code: int
) -> None:  # 7.1.7
    ask = encode(TEXT, ASK)
    raw.socket.sendall(ask + FAILURES[code] + ask + encode(BINARY, ASK) + ask)
    assert answered(raw)
    frame = raw.frame()
    assert (frame.opcode, frame.code) == (CLOSE, code)
    assert raw.ended()


def test_text_in_fragments_that_fails_is_followed_by_nothing(raw: Raw) -> None:  # 7.1.7
    parts = encode(TEXT, b'"\xc3', fin=False) + encode(CONT, b'"')
    raw.socket.sendall(parts + encode(TEXT, ASK))
    frame = raw.frame()
    assert (frame.opcode, frame.code) == (CLOSE, 1007)


def test_between_two_failed_frames_nothing_is_obeyed(raw: Raw) -> None:  # 7.1.7
    raw.socket.sendall(encode(BINARY, ASK) + encode(TEXT, ASK) + encode(3, ASK))
    assert raw.frame().opcode == CLOSE
    assert raw.ended()


@pytest.mark.parametrize("end", [encode(CLOSE, CLOSE_1000), encode(3, ASK)])
def test_a_hello_in_front_of_an_end_opens_nothing_and_claims_no_pop(
    server: Server, fresh: Fresh, end: bytes
) -> None:
    agent = fresh("agent")
    server.answer(agent, fresh("c"))
    hello = {"type": "hello", "ticket": ticket(server, agent), "panel": "gone"}
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(agent, without="Authorization", **own(server)))
        raw.head()
        raw.socket.sendall(encode(TEXT, json.dumps(hello).encode()) + end)
        assert raw.frame().opcode == CLOSE
        assert raw.ended()
    (pop,) = server.panel(agent, "here").next()["data"]["pops"]
    assert (pop["present"], pop["attempt"]) == ("open", 1)


def test_a_message_of_more_than_16_kib_is_too_big(raw: Raw) -> None:
    raw.send(TEXT, b" " * (16 * 1024 - len(ASK)) + ASK)
    assert answered(raw)
    raw.send(TEXT, b" " * (16 * 1024 + 1))
    assert raw.close_code() == 1009


def test_fragments_of_more_than_16_kib_are_too_big(raw: Raw) -> None:
    raw.send(TEXT, b" " * 10_000, fin=False)
    raw.send(CONT, b" " * 10_000)
    assert raw.close_code() == 1009


def test_a_length_that_could_not_be_meant_is_refused(raw: Raw) -> None:
    raw.socket.sendall(bytes([0x81, 0xFF]) + (1 << 62).to_bytes(8, "big"))
    assert raw.close_code() == 1009


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "!" * 24},
        {"without": "Sec-WebSocket-Key"},
        {"without": "Sec-WebSocket-Version"},
        {"Host": "a\r\nHost: b"},
    ],
    ids=str,
)
def test_a_wrong_handshake_is_answered_with_4xx(
    server: Server, fresh: Fresh, changes: dict[str, str]
) -> None:  # 4.2.1
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent"), **changes))
        head = raw.head()
        status = int(head.split()[1])
        if status == 101:  # refused, as everything else, where a browser can see it
            assert raw.close_code() == 4400
        else:
            assert 400 <= status < 500
        if "8" in changes.values():
            assert status == 426
            assert "sec-websocket-version: 13" in head.lower()


@pytest.mark.parametrize("early", [0, 3], ids=["whole frames", "half a frame"])
@pytest.mark.parametrize("count", [1, 3000], ids=["few", "many"])
def test_what_comes_in_one_packet_with_the_handshake_is_read_behind_it(
    server: Server, fresh: Fresh, count: int, early: int
) -> None:
    frames = encode(PING) * count + encode(TEXT, ASK)
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent")) + frames[: len(frames) - early])
        assert raw.head().startswith("HTTP/1.1 101")
        raw.socket.sendall(frames[len(frames) - early :])
        read = [raw.frame() for _ in range(count + 2)]
        assert b"screenpop.snapshot" in read[0].payload
        assert sum(frame.opcode == PONG for frame in read) == count
        assert sum(frame.opcode == TEXT for frame in read) == 2


def test_what_comes_in_one_packet_with_a_handshake_that_is_refused_hurts_nobody(
    server: Server, fresh: Fresh
) -> None:
    with Raw(server) as raw:
        request = raw.request(fresh("agent"), Sec_WebSocket_Key="short")
        raw.socket.sendall(request + encode(TEXT, ASK))
        assert raw.head().startswith("HTTP/1.1 400")
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent"), Authorization="x") + encode(TEXT, ASK))
        raw.head()
        assert raw.close_code() == 4401


@pytest.mark.parametrize("without", ["Upgrade", "Connection"])
def test_without_an_upgrade_the_feed_is_no_page(server: Server, fresh: Fresh, without: str) -> None:
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent"), without=without))
        assert 400 <= int(raw.head().split()[1]) < 500


def test_a_handshake_by_post_is_refused(server: Server, fresh: Fresh) -> None:
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent")).replace(b"GET", b"POST", 1))
        assert 400 <= int(raw.head().split()[1]) < 500


def test_a_handshake_by_http_1_0_is_refused(server: Server, fresh: Fresh) -> None:  # 4.2.1
    with Raw(server) as raw:
        raw.socket.sendall(raw.request(fresh("agent")).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert 400 <= int(raw.head().split()[1]) < 500


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\x02\r\n\r\n", b"HELLO\r\n\r\n", b"\x16\x03\x01\x02"]
)
def test_garbage_instead_of_a_handshake_hurts_nobody(
    server: Server, fresh: Fresh, garbage: bytes
) -> None:
    with Raw(server) as raw:
        raw.socket.sendall(garbage + b"\r\n\r\n")
        assert b"400" in raw.socket.recv(100)
    with Raw(server) as raw:
        raw.open(fresh("agent"))


def test_half_a_handshake_holds_nobody_up(server: Server, fresh: Fresh) -> None:
    with Raw(server) as half, Raw(server) as whole:
        half.socket.sendall(half.request(fresh("agent"))[:80])
        whole.open(fresh("agent"))


def test_no_extension_is_agreed_on(server: Server, fresh: Fresh) -> None:
    with Raw(server) as raw:
        offer = "permessage-deflate; client_max_window_bits"
        raw.socket.sendall(raw.request(fresh("agent"), Sec_WebSocket_Extensions=offer))
        assert "sec-websocket-extensions" not in raw.head().lower()
