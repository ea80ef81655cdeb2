"""Hold the open sockets of this process, in parts that are swept one after the other.

All at once would not do: ten thousand pings take a tenth of a second, for which nobody is served.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Final, Protocol

import structlog

from adapter.close_codes import CloseCode
from adapter.seldom import Seldom
from adapter.tenants import Agent

log = structlog.get_logger()

PARTS: Final = 25


class Socket(Protocol):
    """What the server needs of a feed's socket."""

    key: str | None
    session: bytes | None
    """The chain of the session that opened it."""
    agent: Agent | None

    def close(self, code: CloseCode) -> None:
        """Start the closing handshake."""

    def sweep(self, now: float, date: datetime, excused: float) -> None:
        """Ping a silent peer, cut off a dead one; `excused`: seconds in which nobody was heard."""

    def abandon(self) -> None:
        """Cut the connection, and forget it at once."""


class Sockets:
    """The open ones."""

    def __init__(self) -> None:
        self._parts: list[set[Socket]] = [set() for _ in range(PARTS)]
        self._failed = Seldom()

    def add(self, socket: Socket) -> None:
        """Take in a socket."""
        self._part_of(socket).add(socket)

    def discard(self, socket: Socket) -> None:
        """Forget a socket; harmless where it is forgotten already."""
        self._part_of(socket).discard(socket)

    def __iter__(self) -> Iterator[Socket]:
        """Go through all; what closes some of them must go through a copy."""
        return chain.from_iterable(self._parts)

    def part(self, number: int) -> list[Socket]:
        """Give a copy of one part of `PARTS`."""
        return list(self._parts[number])

    def close_all(self, which: Iterable[Socket], code: CloseCode) -> None:
        """Close some sockets; one that fails is cut off, and keeps no other from being closed."""
        for socket in list(which):  # each leaves the set it may have come from
            try:
                socket.close(code)
            except Exception as error:  # noqa: BLE001 - it is logged there
                self.cut_off(socket, error)

    def cut_off(self, socket: Socket, error: Exception) -> None:
        """End a socket that has failed, and never look at it again."""
        if (untold := self._failed.due()) is not None:
            log.error("a socket failed; it is cut off", exc_info=error, untold=untold)
        self.discard(socket)
        with suppress(Exception):  # the same fault may strike here too
            socket.abandon()

    def _part_of(self, socket: Socket) -> set[Socket]:
        # Of a tuple: an object's own hash is its address, a multiple of its size.
        return self._parts[hash((socket,)) % PARTS]


def are_out() -> bool:
    """Whether the process can open no descriptor more.

    Nobody else says so: the loop (libuv) accepts a connection that comes then, and closes it.
    """
    try:
        os.close(os.eventfd(0))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False
