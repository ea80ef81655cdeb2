"""Say of each route who may call it, what it takes and what it gives: what no signature tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from adapter.connections.consents import PATHS
from adapter.web import schemas
from adapter.web.schemas import Schema, listed, record, ref

Who = Literal[
    "anybody",
    "ingest key",
    "feed key",
    "admin key",
    "own page",
    "session",
    "session or feed key",
    "session or admin key",
]

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
_OBJECT: Schema = {"type": "object"}
_TRIAL = record("rules since would_refuse", rules=_TEXT, would_refuse=listed(ref("Refusal")))
_ACCOUNTS = record("accounts redirect_uris", accounts=listed(_OBJECT))
_STEPS = record("steps disabled steps_off", steps={"type": "object"}, steps_off=listed(_TEXT))
_ALIASES = record("aliases", aliases=listed(ref("Alias")))

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/"): Operation(
        "anybody",
        Answer(200, "The agent's panel.", _PAGE),
        refusals=(403, 421),
        query=("embedder", "lang"),
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
    ("GET", "/v1/feed"): Operation(
        "feed key",
        Answer(101, "The websocket is open (/asyncapi.json)."),
        refusals=(400, 421, 426),
        query=("agent", "after", "panel"),
    ),
    ("POST", "/v1/feed/ticket"): Operation(
        "session or feed key",
        Answer(200, "A ticket of one use.", _json(record("ticket agent expires_in"))),
        takes=_json(record(agent=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 401, 403, 421, 429),
    ),
    ("POST", "/v1/session/renew"): Operation(
        "session",
        Answer(
            200, "It is in use; it may have a new bearer.", _json(record("expires ends_in lasts"))
        ),
        takes=_json(_ANCESTORS),
        refusals=(400, 401, 403, 421, 503),
    ),
    ("POST", "/v1/session/end"): Operation(
        "own page",
        Answer(204, "The session is over."),
        takes=_json(record(everywhere={"type": "boolean"})),
        refusals=(400, 403, 421, 503),
    ),
    ("POST", "/v1/sign-in"): Operation(
        "own page",
        Answer(200, "The window may be opened.", _json(record("code expires_in"))),
        takes=_json(record("tx challenge", tx=_TEXT, challenge=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 403, 421, 429),
    ),
    ("POST", "/v1/sign-in/redeem"): Operation(
        "own page",
        Answer(200, "What became of the window.", _json(record("state")), ("Set-Cookie",)),
        takes=_json(record("tx verifier", tx=_TEXT, verifier=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 401, 403, 404, 421, 503),
    ),
    ("POST", "/v1/sign-in/cancel"): Operation(
        "own page",
        Answer(204, "The window leads nowhere now."),
        takes=_json(record("tx verifier", tx=_TEXT, verifier=_TEXT, ancestors=listed(_TEXT))),
        refusals=(400, 401, 403, 404, 421),
    ),
    ("GET", "/sign-in/start"): Operation(
        "anybody",
        Answer(303, "To the provider's page.", headers=("Location", "Set-Cookie")),
        query=("tx",),
        refusals=(400, 421, 429, 502),
    ),
    ("POST", "/sign-in/confirm"): Operation(
        "own page",
        Answer(200, "The link to the provider's page.", _PAGE),
        takes={"application/x-www-form-urlencoded": record("tx code", tx=_TEXT, code=_TEXT)},
        refusals=(400, 403, 421),
    ),
    **{
        (method, "/v1/signin/callback"): Operation(
            "anybody",
            Answer(200, "What came of the sign-in.", _PAGE, ("Set-Cookie",)),
            refusals=(400, 403, 421),
        )
        for method in ("GET", "POST")
    },
    ("GET", "/v1/admin/sign-in"): Operation(
        "admin key",
        Answer(200, "How people sign in, without the secret.", _json(_OBJECT), _ETAG),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/sign-in"): Operation(
        "admin key",
        Answer(200, "It is in force.", _json(_OBJECT), _ETAG),
        takes=_json(_OBJECT),
        refusals=(*SAVED, 400),
        headers=("If-Match",),
    ),
    ("POST", "/v1/admin/sign-in/test"): Operation(
        "admin key",
        Answer(200, "What the provider says of itself, or what is wrong.", _json(_OBJECT)),
        takes=_json(_OBJECT),
        refusals=(*READ, 400, 422),
    ),
    ("GET", "/v1/admin/people"): Operation(
        "admin key",
        Answer(200, "The people.", _json(record("people", people=listed(_OBJECT)))),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/people/{id}"): Operation(
        "admin key",
        Answer(200, "The person as it is now.", _json(_OBJECT)),
        takes=_json(
            record(
                roles=listed(_TEXT),
                agent={"type": ["string", "null"]},
                revoked={"type": "boolean"},
            )
        ),
        refusals=(*READ, 400, 404, 422),
    ),
    ("POST", "/v1/admin/people/confirm"): Operation(
        "admin key",
        Answer(
            200,
            "Who was confirmed, and who is left with the reason.",
            _json(
                record(
                    "people left",
                    people=listed(_OBJECT),
                    left=listed(record("person reason", person=_OBJECT, reason=_TEXT)),
                )
            ),
        ),
        takes=_json(record("tid", tid=_TEXT)),
        refusals=(*READ, 400),
    ),
    ("GET", "/v1/history"): Operation(
        "session",
        Answer(
            200,
            "What reached the agent today, the last first, with the notes by contact.",
            _json(record("agent contacts notes", agent=_TEXT, contacts=listed(_OBJECT))),
        ),
        refusals=(400, 401, 403, 421, 503),
        query=("since", "ancestors"),
    ),
    ("PUT", "/v1/contacts/{id}/notes"): Operation(
        "session",
        Answer(200, "The note as it is kept now.", _json(ref("Note"))),
        takes=_json(
            record(
                "text",
                text=_TEXT,
                base={"type": "integer"},
                settled={"type": "boolean"},
                ancestors=listed(_TEXT),
            )
        ),
        refusals=(400, 401, 403, 404, 413, 421, 429, 503),
    ),
    ("POST", "/v1/csp-reports"): Operation(
        "anybody",
        Answer(204, "Counted."),
        takes={"application/csp-report": {"type": "object"}},
        refusals=(413, 421, 429),
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
    ("GET", "/r/{token}"): Operation(
        "session or admin key",
        Answer(302, "To the file, for some minutes.", headers=("Location",)),
        refusals=(401, 403, 404, 421, 503),
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
    ("GET", "/v1/admin/domains/trial"): Operation(
        "admin key",
        Answer(200, "Rules that are only reported on.", _json(_TRIAL), _ETAG),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/domains/trial"): Operation(
        "admin key",
        Answer(200, "They are on trial.", _json(_TRIAL), _ETAG),
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
    ("GET", "/v1/admin/accounts"): Operation(
        "admin key",
        Answer(200, "The integration accounts, without secrets.", _json(_ACCOUNTS)),
        refusals=READ,
    ),
    ("GET", "/v1/admin/accounts/{name}"): Operation(
        "admin key", Answer(200, "The account.", _json(_OBJECT), _ETAG), refusals=(*READ, 404)
    ),
    ("PUT", "/v1/admin/accounts/{name}"): Operation(
        "admin key",
        Answer(200, "The draft is saved and tested.", _json(_OBJECT), _ETAG),
        takes=_json(_OBJECT),
        refusals=(*SAVED, 400),
        query=("test",),
        headers=("If-Match",),
    ),
    ("DELETE", "/v1/admin/accounts/{name}"): Operation(
        "admin key",
        Answer(204, "The account is gone, with its secrets."),
        refusals=(*READ, 404, 412),
        headers=("If-Match",),
    ),
    ("DELETE", "/v1/admin/accounts/{name}/draft"): Operation(
        "admin key",
        Answer(200, "The draft is dropped.", _json(_OBJECT), _ETAG),
        refusals=(*READ, 404, 412),
        headers=("If-Match",),
    ),
    ("POST", "/v1/admin/accounts/{name}/rename"): Operation(
        "admin key",
        Answer(200, "The account has the new name.", _json(_OBJECT), _ETAG),
        takes=_json(record("name", name=_TEXT)),
        refusals=(*SAVED, 400, 404),
        headers=("If-Match",),
    ),
    ("POST", "/v1/admin/accounts/{name}/apply"): Operation(
        "admin key",
        Answer(200, "The draft is in force.", _json(_OBJECT), _ETAG),
        refusals=(*READ, 404, 412),
        headers=("If-Match",),
    ),
    ("POST", "/v1/admin/accounts/{name}/test"): Operation(
        "admin key",
        Answer(200, "What the test of the connection found.", _json(_OBJECT)),
        refusals=(*READ, 400, 404),
        query=("side",),
    ),
    ("POST", "/v1/admin/accounts/{name}/request-token"): Operation(
        "admin key",
        Answer(
            200,
            "The address of the consent window.",
            _json(record("url redirect_uri")),
            ("Set-Cookie",),
        ),
        takes=_json(record("redirect_path", redirect_path=_TEXT)),
        refusals=(*READ, 400, 404, 502),
    ),
    ("POST", "/v1/admin/accounts/{name}/confirm"): Operation(
        "admin key",
        Answer(200, "The consent is in the draft, which was tested.", _json(_OBJECT)),
        takes=_json(record("code", code=_TEXT)),
        refusals=(*READ, 400, 404, 502),
    ),
    **{
        (method, path): Operation(
            "anybody", Answer(200, "What came of the consent.", _PAGE), refusals=(400,)
        )
        for method in ("GET", "POST")
        for path in PATHS
    },
    ("GET", "/v1/admin/steps"): Operation(
        "admin key",
        Answer(200, "The steps, and why they do not run.", _json(_STEPS), _ETAG),
        refusals=READ,
    ),
    ("PUT", "/v1/admin/steps"): Operation(
        "admin key",
        Answer(200, "The steps are saved.", _json(_STEPS), _ETAG),
        takes=_json({"type": "object"}),
        refusals=SAVED,
        headers=("If-Match",),
    ),
    ("POST", "/v1/admin/steps/check"): Operation(
        "admin key",
        Answer(200, "The steps are without fault; nothing was saved.", _json(_STEPS)),
        takes=_json({"type": "object"}),
        refusals=(400, 401, 403, 413, 421, 422, 503),
    ),
    ("POST", "/v1/admin/steps/preview"): Operation(
        "admin key",
        Answer(200, "What each step would send.", _json({"type": "object"})),
        takes=_json(record("steps contact dry_run", contact=_TEXT)),
        refusals=(400, 401, 403, 404, 412, 421, 422, 503),
    ),
    ("GET", "/v1/admin/dead-letters"): Operation(
        "admin key",
        Answer(
            200,
            "Requests to Dynamics that failed for good.",
            _json(record("dead_letters next total")),
        ),
        refusals=(400, *READ),
        query=("limit", "after"),
    ),
    ("POST", "/v1/admin/dead-letters/replay"): Operation(
        "admin key",
        Answer(202, "They are tried again.", _json(record("contacts"))),
        takes=_json(record("id", id={"type": "integer"})),
        refusals=(400, 401, 403, 404, 421, 503),
    ),
    ("POST", "/v1/admin/dead-letters/dismiss"): Operation(
        "admin key",
        Answer(200, "They are given up.", _json(record("dismissed"))),
        takes=_json(record("id all reason", id={"type": "integer"}, reason=_TEXT)),
        refusals=(400, 401, 403, 404, 421, 503),
    ),
    ("POST", "/v1/admin/erasures"): Operation(
        "admin key",
        Answer(200, "It is erased.", _json(record("contacts linked rows"))),
        takes=_json(
            record("phone person contact dry_run", phone=_TEXT, person=_TEXT, contact=_TEXT)
        ),
        refusals=(400, *READ, 413),
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
