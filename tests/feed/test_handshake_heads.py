"""The head of a handshake is parsed once, and its answer leaves together with the snapshot."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import httptools
import pytest
from hypothesis import example, given, settings as how, strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from adapter import app, settings
from adapter.close_codes import SLOW_READER
from adapter.hub import monotonic
from adapter.services import Services
from adapter.tenants import DEFAULT, Agent
from adapter.web import feed_reading, head_rules
from adapter.web.feed_socket import FeedSocket
from adapter.web.head_rules import HeaderLines
from tests.feed.local import Local
from tests.feed.raw import TEXT, encode, handshake
from tests.feed.test_lone_pongs import Written

ALICE = Agent(DEFAULT, "alice")

names = st.sampled_from([b"Host", b"Cookie", b"X-Odd.Name_~", b"cookie", b"Authorization"])
values = st.binary(max_size=20).map(
    lambda value: bytes(byte for byte in value if byte == 9 or 32 <= byte != 127)
)
# Without `#`: the library takes it, though no fragment is sent (RFC 9112, 3.2).
visible = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")
paths = st.text(visible, max_size=30)


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
    assert said[1:] == []
    assert [each.decode() for each in re.findall(rb'"type":"screenpop.([a-z.]+)"', first)] == types
    assert socket.live


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("", ["welcome", "snapshot"]),
        ("?after=1", ["welcome", "answered"]),
        ("?after=2", ["welcome"]),
    ],
)
@pytest.mark.parametrize("is_locked", [False, True])
async def test_a_welcome_leaves_in_one_write_with_what_is_first(
    tmp_path: Path, query: str, types: list[str], is_locked: bool
) -> None:
    services, _ = with_two_messages(tmp_path)
    transport = Written()
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    panel = [line for line in handshake("") if line[0] != b"authorization"]
    socket.begin(b"/v1/feed" + query.encode(), [*panel, (b"origin", b"http://localhost")])
    transport.said.clear()
    ticket = services.tickets.issue(ALICE, key="k", session=None, now=monotonic())
    with locked(services.database.path) if is_locked else nullcontext():
        socket.data_received(encode(TEXT, b'{"type":"hello","ticket":"%b"}' % ticket.encode()))
        assert bool(transport.said) != is_locked  # its session must be stored first
    await services.committer.drain()
    (said,) = (bytes(each) for each in transport.said if isinstance(each, bytes))
    found = re.findall(rb'"type":"(?:screenpop.)?(?:contact.)?([a-z]+)"', said)
    assert [each.decode() for each in found] == types
    assert socket.live
    services.database.close()


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


def with_two_messages(folder: Path) -> tuple[Services, str]:
    """Give services whose journal has two messages for alice, and a feed key."""
    with Local(folder) as server:
        server.report("offered", "c-1", agent="alice")
        server.report("answered", "c-1", agent="alice")
    return app.create_services(settings.load(data_dir=folder)), server.key("feed")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the lock on a database, as another program may."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def begun(folder: Path, transport: Written, query: str = "") -> FeedSocket:
    """Give a feed of an agent with two messages, as it is after its handshake."""
    services, key = with_two_messages(folder)
    socket = FeedSocket(services, set())
    socket.connection_made(transport)
    socket.begin(b"/v1/feed?agent=alice" + query.encode(), handshake(key))
    services.database.close()
    return socket
