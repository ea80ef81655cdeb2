"""Frame what a server sends over a websocket (RFC 6455, section 5.2): unmasked, never fragmented.

The hub frames a message once and writes the same bytes to every socket.
"""

from __future__ import annotations

import struct

_TEXT = 0x81  # FIN + opcode 1
_LENGTH_16 = 126
_LENGTH_64 = 127
_head = struct.Struct(">BB").pack
_head_16 = struct.Struct(">BBH").pack
_head_64 = struct.Struct(">BBQ").pack

PING = b"\x89\x00"  # FIN + opcode 9, nothing in it
EMPTY_PONG = b"\x8a\x80"
"""How a client's answer to `PING` begins; the four bytes of the mask follow."""
EMPTY_PONG_LENGTH = 6


def text(payload: bytes) -> bytes:
    """Frame UTF-8 text."""
    length = len(payload)
    if length < _LENGTH_16:
        return _head(_TEXT, length) + payload
    if length < 1 << 16:
        return _head_16(_TEXT, _LENGTH_16, length) + payload
    return _head_64(_TEXT, _LENGTH_64, length) + payload


def from_client(length: int) -> int:
    """Give the least length of a client's frame with this payload (a client may pad lengths)."""
    if length < _LENGTH_16:
        return length + 6
    return length + (8 if length < 1 << 16 else 14)
