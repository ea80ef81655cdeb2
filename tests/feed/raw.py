"""Speak websocket by hand, to say what no library would say (RFC 6455)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any, Self

from tests.server import PANEL, Server

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def handshake(key: str) -> list[tuple[bytes, bytes]]:
    """Give the header lines of a panel's handshake, parsed."""
    return [
        (b"host", b"localhost"),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-protocol", PANEL.encode()),
        (b"authorization", b"Bearer " + key.encode()),
    ]


@dataclass
class Frame:
    """One frame as it came."""

    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def code(self) -> int:
        """The close code of a close frame."""
        assert self.opcode == CLOSE
        return int.from_bytes(self.payload[:2], "big")


def encode(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0
) -> bytes:
    """Give one frame as a client sends it, right or wrong."""
    first = (0x80 if fin else 0) | rsv | opcode
    length = len(payload)
    mask = 0x80 if masked else 0
    head = bytes([first])
    if length < 126:
        head += bytes([mask | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", mask | 126, length)
    else:
        head += struct.pack("!BQ", mask | 127, length)
    key = b"\x01\x02\x03\x04" if masked else b""
    body = bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if masked else payload
    return head + key + body


class Raw:
    """A TCP connection with a websocket handshake of any shape."""

    def __init__(self, server: Server, *, receive_buffer: int | None = None) -> None:
        self.server = server
        self.socket = socket.socket()
        if receive_buffer is not None:  # before connecting: it decides the TCP window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", server.port))
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(self, agent: str, *, without: str = "", **changes: str) -> bytes:
        """Give a handshake; headers are changed by their names with `_` for `-`."""
        headers = {
            "Host": f"127.0.0.1:{self.server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": PANEL,
            "Authorization": f"Bearer {self.server.key('feed')}",
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if name != without]
        start = f"GET /v1/feed?agent={agent} HTTP/1.1"
        return "\r\n".join([start, *lines, "", ""]).encode()

    def open(self, agent: str) -> Self:
        """Shake hands and read the snapshot."""
        self.socket.sendall(self.request(agent))
        head = self.head()
        assert head.startswith("HTTP/1.1 101"), head
        # RFC 6455, 1.3: the answer to the sample nonce
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert b"screenpop.snapshot" in self.frame().payload
        return self

    def head(self) -> str:
        """Read an HTTP answer's head; what follows stays."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode()

    def send(self, opcode: int, payload: bytes = b"", **how: Any) -> None:
        """Send one frame, right or wrong."""
        self.socket.sendall(encode(opcode, payload, **how))

    def frame(self) -> Frame:
        """Read one frame; a server's are not masked."""
        first, second = self._take(2)
        assert not second & 0x80, "a server must not mask"
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
        return Frame(first & 0x0F, self._take(length), bool(first & 0x80))

    def close_code(self) -> int:
        """Read on to the close frame, answer it, and see the end of the stream."""
        frame = self.frame()
        while frame.opcode != CLOSE:
            frame = self.frame()
        self.send(CLOSE, frame.payload[:2])
        assert self.ended()
        return frame.code

    def ended(self) -> bool:
        """Whether the server closes the connection without another byte."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data
