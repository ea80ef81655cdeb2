"""Carry one Web API request and its answer; the parts of a batch are such requests too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from adapter.demo.simulated.dataverse.refusals import Refusal, bad_payload
from adapter.demo.simulated.dataverse.rendering import Annotations

MOST_ROWS = 5000
"""Rows on a page without `odata.maxpagesize`, and the most that it may ask for (Microsoft)."""

JSON_TYPE = "application/json; odata.metadata=minimal"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` and `query` are percent-encoded, `path` below `/api/data/v9.x/`;
    `headers` have lower-case names; `base` is the URL up to and with the version.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def options(self) -> dict[str, str]:
        """Give the query options; `+` is a space, as in every query string."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json(self, entity_set: str) -> dict[str, object]:
        """Read the body as a JSON object. Raises a 400."""
        try:
            value = json.loads(self.body.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = "Microsoft.OData.ODataException: Invalid JSON."
            raise bad_payload(entity_set, reason) from error
        if not isinstance(value, dict):
            raise bad_payload(entity_set, "Microsoft.OData.ODataException: An object is expected.")
        return value

    @property
    def preferences(self) -> dict[str, str]:
        """Read the `Prefer` header: names in lower case, quotes removed (RFC 7240)."""
        found: dict[str, str] = {}
        quoted = False
        part = ""
        for character in self.headers.get("prefer", "") + ",":
            quoted ^= character == '"'
            if character in ",;" and not quoted:
                name, _, value = part.strip().partition("=")
                if name:
                    found.setdefault(name.strip().lower(), value.strip().strip('"'))
                part = ""
            else:
                part += character
        return found

    @property
    def annotations(self) -> Annotations:
        """Give the annotations that the request wants."""
        return Annotations(self.preferences.get("odata.include-annotations", ""))

    @property
    def page_size(self) -> int | None:
        """Give `odata.maxpagesize`, at most 5,000; None where it is not asked for."""
        asked = self.preferences.get("odata.maxpagesize", "")
        if re.fullmatch("[0-9]{1,9}", asked) is None:
            return None
        return max(1, min(int(asked), MOST_ROWS))


@dataclass(slots=True)
class Answer:
    """One answer. A body is JSON unless the headers say otherwise."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


def refused(refusal: Refusal) -> Answer:
    """Answer with an error body."""
    return answer(refusal.status, refusal.body(), refusal.headers)
