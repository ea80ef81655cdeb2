"""The head of a handshake, parsed once, is the request that the websockets library would read."""

from __future__ import annotations

import httptools
from hypothesis import given, strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from adapter.web import feed_reading, head_rules
from adapter.web.head_rules import HeaderLines

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
