"""Describe the JSON of HTTP and of the feed as JSON Schemas, from the types where we can."""

from __future__ import annotations

from typing import Any

import msgspec

from adapter import messages
from adapter.close_codes import CLOSE_CODES
from adapter.events import Stage
from adapter.messages import Hello, Ping, PopOutcome, PopView, Presence
from adapter.notes import Note
from adapter.pipeline import Receipt
from adapter.store.refusals import Refusal
from adapter.store.settings import Alias

Schema = dict[str, Any]

COMPONENTS = "#/components/schemas/"

_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """Point to a schema of `components`."""
    return {"$ref": COMPONENTS + name}


def listed(schema: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": schema}


def record(required: str = "", **members: Schema) -> Schema:
    """Describe an object; `required` names members, separated by spaces."""
    described: Schema = {"type": "object", "properties": members}
    if required:
        described["required"] = required.split()
    return described


CONTACT = record(
    "id channel direction agent customer queue stage stages attributes linked recordings",
    id=_TEXT,
    channel=_MAYBE,
    direction=_MAYBE,
    agent=_MAYBE,
    customer={"type": "object", "additionalProperties": _TEXT},
    queue=_MAYBE,
    stage={"type": ["string", "null"], "enum": [*(stage.value for stage in Stage), None]},
    stages={"type": "object", "properties": {stage.value: _TIME for stage in Stage}},
    attributes={"type": "object"},
    linked=listed(_TEXT),
    recordings=listed(
        record("kind url redacted", kind=_TEXT, url=_TEXT, redacted={"type": "boolean"})
    ),
)

STORY = record(
    "contact trace pops",
    contact=_TEXT,
    trace=listed(
        record(
            "at ms what detail",
            at=_TIME,
            ms={"type": "number", "description": "milliseconds since the first line"},
            what=_TEXT,
            detail=_TEXT,
        )
    ),
    pops=listed(
        record(
            "pop agent stage attempt target url outcome reason",
            pop=_TEXT,
            agent=_TEXT,
            stage=_MAYBE,
            attempt={"type": "integer"},
            target=_TEXT,
            url=_TEXT,
            outcome=_MAYBE,
            reason=_TEXT,
        )
    ),
)

PROBLEM = record(
    "type title status detail",
    type={"type": "string", "format": "uri"},
    title=_TEXT,
    status={"type": "integer"},
    detail=_TEXT,
    errors=listed(record("at detail", at=_TEXT, detail=_TEXT)),
)

CLOUD_EVENT = record(
    "specversion id source type",
    specversion={"const": "1.0"},
    id=_TEXT,
    source=_TEXT,
    type=_TEXT,
    subject=_TEXT,
    time=_TIME,
    data={},
)

CHECKS = record("status checks", status=_TEXT, checks={"type": "object"})

SETTINGS_TEXT = {"type": "string", "description": "one rule a line"}

_HAND_MADE = {
    "Contact": CONTACT,
    "Story": STORY,
    "Problem": PROBLEM,
    "CloudEvent": CLOUD_EVENT,
    "Checks": CHECKS,
}


def components() -> Schema:
    """Give every schema by its name."""
    types = (Receipt, PopView, Hello, Presence, PopOutcome, Ping, Refusal, Alias, Note)
    _, made = msgspec.json.schema_components(types, ref_template=COMPONENTS + "{name}")
    return {**made, **_HAND_MADE}


def feed_event(kind: str, data: Schema) -> Schema:
    """Describe one CloudEvent of the feed."""
    return record(
        "specversion id source type time sequence datacontenttype data",
        specversion={"const": "1.0"},
        id={"type": "string", "description": "the sequence; `snapshot-…` for a snapshot"},
        source={"type": "string", "description": "/tenants/<tenant>"},
        type={"const": kind},
        time=_TIME,
        sequence={"type": "string", "pattern": f"^[0-9]{{{messages.SEQUENCE_DIGITS}}}$"},
        datacontenttype={"const": "application/json"},
        subject={"type": "string", "description": "the contact's id"},
        partitionkey=_TEXT,
        data=data,
    )


def close_codes() -> list[Schema]:
    """List the close codes with what a client should do."""
    return [{"code": c.code, "reason": c.reason, "advice": c.advice} for c in CLOSE_CODES]
