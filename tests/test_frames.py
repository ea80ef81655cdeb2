from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from adapter import frames


def read(data: bytes) -> list[Frame]:
    """Read frames as a client does, by a library that somebody else wrote."""
    client = Protocol(CLIENT, max_size=None)
    client.receive_data(data)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_of_any_length_is_read_back(size: int) -> None:
    text = b"x" * size
    (frame,) = read(frames.text(text))
    assert (frame.opcode, frame.data, frame.fin) == (Opcode.TEXT, text, True)


@pytest.mark.parametrize(
    ("size", "header"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)], ids=str
)
def test_the_shortest_length_is_written(size: int, header: int) -> None:  # RFC 6455, 5.2
    assert len(frames.text(b"x" * size)) == header + size


def test_a_ping_is_a_ping() -> None:
    (frame,) = read(frames.PING)
    assert (frame.opcode, frame.data) == (Opcode.PING, b"")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_the_length_of_a_clients_frame_is_known(size: int) -> None:
    client = Protocol(CLIENT, max_size=None)
    client.send_text(b"x" * size)
    assert frames.from_client(size) == sum(map(len, client.data_to_send()))


def test_a_client_answers_a_ping_as_is_expected() -> None:
    client = Protocol(CLIENT)
    client.receive_data(frames.PING)
    (pong,) = client.data_to_send()
    assert pong.startswith(frames.EMPTY_PONG)
    assert len(pong) == frames.EMPTY_PONG_LENGTH


@given(st.lists(st.text().map(str.encode), max_size=20))
def test_frames_stand_one_behind_the_other(texts: list[bytes]) -> None:
    assert [each.data for each in read(b"".join(map(frames.text, texts)))] == texts
