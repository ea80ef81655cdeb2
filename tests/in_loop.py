"""Reach an application in the test's own event loop, where it is known what comes first."""

from __future__ import annotations

from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send


def transport(app: Starlette, state: dict[str, Any]) -> httpx.ASGITransport:
    """Give a way to an app whose lifespan runs already and has given `state`."""

    async def stateful(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": state}, receive, send)

    return httpx.ASGITransport(stateful)
