"""Hold what Dataverse answered, and read the ids that it made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from adapter.dataverse.errors import UnexpectedAnswer

_ID = re.compile(r"\(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)\Z", re.IGNORECASE)


class DataverseResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that is a success (or 304)."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """Read the body.

        Raises:
            UnexpectedAnswer: it is no JSON object.
        """
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnexpectedAnswer(
                f"HTTP {self.status} without JSON", status=self.status
            ) from error
        if not isinstance(value, dict):
            raise UnexpectedAnswer(f"HTTP {self.status} without an object", status=self.status)
        return value

    @property
    def record_id(self) -> str | None:
        """Give the id of a written record, from `OData-EntityId`.

        None with `return=representation`, which has no such header: read the primary id then.
        """
        match = _ID.search(self.headers.get("odata-entityid", ""))
        return match[1].lower() if match else None
