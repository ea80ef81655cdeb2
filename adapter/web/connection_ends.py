"""End a connection so that its peer gets every answer it is owed, and learns why it ends.

A connection that is closed with unread bytes in it is reset, and what its peer has not received yet
is lost (RFC 9112, 9.6). So after the last answer we close only our half, and discard what the peer
still sends, up to a limit and for a while. A peer that reads nothing of what waits for it is cut
off (`unread_answers`).

`HttpConnection` is built on this: it reads, and sets the deadlines.
"""

from __future__ import annotations

import asyncio
import weakref
from enum import Enum
from functools import partial

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    Scope,
)
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapter.web import body_pace
from adapter.web.cycles import Cycle
from adapter.web.request_reader import RequestReader
from adapter.web.unread_answers import UnreadWatch
from adapter.web.unreadable import ENDING, Refusal
from adapter.web.written_answers import written


class Reading(Enum):
    """What is done with the bytes that come in. A connection never returns to an earlier state:

    OPEN ──▶ LINGERING       they cannot be read, or do not come in time, and a refusal says so;
                             or the last answer is given, while more still comes in
    OPEN ──▶ REFUSED         a refusal is to be said, but first all that came before is answered
    REFUSED ──▶ LINGERING    all that came before is answered, and the refusal is said
    OPEN ──▶ ENDED           the peer has ended its half
    OPEN ──▶ HANDED_ON       a websocket begins
    """

    OPEN = "open"
    """They are read as requests."""
    REFUSED = "refused"
    """They are discarded. When all that came before is answered, a refusal says why."""
    LINGERING = "lingering"
    """They are discarded. All is written, and the peer has a while to read it; then we close."""
    ENDED = "ended"
    """No more will come. When all that came is answered, we close."""
    HANDED_ON = "handed on"
    """They go to the websocket, which has taken the connection over."""


# Until Python 3.12 each lookup on the class begins with one that fails, and each request needs
# these.
OPEN, REFUSED, LINGERING, ENDED, HANDED_ON = Reading


class EndingConnection(RequestReader):
    """The part of a connection that ends it, built on the one that reads its requests."""

    small_body = 64 * 1024
    """Bytes up to which an unwanted body is read to its end, to keep the connection."""
    lingering_seconds = 5.0
    lingering_bytes = 8 * 1024 * 1024
    """What a peer may still send when no more requests are read."""
    unread_seconds = 60.0
    """Seconds within which a peer must read some of what waits to be sent."""
    unread_rate = body_pace.RATE
    """Bytes a second that it must read on average once those seconds are over."""
    ending_seconds = 2.0
    """`unread_seconds` while the server shuts down: less than its grace."""
    ending_silence = 1.0
    """Seconds for which it then waits for more of a request, or for a peer to close its half."""

    is_ending = False
    """Whether the server shuts down."""
    _reading = OPEN
    _may_discard = 0
    """Bytes that may still be discarded, once no more requests are read."""
    _lingering_timer: asyncio.TimerHandle | None = None
    _refusal: Refusal | None = None
    """The refusal to write when all that came before it is answered."""
    _answering: weakref.ref[RequestResponseCycle] | None = None
    """The request that the application is answering or answered last; others may wait behind it."""
    _unread: UnreadWatch | None = None
    """Watches the peer while answers wait for it to read them."""
    _may_stay = False
    """Whether the request's `keep_alive` is off only until its body is complete."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the application."""
        if self._lingering_timer is not None:
            self._lingering_timer.cancel()
        self._stop_watching_unread()
        while self.pipeline:
            _forget(self.pipeline.pop()[0])
        self._unparsed = b""
        answering = self._answering() if self._answering is not None else None
        if answering is not None:  # uvicorn tells only the newest
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn always has it closed
        """Answer what came complete before the end (RFC 9112, 9.6); say if anything is owed."""
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
        """End once what was read is answered, without waiting for a peer that does not read.

        The request that began last is the last, and is still read to its end. If none waits for its
        answer, `HttpConnection` closes.
        """
        self.is_ending = True
        self._may_stay = False
        self.unread_seconds = self.ending_seconds
        self.lingering_seconds = min(self.lingering_seconds, self.ending_silence)
        cycle = self.cycle
        if self._reading is not OPEN:
            super().shutdown()
        elif cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                self._unparsed = b""
            self._be_last(cycle)
        elif cycle is not None and cycle.more_body:
            self._linger()
        self._stop_watching_unread()
        if self.flow.write_paused or self.transport.is_closing():
            self._watch_unread()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on."""
        self._reading = HANDED_ON
        self._stop_watching_unread()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it refers back here

    # --- a peer that does not take what is sent ---------------------------------------------

    def pause_writing(self) -> None:
        """Wait for the peer to read what is sent, but not for ever."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """Go on: the peer has read most of it."""
        super().resume_writing()
        self._stop_watching_unread()
        if self.transport.is_closing():
            self._watch_unread()

    def _close_when_taken(self) -> None:
        """Close when the peer has read all that was written, or is too slow."""
        self.transport.close()
        self._watch_unread()

    def _watch_unread(self) -> None:
        # Until a websocket has answered its handshake, this protocol is still the one to be told
        # that the peer reads too slowly. The websocket has its own limit for that.
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
        """Drop a request that will not be read to its end; say whether it is owed an answer."""
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
        # The refusal takes the place of its answer, unless that has begun.
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
        """Write the refusal, if there is one, now that all that came is answered."""
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
        """Write no more, and discard what the peer still sends until it has read everything."""
        self._unset_keepalive_if_required()
        self._cancel_deadline()
        self._reading, self._may_discard = LINGERING, self.lingering_bytes
        self.flow.resume_reading()
        self.transport.write_eof()
        self._lingering_timer = self.loop.call_later(self.lingering_seconds, self._close_when_taken)

    def _discard(self, data: bytes) -> None:
        """Discard what came; close if it is too much."""
        self._may_discard -= len(data)
        if self._may_discard < 0:
            self._close_when_taken()

    def _cancel_deadline(self) -> None:
        """Wait no longer for the rest of a request (`HttpConnection` sets the deadlines)."""

    # --- an answer that comes before the end of the request ---------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = weakref.ref(cycle)
        super()._start_asgi_task(cycle, partial(_to_the_end, cycle, app))

    def _expect_early_answer(self, cycle: RequestResponseCycle) -> bool:
        """Be ready for an answer before the body is complete; False if that was done before."""
        if isinstance(cycle.transport, _Unfinished):
            return False
        # A proxy, or it would refer back to itself and only the collector could free it.
        itself = weakref.proxy(cycle)
        cycle.transport = _Unfinished(self.transport, itself)
        cycle.on_response = partial(self._after_answer, itself)
        if cycle.keep_alive and _declared(cycle) > self.small_body:
            self._may_stay = True
            cycle.keep_alive = False  # so that an early answer says `Connection: close`
        return True

    def on_message_complete(self) -> None:
        """Keep the connection if the answer had not begun when the body was complete."""
        super().on_message_complete()
        cycle = self.cycle
        if self._may_stay and self._again is None and cycle is not None:
            self._may_stay = False
            cycle.keep_alive = not cycle.response_started

    def begin_request(self) -> None:
        """Begin a request: the last one, if the server shuts down."""
        super().begin_request()
        if self.is_ending and self.cycle is not None:
            self._be_last(self.cycle)

    def _be_last(self, cycle: Cycle) -> None:
        cycle.keep_alive = False
        if isinstance(cycle, RequestResponseCycle):
            itself = weakref.proxy(cycle)
            cycle.transport = _Last(self.transport, itself)
            cycle.on_response = partial(self._after_last_answer, itself)

    def _after_last_answer(self, cycle: Cycle) -> None:
        """Close; but discard first what has come and was not read, or the peer would be reset."""
        is_more = cycle.more_body or self.flow.read_paused
        while self.pipeline:
            _forget(self.pipeline.pop()[0])
        self._unparsed = b""
        self.flow.is_held = False
        self.on_response_complete()
        if self.transport.is_closing() or self._reading is not OPEN:
            return
        if is_more:
            self._linger()
        else:
            self._close_when_taken()

    def _after_answer(self, cycle: RequestResponseCycle) -> None:
        """Go on with the next request, or discard the rest of this one's body."""
        self.on_response_complete()
        if not cycle.more_body or self.transport.is_closing() or self._reading is not OPEN:
            return
        if not cycle.keep_alive or _declared(cycle) > self.small_body:
            self._linger()
        # Otherwise uvicorn drops the rest as it comes, within the deadline of a body.


def _nothing() -> None:
    pass


def _forget(cycle: RequestResponseCycle) -> None:
    """Release a request that never began: its callback for the answer refers back to it."""
    cycle.on_response = _nothing


def _declared(cycle: RequestResponseCycle) -> float:
    """Give the length of a body that the head declares; infinite if it declares none."""
    for name, value in cycle.scope["headers"]:
        if name == b"content-length":
            return int(value)  # the parser has refused what is no number
    return float("inf")


class _Unfinished(asyncio.Transport):
    """The transport of a request that is still coming in: an early answer leaves it open.

    uvicorn closes it after the last answer, which would reset the connection; `_after_answer` ends
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


class _Last(_Unfinished):
    """The transport of the last request while the server shuts down: its answer leaves it open.

    More may have come behind it; `_after_last_answer` ends it.
    """

    def close(self) -> None:
        if not self._cycle.response_complete:
            self._transport.close()


async def _to_the_end(
    cycle: RequestResponseCycle,
    app: ASGI3Application,
    scope: Scope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    """Answer a request that the server's end cuts off: it is a fault of nobody's."""
    try:
        await app(scope, receive, send)
    except asyncio.CancelledError:
        if cycle.response_started:
            cycle.disconnected = True
            cycle.transport.close()
            return
        answer = ENDING.answer()
        length = (b"content-length", b"%d" % len(answer.body))
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [*answer.headers, length],
            }
        )
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})
