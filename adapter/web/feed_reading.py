"""Read what a websocket's client sends: a little at once, much in pieces and in turn.

A client may send more than it should, or not read the answers: then no more is read from the
transport until what came has been read, or what was written has gone out.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from typing import cast

import structlog
from websockets.datastructures import Headers
from websockets.frames import CloseCode as StandardClose, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from adapter import frames
from adapter.hub import monotonic
from adapter.reading_turns import PIECE
from adapter.seldom import Seldom
from adapter.services import Services
from adapter.web.feed_writing import CLOSE_DEADLINE, FeedWriter
from adapter.web.head_rules import HeaderLines

log = structlog.get_logger()

MESSAGE_LIMIT = 16 * 1024
"""Bytes of one message from a client: the largest we know of is a pop outcome."""
LITTLE = 1024
"""Bytes that are read as soon as they come (twice what our panel sends at once), unless others have
sent very many frames in the same turn of the loop. Anything more is read in turns
(`ReadingTurns`)."""
LAST_WORDS = 2 * MESSAGE_LIMIT
"""Bytes that are read after our own close, to find the client's close frame: the rest of a message
and more. What comes after that is discarded unread, until the connection is cut."""

_mistakes = Seldom()


class FeedReader(FeedWriter):
    """The half of a `FeedSocket` that reads, built on the half that writes."""

    __slots__ = ("_fragments", "_partial", "_pieces", "_waits", "heard")

    def __init__(self, services: Services, core: ServerProtocol) -> None:
        super().__init__(services, core)
        self._fragments: bytearray | None = None
        """The part of a message that has come; None between messages."""
        self._partial = 0
        """Bytes that have come and do not make a whole frame yet: at 0, the next byte begins one.
        Never too low; too high if a client pads lengths. After our own close it only grows."""
        self._pieces: deque[bytes] | None = None
        """Pieces that wait to be read, an empty one meaning the end; None while the transport
        reads."""
        self._waits = False
        """Whether this socket waits for its turn to read a piece."""
        self.heard = 0.0
        """When the client's last bytes came, by `monotonic`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        super().connection_made(transport)
        self.heard = monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        """Read no more of what waits."""
        self._pieces = None
        super().connection_lost(exc)

    def begin(self, url: bytes, lines: HeaderLines) -> None:
        """Answer the request that begins the websocket; its head has been parsed and checked.

        Nothing is read before this; after it, frames are.
        """
        self._services.reading_turns.has_read(1)
        try:
            self._handshake(read_head(url, lines))
            self._flush_core()
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._abandon_by_mistake(error)

    def data_received(self, data: bytes) -> None:
        """Feed the sans-I/O core, act on what it understood, and write what it has to send.

        If all that came is the answer to a ping, the core never sees it, as it would do nothing
        with it (RFC 6455, 5.5.3): idle panels send hardly anything else.
        """
        self.heard = monotonic()
        if (
            len(data) == frames.EMPTY_PONG_LENGTH
            and not self._partial
            and data.startswith(frames.EMPTY_PONG)
        ):
            return
        self._partial += len(data)
        if self._pieces is None and len(data) <= LITTLE and self._services.reading_turns.may_read():
            self._read_or_abandon(data)
            return
        self._stop_reading()
        if self._pieces is not None:
            self._pieces += (data[at : at + PIECE] for at in range(0, len(data), PIECE))
            self._schedule_next_piece()

    def eof_received(self) -> bool:
        """Tell the core that the client will send no more, once it has read all that came."""
        if self._pieces is not None:
            self._pieces.append(b"")
            return True  # otherwise uvloop would close the connection
        self._read_or_abandon(b"")
        return False

    def resume_writing(self) -> None:
        """Go on with a replay that waits, and with what waits to be read."""
        super().resume_writing()
        if self._pieces is not None:
            self._schedule_next_piece()

    def _stop_reading(self) -> None:
        """Pause reading until what waits has been read, or what was written has gone out."""
        if self._pieces is None and not self._transport.is_closing():
            self._pieces = deque()
            self._transport.pause_reading()

    def _schedule_next_piece(self) -> None:
        if not self._waits:
            self._waits = True
            self._services.reading_turns.wait(self._read_next_piece)

    def _read_next_piece(self) -> int:
        self._waits = False
        count = 0
        if self._pieces and not self.is_full():
            piece = self._pieces.popleft()
            count = len(piece)
            self._read_or_abandon(piece)
        if self._pieces is None or self.is_full():
            return count  # it has ended, or a `resume_writing` will follow
        if self._pieces:
            self._schedule_next_piece()
            return count
        self._pieces = None
        if not self._transport.is_closing():
            self._transport.resume_reading()
        return count

    def _read_or_abandon(self, data: bytes) -> None:
        """Read what came; no bytes mean the end. If that fails, cut the connection."""
        try:
            if data:
                self._feed_core(data)
            else:
                self._core.receive_eof()
            self._flush_core()
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._abandon_by_mistake(error)

    def _abandon_by_mistake(self, error: Exception) -> None:
        # Nobody else would report it: during the handshake the connection is not this protocol's
        # yet, and the feed would stay in the lists in which it has put itself.
        if (untold := _mistakes.due()) is not None:
            log.error("a feed made a mistake; it is cut off", exc_info=error, untold=untold)
        self.abandon()

    def _feed_core(self, data: bytes) -> None:
        if self._closing and self._partial > LAST_WORDS:
            return
        self._core.receive_data(data)
        events = self._core.events_received()
        self._services.reading_turns.has_read(len(events))
        for event in events:
            if not self._closing:
                frame = cast(Frame, event)
                self._partial -= frames.from_client(len(frame.data))
                self._handle_frame(frame)

    def _handle_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._handle_message(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            # Joined as they come: the core has no limit on empty ones.
            self._fragments += frame.data
            if frame.fin:
                payload, self._fragments = bytes(self._fragments), None
                self._handle_message(payload)
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._fail(StandardClose.UNSUPPORTED_DATA, "text messages only")

    def _fail(self, code: StandardClose, why: str) -> None:
        """Fail the connection: nothing after this frame is obeyed (RFC 6455, 7.1.7).

        The core has read ahead, and may have failed or closed at a later frame: then its own close
        stands.
        """
        self._core.fail(code, why)
        self._leave()
        self._cut_off_in(CLOSE_DEADLINE)

    @abstractmethod
    def _handshake(self, request: Request) -> None:
        """Answer the request that begins the websocket."""

    @abstractmethod
    def _handle_message(self, payload: bytes) -> None:
        """Handle a whole text message, which may be invalid UTF-8."""


def read_head(url: bytes, lines: HeaderLines) -> Request:
    """Give the request as the websockets library would parse it; `head_rules` has checked it."""
    headers = Headers()
    for name, value in lines:
        # The parser leaves blanks after a value, which are no part of it (RFC 9110, 5.5).
        headers[name.decode("ascii")] = value.strip(b" \t").decode("latin-1")
    return Request(url.decode("ascii"), headers)
