"""Word what is said to who sends no HTTP that can be read here (RFC 9457, as every refusal)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import structlog
from httptools import HttpParserCallbackError, HttpParserError, HttpParserInvalidMethodError

from adapter.errors import MalformedInput, Unavailable
from adapter.seldom import Seldom
from adapter.web import intake, problems
from adapter.web.intake import CLOSE, Answer

log = structlog.get_logger()

_MALFORMED: Final = 400
_LONGEST: Final = 200
"""Characters of a sentence of the parser."""
_mistakes: Final = Seldom()
_OF_VERSIONS: Final = (
    *("Invalid HTTP version", "Pause on PRI/Upgrade"),
    *("Invalid method for RTSP/x.x request", "Expected SOURCE method for ICE/x.x request"),
)
"""What the parser says of a version that it does not know, of the preface of HTTP/2, and of other
protocols."""


_REQUEST_LINE: Final = re.compile(rb"(?:\r\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r\n")
"""The first line of a request, whatever its method (RFC 9112, 3)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is not read any further."""

    status: int
    title: str
    detail: str

    def answer(self) -> Answer:
        """Give what is said before the connection is closed."""
        if self.status == _MALFORMED:
            return intake.problem(problems.of(MalformedInput(self.detail)), CLOSE)
        if self is OUR_FAULT:
            return intake.FAULT
        if self is ENDING:
            return intake.problem(problems.of(Unavailable(self.detail)), CLOSE)
        told = problems.plain(self.status, "refused", self.title, self.detail)
        return intake.problem(told, CLOSE)


class Unreadable(Exception):
    """Raised where a request is read; the parser stops at it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def malformed(detail: str) -> Refusal:
    """Give the refusal of what breaks the rules of HTTP."""
    return Refusal(_MALFORMED, "", detail)


def too_large(detail: str) -> Refusal:
    """Give the refusal of header fields beyond a limit (RFC 6585, 5)."""
    return Refusal(431, "The header fields are too large", detail)


def not_done(detail: str) -> Refusal:
    """Give the refusal of what HTTP knows and this server does not do."""
    return Refusal(501, "This is not done here", detail)


TOO_SLOW: Final = Refusal(
    408, "The request took too long", "the rest of the request did not come in time"
)
ENDING: Final = Refusal(503, "", "the server ends, and this request is not done: send it again")
OUR_FAULT: Final = Refusal(500, "", "the server made a mistake")
_OTHER_METHOD: Final = not_done("this method is not known here; methods are in capital letters")
OTHER_VERSION: Final = Refusal(
    505, "This version of HTTP is not spoken here", "this server speaks HTTP/1.0 and HTTP/1.1"
)


def of_parser(error: HttpParserError, begin: bytes) -> Refusal:
    """Give the refusal of what the parser did not take, or one of ours that it stopped at.

    `begin` is where it began to read, if it stopped in the first head from there on.
    """
    if isinstance(error, HttpParserCallbackError):
        raised = error.__context__
        if isinstance(raised, Unreadable):
            return raised.refusal
        if (untold := _mistakes.due()) is not None:
            log.error("a request could not be begun", exc_info=raised, untold=untold)
        return OUR_FAULT
    if str(error) in _OF_VERSIONS:
        return OTHER_VERSION
    if isinstance(error, HttpParserInvalidMethodError) and _REQUEST_LINE.match(begin):
        return _OTHER_METHOD
    said = "".join(each for each in str(error) if " " <= each <= "~").strip()[:_LONGEST]
    return malformed(f"this is no HTTP: {said[:1].lower()}{said[1:]}")
