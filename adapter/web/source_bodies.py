"""Read the bodies of the doors for sources: whole, within limits, and unpacked."""

from __future__ import annotations

import zlib
from typing import Final

from starlette.types import Receive

from adapter.bodies import Held
from adapter.errors import MalformedInput, PayloadTooLarge
from adapter.web import intake
from adapter.web.intake import Headers

MAX_MEMBERS: Final = 1000
"""Gzip members of one body: Firehose writes one."""

_PIECE: Final = 64 * 1024
"""Bytes that are unpacked at once: what is left of them behind a member is copied."""


class SenderGone(Exception):
    """The sender closed the connection before its request was worked on."""


async def receive_all(headers: Headers, receive: Receive, limit: int, held: Held) -> bytes:
    """Give the whole body of a request, counted as it comes.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes.
        Overloaded: there is no room for it.
        SenderGone: the rest does not come.
    """
    intake.require_short(headers, limit)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise intake.too_long(limit)
        held.grow_to(size)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def gunzip(body: bytes, limit: int) -> bytes:
    """Unpack gzip of one member or several (RFC 1952, 2.2), never more than `limit` bytes.

    Takes time in proportion to what is packed and what is plain, however many members there are.

    Raises:
        PayloadTooLarge: it is longer, or has too many members.
        MalformedInput: it is no gzip, or is cut off.
    """
    plain = bytearray()
    packed, at = memoryview(body), 0
    for _ in range(MAX_MEMBERS):
        if at == len(packed):
            return bytes(plain)
        at = _unpack_member(packed, at, plain, limit)
    if at == len(packed):
        return bytes(plain)
    raise PayloadTooLarge(f"the body has more than {MAX_MEMBERS} gzip members")


def _unpack_member(packed: memoryview, at: int, plain: bytearray, limit: int) -> int:
    """Put the member that begins `at` behind what is plain; give where it ends."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    while not inflater.eof:
        piece = packed[at : at + _PIECE]
        if not piece:
            raise MalformedInput("the gzip body is cut off")
        try:
            plain += inflater.decompress(piece, limit + 1 - len(plain))
        except zlib.error as error:
            raise MalformedInput(f"the body is no gzip: {error}") from error
        if len(plain) > limit:
            raise PayloadTooLarge(f"the body has more than {limit} bytes when unpacked")
        at += len(piece) - len(inflater.unused_data)
    return at
