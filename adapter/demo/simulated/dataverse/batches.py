"""Run a `$batch`: operations in order, changesets all or nothing, content-id references."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace

from adapter.demo.simulated.dataverse import addresses, multipart
from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.messages import Answer, Request, refused
from adapter.demo.simulated.dataverse.multipart import Part
from adapter.demo.simulated.dataverse.refusals import Refusal, bad_url

MOST_OPERATIONS = 1000
"""Operations in one batch (Microsoft, "Execute batch operations using the Web API")."""

Handle = Callable[[Request], Answer]
_REFERENCE = re.compile(r"\$(\w+)")
_BOUND_REFERENCE = re.compile(rb'"(/?)\$(\w+)"')


def run(database: Database, request: Request, handle: Handle) -> Answer:
    """Answer a batch. `handle` answers one operation or raises its Refusal."""
    items = multipart.read(request.headers.get("content-type", ""), request.body)
    if sum(len(item) if isinstance(item, list) else 1 for item in items) > MOST_OPERATIONS:
        raise bad_url("Number of operations exceeds maximum allowed (1000) in a batch.")
    go_on = "odata.continue-on-error" in request.preferences
    answers: list[Answer | list[tuple[str | None, Answer]]] = []
    failed = False
    for item in items:
        if failed and not go_on:
            break
        if isinstance(item, list):
            outcome, failed = _changeset(database, request, item, handle)
            answers.append(outcome)
        else:
            one = _one(_inner(request, item), handle)
            failed = one.status >= 400  # noqa: PLR2004 - errors begin there
            answers.append(one)
    boundary = f"batchresponse_{uuid.uuid4()}"
    body = multipart.write(boundary, answers)
    # Without continue-on-error Dataverse gives the batch the status of the failure.
    status = 200 if go_on or not failed else _last_status(answers)
    return Answer(status, body, {"Content-Type": f"multipart/mixed; boundary={boundary}"})


def _last_status(answers: list[Answer | list[tuple[str | None, Answer]]]) -> int:
    last = answers[-1]
    return last.status if isinstance(last, Answer) else last[-1][1].status


def _changeset(
    database: Database, request: Request, parts: list[Part], handle: Handle
) -> tuple[Answer | list[tuple[str | None, Answer]], bool]:
    """Run all operations, or undo them and give the failure of one as the only answer."""
    made: dict[str, str] = {}
    answers: list[tuple[str | None, Answer]] = []
    try:
        with database.transaction():
            for part in parts:
                if part.method == "GET":
                    raise bad_url("GET is not allowed in a changeset.")
                if part.content_id is None:
                    raise bad_url("Content-ID header not present in a part of a changeset.")
                one = handle(_inner(request, part, made))
                answers.append((part.content_id, one))
                made[part.content_id] = one.headers.get("OData-EntityId", "")
    except Refusal as refusal:
        return [(part.content_id, refused(refusal))], True
    return answers, False


def _inner(request: Request, part: Part, made: dict[str, str] | None = None) -> Request:
    url, body = part.url, part.body
    if made:
        match = _REFERENCE.match(url)
        if match is not None and match[1] in made:
            url = made[match[1]] + url[match.end() :]
        body = _BOUND_REFERENCE.sub(lambda found: _quoted(made, found[2].decode(), found[0]), body)
    path, _, query = addresses.local_path(url).partition("?")
    # An operation's own headers count, not the batch's; the caller stays the same.
    return replace(
        request, method=part.method, path=path, query=query, headers=part.headers, body=body
    )


def _quoted(made: dict[str, str], content_id: str, otherwise: bytes) -> bytes:
    url = made.get(content_id)
    return otherwise if url is None else f'"{url}"'.encode()


def _one(request: Request, handle: Handle) -> Answer:
    try:
        return handle(request)
    except Refusal as refusal:
        return refused(refusal)
