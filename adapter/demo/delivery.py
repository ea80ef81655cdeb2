"""Post events to the adapter as a telephony platform does: with a key, over HTTP, tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from adapter.demo.dialing import dialled
from adapter.errors import Unavailable

ATTEMPTS = 6
FIRST_PAUSE = 0.25
"""Seconds before the second try; doubled each time, up to LONGEST_PAUSE."""
LONGEST_PAUSE = 5.0
_AGAIN = {429, 502, 503, 504}


class Delivery:
    """Post one event at a time, and count what became of them.

    `url` is the adapter's `/v1/events`, `key` gives its service key when it is needed.
    """

    def __init__(
        self,
        url: str,
        key: Callable[[], str],
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url, self._host = dialled(url)
        self._key = key
        self._pause = pause
        self._client = httpx.AsyncClient(transport=transport, timeout=10, trust_env=False)
        self.delivered = 0
        self.failed = 0
        self.last_error: str | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def post(self, event: Mapping[str, Any]) -> None:
        """Post one event until it is taken. Raises Unavailable, which says why it was not."""
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._pause(min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))
            try:
                response = await self._client.post(
                    self._url,
                    json=dict(event),
                    headers={
                        **self._host,
                        "Authorization": f"Bearer {self._key()}",
                        "Content-Type": "application/cloudevents+json",
                    },
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                trouble = f"the adapter cannot be reached: {str(error) or type(error).__name__}"
                continue
            if response.status_code in _AGAIN:
                trouble = f"the adapter is busy: {_words(response)}"
                await self._pause(_retry_after(response))
                continue
            self._judge(response)
            return
        raise self._fail(f"{trouble}; tried {ATTEMPTS} times")

    def _judge(self, response: httpx.Response) -> None:
        if response.status_code in {401, 403}:
            raise self._fail(f"the adapter refuses the service key: {_words(response)}")
        if response.status_code != HTTPStatus.ACCEPTED:
            raise self._fail(f"the adapter refuses the event: {_words(response)}")
        if _body(response).get("ignored"):
            raise self._fail("the adapter ignores events of this type")
        self.delivered += 1

    def _fail(self, trouble: str) -> Unavailable:
        self.failed += 1
        self.last_error = trouble
        return Unavailable(trouble)


def _words(response: httpx.Response) -> str:
    """Read a problem (RFC 9457) in words; any other body by its status alone."""
    words = f"{response.status_code} {response.reason_phrase}"
    problem = _body(response)
    detail = problem.get("detail") or problem.get("title")
    return f"{words}, {detail}" if detail else words


def _body(response: httpx.Response) -> dict[str, Any]:
    """Read a JSON object; anything else (a proxy's page) counts as an empty one."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(response: httpx.Response) -> float:
    """Read Retry-After in seconds, at most LONGEST_PAUSE; a date or nothing gives none."""
    seconds = response.headers.get("retry-after", "")
    return min(float(seconds), LONGEST_PAUSE) if seconds.isdecimal() else 0.0
