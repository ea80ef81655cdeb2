"""Say of each route who may call it, what it takes and what it gives: what no signature tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from adapter.web import schemas
from adapter.web.schemas import Schema, listed, record, ref

Who = Literal["anybody", "ingest key", "feed key", "admin key", "own page", "session or feed key"]

_TEXT: Schema = {"type": "string"}
_JSON = "application/json"
_EVENT = ref("CloudEvent")
_ANCESTORS = record(ancestors=listed(_TEXT))

KEPT = (400, 401, 403, 413, 421, 429, 503)
"""Refusals of every door for sources."""
READ = (401, 403, 421, 503)
SAVED = (401, 403, 412, 413, 421, 422, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a good request gets."""

    status: int
    what: str
    content: dict[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route."""

    who: Who
    answer: Answer
    takes: dict[str, Schema] = field(default_factory=dict)
    """Schema by content type."""
    refusals: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    summary: str = ""
    """Only where no handler has a docstring."""


def _json(schema: Schema) -> dict[str, Schema]:
    return {_JSON: schema}


_RECEIPT = Answer(
    202, "The events are kept, whatever happens to the server now.", _json(ref("Receipt"))
)
_PAGE = {"text/html": _TEXT}
_ETAG = ("ETag",)
_TAG = record("version rules warnings header", version={"type": "integer"}, header=_TEXT)
_ALIASES = record("aliases", aliases=listed(ref("Alias")))

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/"): Operation(
        "anybody",
        Answer(200, "The agent's panel.", _PAGE),
        refusals=(403, 421),
        query=("embedder",),
    ),
    ("POST", "/v1/embedder"): Operation(
        "own page",
        Answer(200, "The pages around the panel may show it.", _json(record("allowed"))),
        takes=_json(_ANCESTORS),
        refusals=(400, 403, 421),
    ),
    ("POST", "/v1/demo/sign-in"): Operation(
        "own page",
        Answer(200, "A session.", _json(record("agent session expires")), ("Set-Cookie",)),
        takes=_json(record("agent", agent=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 403, 404, 421, 503),
    ),
    ("POST", "/v1/feed/ticket"): Operation(
        "session or feed key",
        Answer(200, "A ticket of one use.", _json(record("ticket agent expires_in"))),
        takes=_json(record(agent=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 401, 403, 421, 429),
    ),
    ("POST", "/v1/session/end"): Operation(
        "own page", Answer(204, "The session is over."), refusals=(403, 421, 503)
    ),
    ("POST", "/v1/csp-reports"): Operation(
        "anybody",
        Answer(204, "Counted."),
        takes={"application/csp-report": {"type": "object"}},
        refusals=(413, 421),
    ),
    ("POST", "/v1/events"): Operation(
        "ingest key",
        _RECEIPT,
        takes={
            "application/cloudevents+json": _EVENT,
            "application/cloudevents-batch+json": listed(_EVENT),
            _JSON: {"oneOf": [_EVENT, listed(_EVENT)]},
        },
        refusals=(*KEPT, 415),
        summary="Take CloudEvents: structured, binary, or a batch.",
    ),
    ("OPTIONS", "/v1/events"): Operation(
        "anybody",
        Answer(
            200, "The sender may post.", headers=("WebHook-Allowed-Origin", "WebHook-Allowed-Rate")
        ),
        refusals=(405,),
        headers=("WebHook-Request-Origin", "WebHook-Request-Rate"),
        summary="Answer the CloudEvents WebHook handshake.",
    ),
    ("POST", "/v1/events/amazon-connect"): Operation(
        "ingest key",
        _RECEIPT,
        takes=_json({"type": "object", "description": "an Amazon EventBridge envelope"}),
        refusals=KEPT,
        summary="Take Amazon Connect's events and S3's, as EventBridge sends them.",
    ),
    ("POST", "/v1/events/amazon-firehose"): Operation(
        "ingest key",
        Answer(200, "Kept.", _json(record("requestId timestamp"))),
        takes=_json(record("requestId records")),
        refusals=KEPT,
        summary="Take Amazon Connect's contact records and agent events, as Firehose sends them.",
    ),
    ("POST", "/v1/pops"): Operation(
        "ingest key",
        Answer(202, "The pop is kept and on its way.", _json(record("pop agent url"))),
        takes=_json({"type": "object"}),
        refusals=(400, *READ),
    ),
    ("GET", "/v1/contacts/{id}"): Operation(
        "admin key", Answer(200, "The contact.", _json(ref("Contact"))), refusals=(*READ, 404)
    ),
    ("GET", "/v1/contacts/{id}/trace"): Operation(
        "admin key", Answer(200, "Its story.", _json(ref("Story"))), refusals=(*READ, 404)
    ),
    ("GET", "/v1/admin/domains"): Operation(
        "admin key",
        Answer(200, "The rules.", {"text/plain": _TEXT, _JSON: _TAG}, _ETAG),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/domains"): Operation(
        "admin key",
        Answer(200, "They are in force.", _json(_TAG), _ETAG),
        takes={"text/plain": schemas.SETTINGS_TEXT},
        refusals=SAVED,
        headers=("If-Match",),
    ),
    ("GET", "/v1/admin/domains/check"): Operation(
        "admin key",
        Answer(
            200, "A verdict for each.", _json(listed(record("origin allowed rule line reason")))
        ),
        refusals=READ,
        query=("origin",),
    ),
    ("GET", "/v1/admin/refusals"): Operation(
        "admin key",
        Answer(
            200, "The latest first.", _json(record("refusals", refusals=listed(ref("Refusal"))))
        ),
        refusals=READ,
    ),
    ("GET", "/v1/admin/pop-policy"): Operation(
        "admin key",
        Answer(200, "The policy.", _json({"type": "object"}), _ETAG),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/pop-policy"): Operation(
        "admin key",
        Answer(200, "It is in force.", _json({"type": "object"}), _ETAG),
        takes=_json({"type": ["object", "null"]}),
        refusals=SAVED,
        headers=("If-Match",),
    ),
    ("GET", "/v1/admin/aliases"): Operation(
        "admin key", Answer(200, "The aliases.", _json(_ALIASES)), refusals=READ
    ),
    ("PUT", "/v1/admin/aliases"): Operation(
        "admin key",
        Answer(200, "It is in force.", _json(ref("Alias"))),
        takes=_json(record("agent source_id", agent=_TEXT, source_id=_TEXT)),
        refusals=(400, *READ),
    ),
    ("GET", "/v1/admin/audit"): Operation(
        "admin key",
        Answer(200, "The newest first.", _json(record("audit", audit=listed({"type": "object"})))),
        refusals=READ,
    ),
    ("GET", "/healthz"): Operation(
        "anybody", Answer(200, "Alive.", _json(record("status", status=_TEXT)))
    ),
    ("GET", "/readyz"): Operation(
        "anybody", Answer(200, "Ready.", _json(ref("Checks"))), refusals=(503,)
    ),
    ("GET", "/metrics"): Operation("anybody", Answer(200, "The metrics.", {"text/plain": _TEXT})),
    ("GET", "/openapi.json"): Operation("anybody", Answer(200, "OpenAPI 3.1.", _json({}))),
    ("GET", "/asyncapi.json"): Operation("anybody", Answer(200, "AsyncAPI 3.0.", _json({}))),
}
