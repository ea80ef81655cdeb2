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
    (frame,) = read(frames.ping(b"now"))
    assert (frame.opcode, frame.data) == (Opcode.PING, b"now")


@given(st.lists(st.text().map(str.encode), max_size=20))
def test_frames_stand_one_behind_the_other(texts: list[bytes]) -> None:
    assert [each.data for each in read(b"".join(map(frames.text, texts)))] == texts
