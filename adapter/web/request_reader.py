"""Read requests from a connection's bytes: within limits, and with no upgrade but a websocket's.

The parser (llhttp) has no limits of its own. And if a request asks for an upgrade, the parser takes
it to end with its head: a body after it would be read as another request. So such a head, unless it
is a websocket's, is given to a fresh parser again, without the Upgrade header.

A client that sends requests faster than they are answered has to wait: what follows the first few
stays unparsed, and no more is read (docs/decisions/0018-reading-requests.md).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapter.web import head_rules, unreadable
from adapter.web.cycles import Cycle
from adapter.web.feed_reading import FeedReader
from adapter.web.head_rules import LONG_HEAD, LONG_TRAILER, MOST_BYTES
from adapter.web.unreadable import Refusal, Unreadable

_PIECE: Final = 16 * 1024
"""Bytes of a large chunk that are parsed before the limits are checked again."""

MOST_WAITING: Final = 8
"""Requests that may wait for the answer to an earlier one; more stay unparsed."""
_HEAD_END: Final = b"\r\n\r\n"
"""The end of each head: the parser takes no bare line feed."""
_SMALL_PIECE: Final = 512
"""Bytes parsed at once of a chunk that may hold many heads: at most thirty of the shortest."""
_SMALL_CHUNK: Final = 1024
"""Bytes up to which the heads in a chunk are not counted: a head has at least eighteen."""


class Flow(FlowControl):
    """Whether bytes are read: not while some wait to be parsed."""

    is_held = False

    def hold(self) -> None:
        """Read no more, even when uvicorn would read on."""
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if self.read_paused and not self.is_held:
            super().resume_reading()


class RequestReader(HttpToolsProtocol):
    """The part of a connection that turns its bytes into requests, built on uvicorn's."""

    method = b""
    version = ""
    """This and the method are those of the last complete head."""
    _head_has_begun = False
    """Whether a head has begun and is not complete yet."""
    _in_pieces = False
    """Whether the head being read may be too long: it is not all in one small chunk."""
    _again: bytes | None = None
    """A head rewritten without its Upgrade header, until it is parsed again."""
    _begins_socket = False
    """Whether the last head was that of a websocket that may begin here."""
    _moved = False
    """Whether the last piece began or ended something, or contained bytes of a body."""
    _unmoved = 0
    """Bytes since a piece last did: all belong to one head, or stand between or after chunks."""
    _piece = b""
    """The bytes that are being parsed."""
    _is_first = False
    """Whether the next head to be completed is the first in that piece."""
    _was_late = False
    """Whether the body that has just ended came after the answer to its request."""
    _unparsed = b""
    """The bytes after the requests that wait: they are parsed when none waits any more."""
    flow: Flow
    cycle: Cycle | None  # type: ignore[assignment]  # uvicorn says that it is always one of its own
    """The request that began last; None before the first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready to hold a flood."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.flow = Flow(self.transport)

    def read(self, data: bytes) -> Refusal | None:
        """Parse what has come; give a refusal if nothing more can be read."""
        if self._unparsed or len(self.pipeline) >= MOST_WAITING:
            self._hold(self._unparsed + data)
            return None
        length = len(data)
        may_be_long = length > MOST_BYTES or self._head_has_begun
        try:
            if not may_be_long and (
                length <= _SMALL_CHUNK or data.count(_HEAD_END) <= MOST_WAITING
            ):
                self._parse(data)
                return None
            self._in_pieces = may_be_long
            self._parse_in_pieces(data)
            self._in_pieces = False
        except httptools.HttpParserError as error:
            return unreadable.of_parser(error, self._piece if self._is_first else b"")
        except Unreadable as error:
            return error.refusal
        return None

    def _parse_in_pieces(self, data: bytes) -> None:
        start = 0
        while start < len(data) and not self._begins_socket:
            if len(self.pipeline) >= MOST_WAITING:
                self._hold(data[start:])
                return
            end = start + _PIECE
            if data.count(_HEAD_END, start, end) > MOST_WAITING:
                end = start + _SMALL_PIECE
            self._parse(data[start:end])
            start = end
        if self._begins_socket:
            self._hand_on(data[start:])

    def _hold(self, rest: bytes) -> None:
        self._unparsed = rest
        self.flow.hold()

    def parse_on(self) -> None:
        """Parse what was left, now that no request waits."""
        if not self._unparsed or self.pipeline:
            return
        rest, self._unparsed = self._unparsed, b""
        self.flow.is_held = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(rest)

    def _parse(self, data: bytes) -> None:
        self._moved = False
        self._piece, self._is_first = data, True
        rest = data
        while rest:
            rest = self._parse_to_upgrade(rest)
        self._piece = b""
        if self._moved:
            self._unmoved = 0
            return
        self._unmoved += len(data)
        if self._unmoved > MOST_BYTES:
            raise Unreadable(LONG_TRAILER if self._is_in_body() else LONG_HEAD)

    def _parse_to_upgrade(self, data: bytes) -> bytes:
        """Parse up to the end of the first head that asks for an upgrade; give what is left."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            if self._again is None:
                self.handle_websocket_upgrade()
                self._hand_on(data[stopped.args[0] :])
                return b""
            head, self._again = self._again, None
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
            self.parser.feed_data(head)
            return data[stopped.args[0] :]
        return b""

    def _hand_on(self, rest: bytes) -> None:
        """Give the websocket that has begun the bytes that came after its handshake.

        A client must send nothing before the answer (RFC 6455, 4.1). Some do, and the rest of a
        frame that begins here is still to come.
        """
        if rest and not self.transport.is_closing():
            cast(asyncio.Protocol, self.transport.get_protocol()).data_received(rest)

    def handle_websocket_upgrade(self) -> None:
        """Begin a websocket with the head that has been parsed.

        uvicorn would turn it into bytes again, and parsing those costs more than all that a feed
        checks.
        """
        self.connections.discard(self)
        make: Any = self.ws_protocol_class
        socket: FeedReader = make(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        socket.connection_made(self.transport)
        socket.begin(self.url, self.headers)
        self.transport.set_protocol(socket)

    def _is_in_body(self) -> bool:
        cycle = self.cycle
        return not self._head_has_begun and cycle is not None and cycle.more_body

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._head_has_begun = self._moved = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, and ignore a trailer (RFC 9110, 6.5.1)."""
        if not self._head_has_begun:
            return
        name = name.lower()
        value = value.strip(b" \t")  # the parser leaves blanks behind it (RFC 9110, 5.5)
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check a complete head, and begin its request."""
        self._head_has_begun = False
        self._moved = True
        parser, lines = self.parser, self.headers
        method = self.method = parser.get_method()
        version = self.version = parser.get_http_version()
        is_first, self._is_first = self._is_first, False
        at = len(method) + len(self.url) + 2
        if not (is_first and self._piece.startswith(b"HTTP/", at)):  # nearly always it does
            head_rules.check_protocol(method, self.url, self._piece)
        head_rules.check(method, self.url, version, lines)
        if self._in_pieces:
            head_rules.check_length(self.url, lines)
        self._begins_socket = False
        if parser.should_upgrade():
            self._begins_socket = self._may_be_socket()
            if not self._begins_socket:
                self._again = head_rules.without_upgrade(method, self.url, version, lines)
                return
            head_rules.check_handshake(self.url, lines)
            return  # the feed reads the rest: no request begins, and no scope is needed
        self.begin_request()

    def _may_be_socket(self) -> bool:
        """Whether a websocket begins: not while an answer before it is still to be written."""
        cycle = self.cycle
        is_free = cycle is None or cycle.response_complete
        is_asked = head_rules.is_handshake(self.method, self.version, self.headers)
        return is_free and is_asked and self._should_upgrade_to_ws()

    def _should_upgrade(self) -> bool:
        """Tell uvicorn whether a websocket begins: its own test is weaker."""
        return self._begins_socket

    def begin_request(self) -> None:
        """Have uvicorn begin a request, now that its head is known to be good."""
        self._head_has_begun = False
        if self.version == "1.0":  # its senders do not know of it (RFC 9110, 10.1.1)
            self.expect_100_continue = False
        head_rules.check_address(self.url)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that a body goes on."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the end of a request, unless this was only a head that will be read again."""
        self._moved = True
        if self._again is None:
            super().on_message_complete()
            cycle = self.cycle
            if cycle is not None and cycle.response_complete and cycle.more_body:
                cycle.more_body = False  # uvicorn looks at it no more
                self._was_late = True
