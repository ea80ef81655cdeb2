"""Match a route whose path holds an id from a source: `%2F` in it belongs to the id."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope


class IdRoute(Route):
    """A route that matches the path as it was sent, and decodes its parameters afterwards.

    ASGI's `path` is decoded, so that `/v1/contacts/x%2Ftrace` would be the trace of `x`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by `raw_path`, which ASGI leaves optional (uvicorn gives it)."""
        sent = scope.get("raw_path")
        if scope["type"] != "http" or sent is None:
            return super().matches(scope)
        match, found = super().matches({**scope, "path": sent.decode("latin-1")})
        if match is not Match.NONE:
            params = {name: unquote(value) for name, value in found["path_params"].items()}
            found = {**found, "path_params": params}
        return match, found
