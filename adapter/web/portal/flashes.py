"""Carry a message over a redirect, in a signed cookie of one use: never in the address."""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter.web.portal import seals
from adapter.web.principals import Principal

COOKIE = "__Host-screenpop-said"
_PURPOSE = "portal message"
_SECONDS = 60
_LONGEST = 1000
"""Characters of a message: a cookie has 4 KB for everything (RFC 6265, 6.1)."""

Kind = Literal["success", "warning", "error"]


class Flash(msgspec.Struct, frozen=True):
    """What a page says at its top after something was done."""

    kind: Kind
    text: str


def leave(answer: Response, who: Principal, flash: Flash) -> None:
    """Leave a message for the next page of the same session."""
    cut = Flash(flash.kind, flash.text[:_LONGEST])
    value = seals.seal(who.session, _PURPOSE, msgspec.json.encode(cut))
    answer.set_cookie(
        COOKIE, value, max_age=_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
    )


def take(request: Request, who: Principal) -> Flash | None:
    """Give the message that was left, if this session left one."""
    content = seals.unseal(who.session, _PURPOSE, request.cookies.get(COOKIE, ""))
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Flash)
    except msgspec.MsgspecError:
        return None


def forget(answer: Response) -> None:
    """Take the message back once it was shown."""
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
