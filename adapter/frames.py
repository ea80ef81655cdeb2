"""Frame what a server sends over a websocket (RFC 6455, section 5.2): unmasked, never fragmented.

The hub frames a message once and writes the same bytes to every socket.
"""

from __future__ import annotations

_TEXT = 0x81  # FIN + opcode 1
_PING = 0x89  # FIN + opcode 9
_LENGTH_16 = 126
_LENGTH_64 = 127


def text(payload: bytes) -> bytes:
    """Frame UTF-8 text."""
    return _header(_TEXT, len(payload)) + payload


def ping(payload: bytes = b"") -> bytes:
    """Frame a ping (at most 125 bytes)."""
    return _header(_PING, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    if length < _LENGTH_16:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, _LENGTH_16)) + length.to_bytes(2, "big")
    return bytes((first, _LENGTH_64)) + length.to_bytes(8, "big")
