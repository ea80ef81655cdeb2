"""Answer the hot POST where the bytes come in, and leave every other request to uvicorn.

A request for `/v1/events` whose body comes in one piece with its head, as that of nearly every
source does, needs no ASGI: no scope, task or event for it, which cost more than the event itself
(docs/decisions/0004-hot-path.md). Whatever is unusual (a body in pieces, a request that comes
before the answer to the one before, HTTP/1.0, `Expect`, an upgrade) goes uvicorn's way.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from typing import Final, cast

import structlog
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from adapter.services import Services
from adapter.web import short_ingest
from adapter.web.http_connections import HttpConnection
from adapter.web.intake import CLOSE, ONE_ACCEPTED, STRICT_TRANSPORT, Answer

log = structlog.get_logger()

TARGET: Final = b"/v1/events"
_SCHEMES: Final = ("http", "https", "ws", "wss")
_FAULT: Final = Answer(
    500, ((b"content-type", b"text/plain; charset=utf-8"),), b"Internal Server Error"
)
"""What uvicorn says where an application fails."""

HeaderLines = tuple[tuple[bytes, bytes], ...]


class _Nobody:
    """Nobody waits in the cycle of a short request, so nobody needs waking."""

    @staticmethod
    def set() -> None:
        """Be told that the peer has gone."""


class Short:
    """A request on the short way: to uvicorn, a cycle that has not been answered yet."""

    __slots__ = ("disconnected", "is_https", "keep_alive", "lines", "pieces", "response_complete")

    more_body = False
    response_started = False
    message_event = _Nobody

    def __init__(self, lines: list[tuple[bytes, bytes]], keep_alive: bool) -> None:
        self.lines = lines
        self.pieces: list[bytes] = []
        self.keep_alive = keep_alive
        self.is_https = False
        self.disconnected = False
        self.response_complete = False


class ShortConnection(HttpConnection):
    """A connection on which the hot POST takes the short way."""

    _services: Services | None = None
    """None where no request may go the short way."""
    _is_behind_proxy = False
    """Whether the peer is a proxy whose word on the scheme counts."""
    _coming: Short | None = None
    """The request whose body comes in, where it may go the short way."""
    _whole: Short | None = None
    """The same once it is whole, until the parser returns."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See whether this server can answer without its application."""
        super().connection_made(transport)
        chosen = self.config
        is_plain = not (chosen.root_path or chosen.limit_concurrency or chosen.access_log)
        # Only our own application leaves them there: the demo's tells its sites apart by host.
        self._services = self.app_state.get("services") if is_plain else None
        if isinstance(self.app, ProxyHeadersMiddleware):
            host = self.client[0] if self.client else None
            self._is_behind_proxy = host in self.app.trusted_hosts

    def on_message_begin(self) -> None:
        """Begin a request; its scope is made only if it goes the long way."""
        self._head_has_begun = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Choose the way of a request."""
        if self._may_be_short():
            self._head_has_begun = False
            self._coming = Short(self.headers, self.parser.should_keep_alive())
        else:
            self._go_the_long_way()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._coming is None:
            super().on_body(body)
        else:
            self._coming.pieces.append(body)

    def on_message_complete(self) -> None:
        """Keep the whole request until the parser returns: it would call an error of ours 400."""
        if self._coming is None:
            super().on_message_complete()
        else:
            # What follows on the connection waits for this, in uvicorn's own pipeline.
            self.cycle = self._whole = self._coming  # type: ignore[assignment]
            self._coming = None

    def after_reading(self) -> None:
        """Take a request that is whole; one that is not goes the long way, with its deadlines."""
        if self._whole is not None:
            request, self._whole = self._whole, None
            self._take(request)
        if self._coming is not None:
            request, self._coming = self._coming, None
            if not self.transport.is_closing():
                self._go_the_long_way()
                for piece in request.pieces:
                    super().on_body(piece)

    def _may_be_short(self) -> bool:
        before: RequestResponseCycle | Short | None = self.cycle  # None before the first request
        return (
            self.url == TARGET
            and self._services is not None
            and (before is None or before.response_complete)
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
        )

    def _go_the_long_way(self) -> None:
        url, lines, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, lines, expects
        self.scope["headers"] = lines
        super().on_headers_complete()

    def _take(self, request: Short) -> None:
        services = cast(Services, self._services)
        request.is_https = self._is_https(request.lines)
        body = b"".join(request.pieces)
        try:
            short_ingest.take(services, request.lines, body, partial(self._answer, request))
        except Exception:
            log.exception("a request failed")
            self._answer(request, None)

    def _is_https(self, lines: list[tuple[bytes, bytes]]) -> bool:
        """Say whether the sender came by TLS, as uvicorn's proxy middleware finds it."""
        scheme: str | None = self.scheme
        if self._is_behind_proxy:
            said = dict(lines).get(b"x-forwarded-proto", b"").decode("latin-1").strip()
            scheme = said if said in _SCHEMES else scheme
        return scheme == "https"

    def _answer(self, request: Short, answer: Answer | None) -> None:
        """Write the answer, unless the sender has gone: what it sent is kept."""
        if request.disconnected or request.response_complete:
            return
        request.response_complete = True
        if answer is None:
            answer, request.keep_alive, request.is_https = _FAULT, False, False
        elif CLOSE in answer.headers:
            request.keep_alive = False
        if not self.transport.is_closing():
            self._write(request, answer)
        self.on_response_complete()

    def _write(self, request: Short, answer: Answer) -> None:
        usual = tuple(self.server_state.default_headers)
        write = _kept if answer is ONE_ACCEPTED else written
        text = write(answer, usual, is_https=request.is_https, keep_alive=request.keep_alive)
        try:
            self.transport.write(text)
        except RuntimeError as error:
            if "closed" not in str(error):  # uvloop knows of an end before the protocol does
                raise
        if not request.keep_alive:
            self.transport.close()


# Few answers are worth keeping: the usual one, until the date in it changes.
@lru_cache(maxsize=8)
def _kept(answer: Answer, usual: HeaderLines, *, is_https: bool, keep_alive: bool) -> bytes:
    return written(answer, usual, is_https=is_https, keep_alive=keep_alive)


def written(answer: Answer, usual: HeaderLines, *, is_https: bool, keep_alive: bool) -> bytes:
    """Write a response as uvicorn would; `usual` are the headers of every response."""
    lines = [*usual, *answer.headers, (b"content-length", b"%d" % len(answer.body))]
    if is_https:
        lines.append(STRICT_TRANSPORT)
    if not keep_alive and CLOSE not in answer.headers:
        lines.append(CLOSE)
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"%b%b\r\n%b" % (STATUS_LINE[answer.status], head, answer.body)
