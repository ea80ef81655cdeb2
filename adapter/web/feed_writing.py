"""Write to a websocket's client, and end it: the hub's frames, the core's answers, and the close.

Nothing here waits. What a client does not read stays in the transport's buffer, up to a limit.
"""

from __future__ import annotations

import asyncio
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import cast

from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from adapter.close_codes import SLOW_READER, CloseCode
from adapter.services import Services

CLOSE_DEADLINE = 5.0
"""Seconds that a client has to answer our close frame before the connection is cut."""


class FeedWriter(asyncio.Protocol, metaclass=ABCMeta):
    """The half of a `FeedSocket` that writes and ends.

    It is a base class and not an object of its own, which would cost each idle socket memory and
    each message a call.
    """

    __slots__ = ("_close_timer", "_closing", "_core", "_go_on", "_limit", "_services", "_transport")

    def __init__(self, services: Services, core: ServerProtocol) -> None:
        self._core = core
        self._services = services
        self._limit = services.settings.feed_buffer
        """Bytes that may wait for the client when a message is to be written."""
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._close_timer: asyncio.TimerHandle | None = None
        self._go_on: Callable[[], None] | None = None
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write to this transport from now on."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limit // 2)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._leave()
        if self._close_timer is not None:
            self._close_timer.cancel()
        # The core's parser refers back to the core. For panels that stayed long, only the
        # collector's full rounds, hours apart, would free that cycle.
        self._core.parser.close()
        self._core.parser_exc = None

    def resume_writing(self) -> None:
        """Go on with a replay that waits."""
        go_on, self._go_on = self._go_on, None
        if go_on is not None:
            go_on()

    def send(self, frame: bytes) -> bool:
        """Write a whole frame, or close a reader whose buffer is full. Never waits.

        True if it was written. The frame itself may be larger than the buffer: a reader that is up
        to date still gets it.
        """
        if self._closing:
            return False
        if self._transport.get_write_buffer_size() > self._limit:
            self.close(SLOW_READER)
            return False
        self._transport.write(frame)
        return True

    def catch_up(self, frames: bytes) -> bool:
        """Write frames as `send` does one, in one write with what the core has to send first.

        That is the handshake's answer, before the first frame; two writes would be two system calls
        and two packets.
        """
        if self._closing:
            return False
        if self._transport.get_write_buffer_size() > self._limit:
            self._flush_core()  # `send` will refuse the frames, and the answer must not go too
            return self.send(frames)
        return self.send(b"".join((*self._core.data_to_send(), frames)))

    def close(self, code: CloseCode) -> None:
        """Start the closing handshake; the connection is cut if the client does not answer."""
        if self._closing:
            return
        self._services.metrics.feeds_closed.labels(str(code.code)).inc()
        if self._core.state is State.OPEN:
            self._core.send_close(code.code, code.reason)
        self._leave()
        self._flush_core()
        self._cut_off_in(CLOSE_DEADLINE)

    def is_half_full(self) -> bool:
        """Whether a replay should wait: the buffer is half full.

        `pause_writing` would not do: during the handshake it is called on uvicorn's protocol. Above
        this mark, which is also the transport's (`connection_made`), a `resume_writing` will
        follow.
        """
        return self._transport.get_write_buffer_size() > self._limit // 2

    def when_drained(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when the buffer has room."""
        self._go_on = go_on

    def is_open(self) -> bool:
        """Whether messages still go out."""
        return not self._closing

    def abandon(self) -> None:
        """Cut the connection, and forget it now: its end might be reported to another protocol."""
        self._transport.abort()
        self.connection_lost(None)

    def _flush_core(self) -> None:
        """Write what the core has to send, and close the connection if the core has."""
        said = self._core.data_to_send()
        if said and not self._transport.is_closing():  # uvloop raises if it has closed already
            if words := b"".join(said):
                self._transport.write(words)
            if said[-1] == SEND_EOF and self._transport.can_write_eof():
                self._transport.close()
            elif self.is_full():
                # A client that does not read its pongs is read no further; `send` has its own
                # limit.
                self._stop_reading()
        if self._core.state is not State.OPEN and not self._closing:
            self._leave()
            self._cut_off_in(CLOSE_DEADLINE)
        if self._core.state is State.CLOSED:
            self._transport.close()

    def _leave(self) -> None:
        """Leave the feed: a socket that closes gets no message and owns no pop."""
        if self._closing:
            return
        self._closing = True
        self._go_on = None
        self._let_go()

    def _cut_off_in(self, seconds: float) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        loop = asyncio.get_running_loop()
        self._close_timer = loop.call_later(seconds, self._transport.abort)

    def is_full(self) -> bool:
        """Whether more waits in the buffer than may when a message is to be written."""
        return self._transport.get_write_buffer_size() > self._limit

    @abstractmethod
    def _let_go(self) -> None:
        """React, once, when no more messages will go out."""

    @abstractmethod
    def _stop_reading(self) -> None:
        """React when the client does not read what it has asked for."""
