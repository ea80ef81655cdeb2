"""The head of a handshake is parsed once, and its answer leaves together with the snapshot."""

from __future__ import annotations

import re
from pathlib import Path

import httptools
import pytest
from hypothesis import example, given, settings as how, strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from adapter import app, settings
from adapter.close_codes import SLOW_READER
from adapter.web import feed_reading, head_rules
from adapter.web.feed_socket import FeedSocket
from adapter.web.head_rules import HeaderLines
from tests.feed.local import Local
from tests.feed.raw import handshake
from tests.feed.test_lone_pongs import Written

names = st.sampled_from([b"Host", b"Cookie", b"X-Odd.Name_~", b"cookie", b"Authorization"])
values = st.binary(max_size=20).map(
    lambda value: bytes(byte for byte in value if byte == 9 or 32 <= byte != 127)
)
paths = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


class Heard:
    """What a parser of a connection has heard, as `RequestReader` keeps it."""

    def __init__(self) -> None:
        self.url = b""
        self.lines: HeaderLines = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.lines.append((name.lower(), value))


@how(deadline=None)
@example("", [(b"Host", b"\t a\t b \t"), (b"Cookie", b" "), (b"cookie", b"\xff")])
@given(paths, st.lists(st.tuples(names, values), max_size=6))
def test_a_head_means_what_the_library_reads_in_it(
    path: str, given_lines: list[tuple[bytes, bytes]]
) -> None:
    written = b"".join(b"%b: %b\r\n" % line for line in given_lines)
    head = b"GET /%b HTTP/1.1\r\n%b\r\n" % (path.encode(), written)
    heard, library = Heard(), ServerProtocol()
    httptools.HttpRequestParser(heard).feed_data(head)
    head_rules.check_handshake(heard.url, heard.lines)
    ours = feed_reading.read_head(heard.url, heard.lines)
    library.receive_data(head)
    (theirs,) = library.events_received()
    assert isinstance(theirs, Request)
    assert (ours.method, ours.path, ours.protocol) == (theirs.method, theirs.path, theirs.protocol)
    assert ours.headers == theirs.headers


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("", ["snapshot"]),
        ("&panel=p", ["snapshot"]),
        ("&after=9", ["snapshot"]),
        ("&after=0", ["contact.offered", "contact.answered"]),
        ("&after=1", ["contact.answered"]),
        ("&after=2", []),
    ],
)
async def test_the_answer_comes_before_all_else_and_in_one_write_with_what_is_first(
    tmp_path: Path, query: str, types: list[str]
) -> None:
    transport = Written()
    socket = begun(tmp_path, transport, query)
    said = [bytes(each) for each in transport.said if isinstance(each, bytes)]
    head, _, first = said[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    frames = [each for each in (first, *said[1:]) if each]
    found = [re.findall(rb'"type":"screenpop.([a-z.]+)"', each) for each in frames]
    assert found == [[each.encode()] for each in types]
    assert socket.live


class Full(Written):
    """A transport whose peer takes nothing of what was written before the handshake."""

    def get_write_buffer_size(self) -> int:
        return 1 << 30

    def pause_reading(self) -> None:
        pass


async def test_a_slow_reader_of_what_came_before_gets_the_answer_before_the_close(
    tmp_path: Path,
) -> None:
    transport = Full()
    socket = begun(tmp_path, transport)
    said = [bytes(each) for each in transport.said if isinstance(each, bytes)]
    assert said[0].startswith(b"HTTP/1.1 101 ")
    assert said[0].endswith(b"\r\n\r\n")
    assert said[1][0] == 0x88  # a close frame
    assert int.from_bytes(said[1][2:4], "big") == SLOW_READER.code
    assert len(said) == 2
    socket.connection_lost(None)


def begun(folder: Path, transport: Written, query: str = "") -> FeedSocket:
    """Give a feed of an agent with two messages, as it is after its handshake."""
    with Local(folder) as server:
        server.report("offered", "c-1", agent="alice")
        server.report("answered", "c-1", agent="alice")
    services = app.create_services(settings.load(data_dir=folder))
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=alice" + query.encode(), handshake(server.key("feed")))
    services.database.close()
    return socket
