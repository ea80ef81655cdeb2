"""Say which request heads are accepted: their size, and what a server must refuse (RFC 9112)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import httptools

from adapter.web import addresses, unreadable
from adapter.web.unreadable import OTHER_VERSION, Unreadable

HeaderLines = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""

MOST_BYTES: Final = 64 * 1024
"""Bytes of a head, and of what follows the last byte of a body: as much as nginx and h11 would
hold. Cookies and tokens together take a quarter of it."""
MOST_LINES: Final = 128
"""Lines of a head: the most that the websockets library accepts. Browsers behind proxies send
forty."""
SOCKET_LINE: Final = 8000
"""Bytes of a line in a websocket's head: that library accepts 8192, including the line's end."""

_LONGEST_LENGTH: Final = 19
"""Digits of a Content-Length: ten exabytes. Python would refuse to read more than 4,300."""
_LONGEST_HOST: Final = 300
"""Bytes: a name has at most 253 characters."""
_ABSOLUTE: Final = re.compile(rb"(https?|wss?)://([^/?#]+)(?:[/?#].*)?", re.IGNORECASE)
_DEFAULT_PORTS: Final = {b"http": b":80", b"ws": b":80", b"https": b":443", b"wss": b":443"}
_VERSIONS: Final = frozenset({"1.1", "1.0"})
_HEAD: Final = f"a head may have {MOST_BYTES // 1024} KiB and {MOST_LINES} lines"
LONG_HEAD: Final = unreadable.too_large(f"the head of the request is too long: {_HEAD}")
LONG_TRAILER: Final = unreadable.too_large(
    f"what follows the body, or stands between its chunks, has more than {MOST_BYTES // 1024} KiB"
)
_LONG_LENGTH: Final = unreadable.malformed(
    f"the Content-Length has more than {_LONGEST_LENGTH} digits"
)
_BAD_ADDRESS: Final = unreadable.malformed("the address in the first line cannot be understood")
_TWO_HOSTS: Final = unreadable.malformed(
    "the address in the first line names another host than the Host header"
)
_MANY_LINES: Final = unreadable.too_large(f"the request has too many header lines: {_HEAD}")
_LONG_LINE: Final = unreadable.too_large(
    f"a line of the websocket's handshake has more than {SOCKET_LINE} bytes"
)


def check(method: bytes, url: bytes, version: str, lines: HeaderLines) -> None:
    """Check a complete head; raises `Unreadable`."""
    if version not in _VERSIONS:
        raise Unreadable(OTHER_VERSION)
    if len(lines) > MOST_LINES:
        raise Unreadable(_MANY_LINES)
    if method == b"CONNECT":
        raise Unreadable(unreadable.not_done("this server is no proxy: it opens no tunnel"))
    names = [name for name, _ in lines]
    host = _host(version, names, lines)
    if not url.startswith(b"/"):
        _check_authority(url, host)
    if b"content-length" in names:  # the parser has made sure that it is there once, and digits
        length = lines[names.index(b"content-length")][1]
        if len(length) > _LONGEST_LENGTH:
            raise Unreadable(_LONG_LENGTH)
    if b"transfer-encoding" in names:
        _check_coding(version, [value for name, value in lines if name == b"transfer-encoding"])


def check_protocol(method: bytes, url: bytes, piece: bytes) -> None:
    """Check that a first line in a piece is not one of RTSP or ICE; raises `Unreadable`.

    The parser accepts these too, and reports the version's number without the protocol's name. A
    line that came in two pieces passes as HTTP. That does no harm: then it is treated as HTTP.
    """
    for name in (b"RTSP", b"ICE"):
        line = b"%b %b %b/" % (method, url, name)
        if piece.startswith(line) or b"\n" + line in piece:
            raise Unreadable(OTHER_VERSION)


def _host(version: str, names: list[bytes], lines: HeaderLines) -> bytes:
    """Give the Host, after checking that there is exactly one and it is valid (RFC 9112, 3.2)."""
    hosts = names.count(b"host")
    if hosts != 1 and (hosts or version == "1.1"):
        wrong = "is given more than once" if hosts else "is missing"
        raise Unreadable(unreadable.malformed(f"the Host header {wrong}"))
    host = lines[names.index(b"host")][1] if hosts else b""
    if len(host) > _LONGEST_HOST or not _is_host(host):
        raise Unreadable(unreadable.malformed("the Host header names no host"))
    return host


def _check_authority(url: bytes, host: bytes) -> None:
    """Check that an address with a host in it names the same one as Host (RFC 9112, 3.2.2)."""
    if url == b"*":
        return
    absolute = _ABSOLUTE.fullmatch(url)
    if absolute is None:
        raise Unreadable(_BAD_ADDRESS)
    scheme, authority = (each.lower() for each in absolute.groups())
    port = _DEFAULT_PORTS[scheme]
    if authority.removesuffix(port) != host.lower().removesuffix(port):
        raise Unreadable(_TWO_HOSTS)


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    """Whether a value is a host; cached, because the same few come again and again."""
    return addresses.is_host(value.decode("latin-1"))


def _check_coding(version: str, values: list[bytes]) -> None:
    """Check a Transfer-Encoding (RFC 9112, 6.1: an unknown coding gets 501)."""
    if version == "1.0":
        raise Unreadable(unreadable.malformed("HTTP/1.0 knows no Transfer-Encoding"))
    if [value.lower() for value in values] != [b"chunked"]:
        raise Unreadable(
            unreadable.not_done("of the transfer codings only `chunked` is taken, once")
        )


def check_address(url: bytes) -> None:
    """Check that uvicorn will understand an address; raises `Unreadable`."""
    try:
        path = httptools.parse_url(url).path
    except httptools.HttpParserInvalidURLError:
        raise Unreadable(_BAD_ADDRESS) from None
    # None if there is a host and nothing after it, whatever the library's types say.
    if not path or not path.isascii() or b"#" in url:  # no fragment is sent (RFC 9112, 3.2)
        raise Unreadable(_BAD_ADDRESS)


def check_length(url: bytes, lines: HeaderLines) -> None:
    """Check the length of a complete head; raises `Unreadable`."""
    if len(url) + sum(len(name) + len(value) + 4 for name, value in lines) > MOST_BYTES:
        raise Unreadable(LONG_HEAD)


def is_handshake(method: bytes, version: str, lines: HeaderLines) -> bool:
    """Whether a head begins a websocket (RFC 6455, 4.1), so that no request may follow it.

    Any other request for an upgrade is ignored (RFC 9110, 7.8) and treated as an ordinary one.
    """
    wished = [value.lower() for name, value in lines if name == b"upgrade"]
    is_plain = method == b"GET" and version == "1.1" and wished == [b"websocket"]
    return is_plain and _names_upgrade(lines) and not _has_body(lines)


def _names_upgrade(lines: HeaderLines) -> bool:
    named = b",".join(value for name, value in lines if name == b"connection")
    return b"upgrade" in (each.strip() for each in named.lower().split(b","))


def _has_body(lines: HeaderLines) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in lines
    )


def check_handshake(url: bytes, lines: HeaderLines) -> None:
    """Check that the websockets library would accept a head; raises `Unreadable`."""
    if len(url) > SOCKET_LINE or any(len(n) + len(v) > SOCKET_LINE for n, v in lines):
        raise Unreadable(_LONG_LINE)
    if not url.isascii() or b"#" in url:
        raise Unreadable(_BAD_ADDRESS)


def without_upgrade(method: bytes, url: bytes, version: str, lines: HeaderLines) -> bytes:
    """Write a head anew, without its request for an upgrade."""
    kept = b"".join(b"%b: %b\r\n" % line for line in lines if line[0] != b"upgrade")
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode(), kept)
