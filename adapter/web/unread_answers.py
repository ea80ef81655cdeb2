"""End a connection whose peer takes next to nothing of what waits for it.

Even closing it would wait for that for ever.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress
from typing import Final, cast

from adapter.web.body_pace import BodyPace

_RESET: Final = struct.pack("ii", 1, 0)


class UnreadWatch:
    """Watch a transport that has more to send than goes out, until `stop`."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        rate: float,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._pace = BodyPace(loop.time(), seconds, rate)
        self._set()

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _set(self) -> None:
        self._unsent = unsent(self._transport)
        left = self._pace.until(self._loop.time(), self._seconds)
        self._timer = self._loop.call_later(left, self._look)

    def _look(self) -> None:
        taken = self._unsent - unsent(self._transport)
        if taken > 0:
            self._pace.came(taken)
            self._set()
        else:  # it has taken nothing in all the time that it had
            # Or the system would keep what it holds, and not tell the peer of the end.
            with suppress(OSError):
                _socket(self._transport).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()


def unsent(transport: asyncio.Transport) -> int:
    """Give the bytes that the peer has not taken: in our buffer, and in the system's.

    The system takes more of ours only when a good part of its own has gone: at a slow peer's pace
    ours would stay the same for minutes.
    """
    held = array.array("i", [0])
    with suppress(OSError, ValueError):  # it is closed, or the system does not tell
        fcntl.ioctl(_socket(transport).fileno(), termios.TIOCOUTQ, held)
    return transport.get_write_buffer_size() + held[0]


def _socket(transport: asyncio.Transport) -> socket.socket:
    return cast(socket.socket, transport.get_extra_info("socket"))
