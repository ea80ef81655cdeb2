"""Receive events as the adapter does, in a real small app that remembers them."""

from __future__ import annotations

from collections import deque
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Receiver:
    """Answers 202, or first what stands in `answers`: (status, headers, body)."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: deque[tuple[int, dict[str, str], dict[str, Any]]] = deque()
        self.app = Starlette(routes=[Route("/v1/events", self._take, methods=["POST"])])

    @property
    def stages(self) -> list[str]:
        """List the stages received, in order."""
        return [event["type"].removeprefix("screenpop.contact.") for event in self.events]

    async def _take(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        if self.answers:
            status, headers, body = self.answers.popleft()
            return JSONResponse(body, status, headers)
        self.events.append(await request.json())
        body = {"accepted": 1, "duplicates": 0, "ignored": 0, "rejected": []}
        return JSONResponse(body, 202)
