"""Write requests to the Dataverse Web API as values: method, address, headers, body. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

from adapter.dataverse.queries import entity_set, guid

FORMATTED = 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'
RETURN = "return=representation"
ANY_VERSION = ("If-Match", "*")
"""Update what exists: without it a PATCH to a missing id creates a ghost record."""
ONLY_NEW = ("If-None-Match", "*")

ALWAYS = (
    ("Accept", "application/json"),
    ("OData-MaxVersion", "4.0"),
    ("OData-Version", "4.0"),
)


class Priority(IntEnum):
    """Who goes first when an account's connections are all busy."""

    POP = 0
    """A read that an agent is waiting for."""
    STEP = 1
    """Work on records."""
    BACKGROUND = 2


class DataverseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, relative to the account's `api_url`; everything is encoded already."""

    method: str
    path: str
    """As `phonecalls(<guid>)`, without a leading slash."""
    query: str = ""
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    caller: str | None = None
    """Entra object id of the agent to act for (`CallerObjectId`)."""

    @property
    def target(self) -> str:
        """Give path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def read(
    path: str,
    query: str = "",
    *,
    page_size: int | None = None,
    formatted: bool = False,
    caller: str | None = None,
) -> DataverseRequest:
    """Ask for a record or a list."""
    wanted = [FORMATTED] if formatted else []
    if page_size is not None:
        wanted.append(f"odata.maxpagesize={page_size}")
    headers = (("Prefer", ",".join(wanted)),) if wanted else ()
    return DataverseRequest(method="GET", path=path, query=query, headers=headers, caller=caller)


def create(
    table: str,
    values: Mapping[str, Any],
    *,
    returning: bool = False,
    caller: str | None = None,
) -> DataverseRequest:
    """Create a record; give its primary id among the values, so that a repeat makes one row."""
    return _write("POST", entity_set(table), values, (), returning=returning, caller=caller)


def update(
    path: str,
    values: Mapping[str, Any],
    *,
    etag: str | None = None,
    returning: bool = False,
    caller: str | None = None,
) -> DataverseRequest:
    """Change a record that exists (`If-Match: *`, or only at one version)."""
    condition = ANY_VERSION if etag is None else ("If-Match", etag)
    return _write("PATCH", path, values, (condition,), returning=returning, caller=caller)


def upsert(
    path: str, values: Mapping[str, Any], *, returning: bool = False, caller: str | None = None
) -> DataverseRequest:
    """Create a record at an id or alternate key, or change it where it exists."""
    return _write("PATCH", path, values, (), returning=returning, caller=caller)


def delete(path: str, *, caller: str | None = None) -> DataverseRequest:
    """Delete a record."""
    return DataverseRequest(method="DELETE", path=path, caller=caller)


def who_am_i() -> DataverseRequest:
    """Ask who the token's user is."""
    return DataverseRequest(method="GET", path="WhoAmI")


def headers(request: DataverseRequest) -> dict[str, str]:
    """Give every header of a request but the token."""
    found = dict(ALWAYS)
    if request.body is not None:
        found["Content-Type"] = "application/json; charset=utf-8"
    if request.caller is not None:
        found["CallerObjectId"] = guid(request.caller)
    found.update(request.headers)
    return found


def _write(
    method: str,
    path: str,
    values: Mapping[str, Any],
    conditions: tuple[tuple[str, str], ...],
    *,
    returning: bool,
    caller: str | None,
) -> DataverseRequest:
    prefer = (("Prefer", RETURN),) if returning else ()
    return DataverseRequest(
        method=method,
        path=path,
        body=msgspec.json.encode(values),
        headers=conditions + prefer,
        caller=caller,
    )
