"""End a connection so that its peer gets every answer that it is owed, and hears why it ends.

A connection that is closed while bytes lie in it unread is reset, and what its peer has not yet got
is lost (RFC 9112, 9.6). So behind the last words we end our half alone, and throw away what the
peer still sends, up to a limit and for a while. A peer that takes nothing of what waits for it is
cut off (`unread_answers`).

`HttpConnection` is built on this: it reads, and sets the deadlines.
"""

from __future__ import annotations

import asyncio
import weakref
from enum import Enum
from functools import partial

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web import body_pace
from adapter.web.request_reader import RequestReader
from adapter.web.unread_answers import UnreadWatch
from adapter.web.unreadable import Refusal
from adapter.web.written_answers import written


class Reading(Enum):
    """What is done with the bytes that come in. A connection never goes back:

    OPEN ──▶ LINGERING       they cannot be read, or do not come in time, and a refusal says so;
                             or the last answer is given, while its request still comes in
    OPEN ──▶ REFUSED         a refusal is to be said, but first all that came before is answered
    REFUSED ──▶ LINGERING    all that came before is answered, and the refusal is said
    OPEN ──▶ ENDED           the peer has ended its half
    OPEN ──▶ HANDED_ON       a websocket begins
    """

    OPEN = "open"
    """They are read as requests."""
    REFUSED = "refused"
    """They are thrown away. When all that came before is answered, a refusal says why."""
    LINGERING = "lingering"
    """They are thrown away. All is said, and the peer has a while to get it; then it closes."""
    ENDED = "ended"
    """None come any more. When all that came is answered, it closes."""
    HANDED_ON = "handed on"
    """They are the websocket's, which has taken the connection over."""


# Of the class they would be looked up in vain first, until Python 3.12; each request asks for them.
OPEN, REFUSED, LINGERING, ENDED, HANDED_ON = Reading


class EndingConnection(RequestReader):
    """The part of a connection that ends it, above the one that reads its requests."""

    small_body = 64 * 1024
    """Bytes up to which a body is read to its end though nobody wants it: the connection stays."""
    lingering_seconds = 5.0
    lingering_bytes = 8 * 1024 * 1024
    """What a peer may still send when requests are read no more."""
    unread_seconds = 60.0
    """Within these a peer has to take some of what waits to be sent."""
    unread_rate = body_pace.RATE
    """Bytes a second that it has to take on the whole, when those seconds are over."""
    ending_seconds = 2.0
    """The same as `unread_seconds` while the server ends: less than its grace."""

    _reading = OPEN
    _may_discard = 0
    """Bytes that may still be thrown away, unless requests are read."""
    _lingering_timer: asyncio.TimerHandle | None = None
    _refusal: Refusal | None = None
    """What is to be said when all that came before it is answered."""
    _answering: weakref.ref[RequestResponseCycle] | None = None
    """What the application answers, or has answered last; other requests may wait behind it."""
    _unread: UnreadWatch | None = None
    """Watches the peer while answers wait for it to take them."""
    _may_stay = False
    """Whether the request lost its `keep_alive` only until its body is whole."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the application."""
        if self._lingering_timer is not None:
            self._lingering_timer.cancel()
        self._stop_watching_unread()
        while self.pipeline:
            _forget(self.pipeline.pop()[0])
        self._unparsed = b""
        answering = self._answering() if self._answering is not None else None
        if answering is not None:  # uvicorn tells the newest alone
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn always has it closed
        """Answer what came whole before the end (RFC 9112, 9.6); say whether there is such."""
        is_owed = self._reading is REFUSED
        if self._reading is OPEN and not self.transport.is_closing():
            self.drop_unfinished()
            self._reading = ENDED
            self._cancel_deadline()
            is_owed = self._owes_answer()
        if not is_owed:
            self._close_when_taken()
        return is_owed

    def _owes_answer(self) -> bool:
        cycle = self.cycle
        return cycle is not None and (
            bool(self.pipeline) or not (cycle.response_complete or cycle.disconnected)
        )

    def shutdown(self) -> None:
        """End when what was read is answered, and do not wait for a peer that does not read."""
        self._unparsed = b""
        self._may_stay = False
        self.unread_seconds = self.ending_seconds
        super().shutdown()
        self._stop_watching_unread()
        if self.flow.write_paused or self.transport.is_closing():
            self._watch_unread()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on."""
        self._reading = HANDED_ON
        self._stop_watching_unread()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it leads back here

    # --- a peer that does not take what is sent ---------------------------------------------

    def pause_writing(self) -> None:
        """Wait for the peer to take what is sent, but not for ever."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """Go on: the peer has taken most of it."""
        super().resume_writing()
        self._stop_watching_unread()
        if self.transport.is_closing():
            self._watch_unread()

    def _close_when_taken(self) -> None:
        """Close when the peer has taken all that was written, or is too slow."""
        self.transport.close()
        self._watch_unread()

    def _watch_unread(self) -> None:
        # Until a websocket has answered its handshake, it is still we who are told that the peer
        # reads too slowly. The websocket has a limit of its own for that.
        if self._reading is HANDED_ON or self._unread is not None:
            return
        if self.transport.get_write_buffer_size():
            self._unread = UnreadWatch(
                self.transport, self.loop, self.unread_seconds, self.unread_rate
            )

    def _stop_watching_unread(self) -> None:
        if self._unread is not None:
            self._unread.stop()
            self._unread = None

    # --- the last words ---------------------------------------------------------------------

    def drop_unfinished(self) -> bool:
        """Take back a request of which no more is read; say whether its sender is owed a word."""
        cycle = self.cycle
        if cycle is None or self._head_has_begun or not cycle.more_body:
            return True
        if self.pipeline and self.pipeline[0][0] is cycle:
            _forget(self.pipeline.popleft()[0])
            return True
        if cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        # What is said next takes the place of its answer, unless that has begun.
        cycle.response_complete = not cycle.response_started
        return cycle.response_complete

    def _read_no_more(self, refusal: Refusal | None) -> None:
        """Read no more, and say why when all that came before is answered."""
        cycle = self.cycle
        if self.transport.is_closing() or self._reading is not OPEN:
            return
        if refusal is None:
            self._linger()
        elif cycle is None or cycle.response_complete:
            self._write_refusal(refusal)
        else:
            self._cancel_deadline()
            self._reading, self._may_discard = REFUSED, self.lingering_bytes
            self._refusal = refusal
            self.flow.pause_reading()

    def _write_last_words(self) -> None:
        """Say what is still to be said, now that all that came is answered."""
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            self._close_when_taken()
        else:
            self._write_refusal(refusal)

    def _write_refusal(self, refusal: Refusal) -> None:
        usual = self.server_state.default_headers
        self.transport.write(written(refusal.answer(), usual, is_https=False, keep_alive=False))
        self._linger()

    def _linger(self) -> None:
        """Say no more, and throw away what the peer still sends until it has got all."""
        self._unset_keepalive_if_required()
        self._cancel_deadline()
        self._reading, self._may_discard = LINGERING, self.lingering_bytes
        self.flow.resume_reading()
        self.transport.write_eof()
        self._lingering_timer = self.loop.call_later(self.lingering_seconds, self._close_when_taken)

    def _discard(self, data: bytes) -> None:
        """Throw away what came; close where it is too much."""
        self._may_discard -= len(data)
        if self._may_discard < 0:
            self._close_when_taken()

    def _cancel_deadline(self) -> None:
        """Wait no longer for the rest of a request (`HttpConnection` sets the deadlines)."""

    # --- an answer that comes before the end of the request ---------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = weakref.ref(cycle)
        super()._start_asgi_task(cycle, app)

    def _expect_early_answer(self, cycle: RequestResponseCycle) -> bool:
        """Be ready for an answer before the body is whole; False where that was done before."""
        if isinstance(cycle.transport, _Unfinished):
            return False
        # A proxy: else it would lead back to itself, and only the collector would free it.
        itself = weakref.proxy(cycle)
        cycle.transport = _Unfinished(self.transport, itself)
        cycle.on_response = partial(self._after_answer, itself)
        if cycle.keep_alive and _declared(cycle) > self.small_body:
            self._may_stay = True
            cycle.keep_alive = False  # so that an early answer says `Connection: close`
        return True

    def on_message_complete(self) -> None:
        """Let the connection stay where the answer has not begun before the body was whole."""
        super().on_message_complete()
        cycle = self.cycle
        if self._may_stay and self._again is None and cycle is not None:
            self._may_stay = False
            cycle.keep_alive = not cycle.response_started

    def _after_answer(self, cycle: RequestResponseCycle) -> None:
        """Go on with the next request, or throw away the rest of this one's body."""
        self.on_response_complete()
        if not cycle.more_body or self.transport.is_closing() or self._reading is not OPEN:
            return
        if not cycle.keep_alive or _declared(cycle) > self.small_body:
            self._linger()
        # Else uvicorn drops the rest as it comes, and the deadline of a body holds.


def _nothing() -> None:
    pass


def _forget(cycle: RequestResponseCycle) -> None:
    """Let go of a request that never began: what it would call at its answer leads back to it."""
    cycle.on_response = _nothing


def _declared(cycle: RequestResponseCycle) -> float:
    """Give the length of a body as the head says it; infinite where it does not."""
    for name, value in cycle.scope["headers"]:
        if name == b"content-length":
            return int(value)  # the parser has refused what is no number
    return float("inf")


class _Unfinished(asyncio.Transport):
    """The transport of a request whose body comes in: after an early answer it stays open.

    uvicorn closes it behind the last answer, which would reset the connection; `_after_answer` ends
    it instead.
    """

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._transport = transport
        self._cycle = cycle

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if not (self._cycle.response_complete and self._cycle.more_body):
            self._transport.close()
