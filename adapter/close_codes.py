"""List every websocket close code, with what a client should do (one table; RFC 6455, 7.4)."""

from __future__ import annotations

from typing import Literal, NamedTuple

Advice = Literal["reconnect", "sign in", "stop"]


class CloseCode(NamedTuple):
    """A code, its reason on the wire (at most 123 bytes), and what a client should do."""

    code: int
    reason: str
    advice: Advice


REASON_LIMIT = 123
"""Bytes of a reason (RFC 6455, 5.5)."""

RESTARTING = CloseCode(1012, "server restarting: reconnect and resume", "reconnect")
TOO_BIG = CloseCode(1009, "message too large", "stop")
MALFORMED = CloseCode(4400, "malformed query or hello", "stop")
UNAUTHENTICATED = CloseCode(
    4401, "credential missing, wrong, expired or revoked: get a new ticket or sign in", "sign in"
)
FORBIDDEN = CloseCode(4403, "not allowed: origin, scope or embedder", "stop")
UNKNOWN_TENANT = CloseCode(4404, "no such tenant or path here", "stop")
RENAMED = CloseCode(4409, "this id stands for another agent now: reconnect", "reconnect")
HELLO_TIMEOUT = CloseCode(4408, "no hello within 5 seconds", "reconnect")
SLOW_READER = CloseCode(4429, "reading too slowly: reconnect and resume", "reconnect")
OVERLOADED = CloseCode(4503, "overloaded or not ready: reconnect later", "reconnect")


def malformed(what: str) -> CloseCode:
    """Say in the reason too what is malformed, as far as there is room."""
    reason = f"{MALFORMED.reason}: {what}".encode("ascii", "replace")[:REASON_LIMIT]
    return MALFORMED._replace(reason=reason.decode())


CLOSE_CODES = (
    RESTARTING,
    TOO_BIG,
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    UNKNOWN_TENANT,
    HELLO_TIMEOUT,
    RENAMED,
    SLOW_READER,
    OVERLOADED,
)
