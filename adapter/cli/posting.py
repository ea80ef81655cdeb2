"""Post one request until the server acknowledges or refuses it; or ask the server for JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

import adapter
from adapter.cli import outgoing, waits
from adapter.cli.addresses import Door, bearer
from adapter.cli.outgoing import Outgoing
from adapter.cli.visible import visible
from adapter.errors import (
    Forbidden,
    MalformedInput,
    NotFound,
    PayloadTooLarge,
    Place,
    ScreenpopError,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from adapter.events import Rejected

_ERRORS: dict[int, type[ScreenpopError]] = {
    400: MalformedInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    421: NotFound,
    422: MalformedInput,
}
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Nothing was acknowledged. Sending twice is safe: (`source`, `id`) tells duplicates apart."""


class Receipt(msgspec.Struct, frozen=True):
    """What the server did with the events of one request (HTTP 202)."""

    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0
    rejected: tuple[Rejected, ...] = ()


def client(to: Door, key: str | None) -> httpx.Client:
    """Open a client that names this door's host and carries this key."""

    def name_the_host(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = to.host

    return httpx.Client(
        headers={
            "Host": to.authority,
            "User-Agent": f"screenpop/{adapter.__version__}",
            **bearer(key),
        },
        timeout=httpx.Timeout(30.0, connect=5.0),
        trust_env=not to.is_local,
        event_hooks={"request": [name_the_host]},
    )


def get(to: Door, key: str | None) -> dict[str, Any]:
    """Give the JSON object behind a door.

    Raises:
        ScreenpopError: what the server's refusal means.
    """
    return ask(to, key, "GET")


def ask(to: Door, key: str | None, method: str, body: str | None = None) -> dict[str, Any]:
    """Send JSON to a door and give the JSON object that it answers with.

    Raises:
        ScreenpopError: what the server's refusal means.
    """
    headers = {} if body is None else {"Content-Type": "application/json"}
    content = None if body is None else body.encode()
    with client(to, key) as http:
        try:
            response = http.request(method, _dialled(to), content=content, headers=headers)
        except httpx.InvalidURL as error:
            raise MalformedInput(f"--url: {error}") from error
        except httpx.TransportError as error:
            text = f"no answer: {str(error) or type(error).__name__}"
            raise Unavailable(text, retry_after=0) from error
    if not response.is_success:
        raise _refusal(response)
    try:
        found = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise ScreenpopError(f"{to.url('http')} gave no JSON object: is this a Screenpop server?")
    return found


def _dialled(to: Door) -> str:
    at = f"[{to.dial}]" if ":" in to.dial else to.dial
    return f"{'https' if to.secure else 'http'}://{at}:{to.port}{to.path}"


class Poster:
    """Post requests to one door, one after the other, each until it is done for."""

    def __init__(
        self,
        http: httpx.Client,
        to: Door,
        *,
        secret: bytes | None,
        retries: int,
        log: Callable[[str], None],
    ) -> None:
        self._http = http
        self._url = _dialled(to)
        # The doors below /v1/events take a platform's own plain JSON.
        self._is_plain = not to.path.endswith("/events")
        self._secret = secret
        self._retries = retries
        self._log = log

    def post(self, request: Outgoing) -> Receipt:
        """Give the receipt, or raise what the server's refusal means."""
        growing = waits.growing()
        left = self._retries
        while True:
            try:
                return self._try(request)
            except Unavailable as error:
                if left == 0:
                    raise
                left -= 1
                wait = max(float(error.retry_after), next(growing))
                self._log(f"{visible(str(error))}; again in {wait:.1f} s")
                time.sleep(wait)

    def _try(self, request: Outgoing) -> Receipt:
        kind = "application/json" if self._is_plain else request.content_type
        headers = {"Content-Type": kind}
        if self._secret is not None:
            headers |= outgoing.signature_headers(request.body, self._secret, int(time.time()))
        try:
            response = self._http.post(self._url, content=request.body, headers=headers)
        except httpx.InvalidURL as error:
            raise MalformedInput(f"--url: {error}") from error
        except httpx.TransportError as error:
            text = f"no answer: {str(error) or type(error).__name__}"
            raise Unavailable(text, retry_after=0) from error
        if response.is_success:
            return _receipt(response)
        raise _refusal(response)


def _receipt(response: httpx.Response) -> Receipt:
    try:
        return msgspec.json.decode(response.content, type=Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ScreenpopError(
            f"HTTP {response.status_code} without a receipt: is this a Screenpop server?"
        ) from error


def _refusal(response: httpx.Response) -> ScreenpopError:
    detail = f"HTTP {response.status_code}: {_detail(response)}"
    if response.status_code in _AGAIN:
        wait = waits.retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        return Unavailable(detail, retry_after=round(wait or 0))
    kind = _ERRORS.get(response.status_code, ScreenpopError)
    return MalformedInput(detail, _places(response)) if kind is MalformedInput else kind(detail)


def _places(response: httpx.Response) -> list[Place]:
    """Take the places of the faults from a problem."""
    try:
        listed = response.json()["errors"]
        return [Place(str(each["at"]), str(each["detail"])) for each in listed]
    except (ValueError, KeyError, TypeError):
        return []


def _detail(response: httpx.Response) -> str:
    """Take the words of a problem (RFC 9457), or else the status's own."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict):
        words = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
        if words:
            return ": ".join(words)
    return response.reason_phrase
