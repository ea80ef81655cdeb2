"""Serve one websocket per agent with the bare `websockets` library; POSTs on the next port.

The library takes no POST, so a small protocol on httptools does, in the same event loop.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import chain

import httptools
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

PORT, PING = int(sys.argv[1]), float(sys.argv[2])
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

feeds: dict[str, set[ServerConnection]] = {}


async def feed(socket: ServerConnection) -> None:
    """Keep an agent's socket until it closes."""
    assert socket.request is not None
    mine = feeds.setdefault(socket.request.path.rpartition("/")[2], set())
    mine.add(socket)
    try:
        await socket.wait_closed()
    finally:
        mine.discard(socket)


class Posts(asyncio.Protocol):
    """One keep-alive connection of the source."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Begin a request (httptools)."""
        self._url, self._body = url, b""

    def on_body(self, body: bytes) -> None:
        """Collect the body (httptools)."""
        self._body += body

    def on_message_complete(self) -> None:
        """Pass the body on and answer (httptools)."""
        agent = self._url.rpartition(b"/")[2].decode()
        mine = chain.from_iterable(feeds.values()) if agent == "all" else feeds.get(agent, ())
        broadcast(mine, self._body.decode())
        self._transport.write(ACCEPTED)


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    posts = await loop.create_server(Posts, "127.0.0.1", PORT + 1, backlog=4096)
    sockets = serve(
        feed,
        "127.0.0.1",
        PORT,
        compression=None,
        ping_interval=PING,
        ping_timeout=PING,
        backlog=4096,
    )
    async with posts, sockets:
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
