"""Read what a provider's page sends back through the browser: by query or by form."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.requests import Request

from adapter.errors import MalformedInput
from adapter.web import requests

LONGEST = 32 * 1024
"""Bytes of an answer; codes are a few thousand."""
FIELDS = frozenset(
    {"code", "state", "error", "error_description", "error_subcode", "session_state"}
    | {"client_info", "iss", "suberror"}
)


async def read(request: Request, known: Collection[str] = FIELDS) -> dict[str, str]:
    """Give the fields that we know.

    Raises:
        MalformedInput: it is no form, or a field is given twice.
    """
    if request.method == "GET":
        pairs = list(request.query_params.multi_items())
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise MalformedInput("this address takes a form_post only")
        text = (await requests.body(request, LONGEST)).decode("ascii", "replace")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50)
        except ValueError as error:
            raise MalformedInput(f"the form cannot be read: {error}") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedInput(f"{name} is given twice")
        if name in known:
            found[name] = value
    return found
