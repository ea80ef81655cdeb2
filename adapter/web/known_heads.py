"""Recognise a hot POST that repeats the last head on its connection, except for the length.

A source that keeps its connection open sends the same head again and again; only Content-Length
changes. What the parser and the checks found the first time then still holds, as long as nothing
that the checks depend on has changed (`Registry.generation`).

No request can be smuggled past the parser in this way. The parser has read these very bytes as one
request, and found exactly the header lines that they hold (`remember` compares them). Only the
digits of the length may differ, and they must equal the number of bytes that follow in the chunk.
So a recognised request begins and ends with its chunk, as the parser would have found. No chunk is
compared in the middle of a request: each one that goes to the parser makes the connection forget
its head.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import Final

from adapter.recent_requests import RawHeaders, RecentRequest
from adapter.tenants import Tenant
from adapter.web import intake

MOST: Final = 4096
"""Bytes of the longest head that a connection remembers. The copies of it that are kept for
comparing, one for each length of body, may take as much again: a dozen of a usual head."""

_LINE: Final = rb"(?:[!-9;-~]+:[^\r\n]*\r\n)"
_HEAD: Final = re.compile(
    rb"(POST /v1/events HTTP/1\.1\r\n%b*?(?i:content-length):[ \t]*)(\d+)(\r\n%b*\r\n)"
    % (_LINE, _LINE)
)
_LENGTH: Final = b"content-length"
_SIGNATURE: Final = b"webhook-signature"
"""No remembered head may have it: a signature is valid for one body only."""


class KnownHead:
    """A head that was parsed and checked, and what was found in it."""

    __slots__ = (
        *("_after", "_before", "_by_length", "_length_at", "_length_line", "_lines"),
        *("generation", "headers", "is_https", "key", "tenant"),
    )

    def __init__(
        self,
        text: re.Match[bytes],
        lines: RawHeaders,
        tenant: Tenant,
        key: str,
        generation: int,
        *,
        is_https: bool,
    ) -> None:
        self._before, _, self._after = text.groups()
        self._length_at = len(self._before)
        self._lines = lines
        self._by_length: dict[int, tuple[bytes, RawHeaders]] = {}
        self._length_line = [name for name, _ in lines].index(_LENGTH)
        self.headers = intake.text_headers(line for line in lines if line[0] != _LENGTH)
        self.tenant = tenant
        self.key = key
        """The key's id."""
        self.generation = generation
        """The registry's generation when the key was checked."""
        self.is_https = is_https

    def match(self, chunk: bytes) -> tuple[RawHeaders, bytes] | None:
        """Give header lines and body if a chunk is this head with all of its body; else None.

        The comparison takes constant time, because the head contains a key. The lines are those
        that the parser would give. Requests with bodies of the same length share them, so they must
        not be changed.
        """
        start = chunk.find(b"\r", self._length_at) + len(self._after)
        length = len(chunk) - start
        text, lines = self._by_length.get(length) or self._with_length(length)
        return (lines, chunk[start:]) if compare_digest(chunk[:start], text) else None

    def _with_length(self, length: int) -> tuple[bytes, RawHeaders]:
        """Give this head, and its lines, for a body of `length` bytes."""
        text = b"%b%d%b" % (self._before, length, self._after)
        lines = list(self._lines)
        lines[self._length_line] = (_LENGTH, b"%d" % length)
        if (len(self._by_length) + 1) * len(text) <= MOST:
            self._by_length[length] = (text, lines)
        return text, lines


def remember(
    chunk: bytes, request: RecentRequest, generation: int, *, is_https: bool
) -> KnownHead | None:
    """Give the head of a chunk that was the accepted `request`; None if the head is unusual.

    `generation` is that of the registry when the key was checked.
    """
    text = _HEAD.match(chunk, 0, MOST)
    tenant, key, lines = request.tenant, request.sender, request.headers
    if text is None or tenant is None or key is None or _lines(text[0]) != lines:
        return None  # part of it came in an earlier chunk, or the parser read it differently
    if any(name == _SIGNATURE for name, _ in lines):
        return None
    head = KnownHead(text, lines, tenant, key, generation, is_https=is_https)
    return None if head.match(chunk) is None else head


def _lines(text: bytes) -> list[tuple[bytes, bytes]]:
    lines = (line.partition(b":") for line in text.split(b"\r\n")[1:-2])
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
