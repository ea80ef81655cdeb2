"""Word the refusal of a websocket's handshake as a problem (RFC 9457), as every other refusal."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette import requests as starlette_requests, responses
from starlette.exceptions import HTTPException
from websockets.http11 import Request, Response

from adapter.errors import MalformedInput
from adapter.web import problems, requests

VERSION: Final = "13"
_UPGRADE: Final = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": VERSION,
}
"""What a 426 has to name (RFC 9110, 7.8 and 15.5.22; RFC 6455, 4.4)."""
_PREFIX: Final = "Failed to open a WebSocket connection: "


async def no_handshake(request: starlette_requests.Request) -> responses.Response:
    """Open the feed, for who asks for a websocket; everybody else is told to."""
    requests.tenant(request)
    detail = (
        "this is a websocket, and the request does not ask for one, or not in a way that is heard: "
        "alone, without a body, on a connection that owes no answer"
    )
    raise HTTPException(HTTPStatus.UPGRADE_REQUIRED, detail, headers=_UPGRADE)


def worded(request: Request, refusal: Response) -> Response:
    """Give what is said instead of a refusal by the websockets library."""
    status, detail = refusal.status_code, _detail(refusal)
    if _version(request) != VERSION:  # RFC 6455, 4.4: say which version would do
        status, detail = HTTPStatus.UPGRADE_REQUIRED, f"websocket version {VERSION} is needed"
        refusal.headers.update(_UPGRADE)  # `Connection: close` stays beside it
    if status == HTTPStatus.BAD_REQUEST:
        problem = problems.of(MalformedInput(detail))
    else:
        problem = problems.plain(status, "refused", "No websocket is opened", detail)
    headers = refusal.headers
    for name, value in (*problem.headers, ("content-length", str(len(problem.body)))):
        if name in headers:
            del headers[name]
        headers[name] = value
    return Response(problem.status, HTTPStatus(problem.status).phrase, headers, problem.body)


def _version(request: Request) -> str | None:
    return next(iter(request.headers.get_all("Sec-WebSocket-Version")), None)


def _detail(refusal: Response) -> str:
    """Give what the library says is wrong, without what it says to people in browsers."""
    said = bytes(refusal.body or b"").decode().partition("\n")[0]
    return "no websocket is opened: " + said.removeprefix(_PREFIX).removesuffix(".")
