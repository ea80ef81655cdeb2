"""Let an admin key read the dead letters, have them tried again, and dismiss them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter.errors import MalformedInput, NotFound, Place
from adapter.store import dead_letters
from adapter.web import requests
from adapter.web.contacts import json_response

LONGEST_REASON = 500


async def list_dead_letters(request: Request) -> Response:
    """List the requests to Dynamics that will not be tried again by themselves, with the cause.

    The latest first, `?limit=` at a time; `?after=` takes the `next` of the page before.
    """
    tenant, _ = requests.admin(request)
    services = requests.services(request)
    with services.database.reading():
        page = dead_letters.page(
            services.database.raw.cursor(),
            tenant,
            limit=_limit(request.query_params.get("limit")),
            after=request.query_params.get("after"),
        )
    shown = [dead_letters.summary(each) for each in page.letters]
    return json_response({"dead_letters": shown, "next": page.next, "total": page.total})


async def replay_dead_letters(request: Request) -> Response:
    """Try dead letters again: `{"id": …}` for one, `{}` for all of the tenant.

    With one go those of its contact that died for want of its response.
    """
    tenant, key = requests.admin(request)
    services = requests.services(request)
    position = _position(await requests.json_object(request))
    revived = await services.committer.submit(
        lambda batch: dead_letters.replay(
            batch.cursor,
            tenant,
            position,
            batch.now,
            who=f"key {key.id}",
            steps=services.registry[tenant].steps,
        )
    )
    if position is not None and not revived:
        raise NotFound(f"there is no dead letter {position}")
    services.committer.queue.wake(revived)
    return json_response({"contacts": len(revived)}, status=202)


async def dismiss_dead_letters(request: Request) -> Response:
    """Give dead letters up: `{"id": …, "reason": …}`, or `{"all": true, "reason": …}`."""
    tenant, key = requests.admin(request)
    body = await requests.json_object(request)
    position, reason = _position(body), _reason(body)
    if (position is None) != (body.get("all") is True):
        raise MalformedInput(
            "/id: name a dead letter, or all", [Place("/id", 'a number, or "all": true')]
        )
    count = await requests.services(request).committer.submit(
        lambda batch: dead_letters.dismiss(
            batch.cursor, tenant, position, batch.now, who=f"key {key.id}", reason=reason
        )
    )
    if position is not None and not count:
        raise NotFound(f"there is no dead letter {position}")
    return json_response({"dismissed": count})


def _limit(given: str | None) -> int:
    if given is None:
        return dead_letters.PAGE
    if not given.isascii() or not given.isdecimal():
        raise MalformedInput("limit: expected a number", [Place("limit", "expected a number")])
    return int(given[:9])


def _position(body: dict[str, Any]) -> int | None:
    position = body.get("id")
    if position is None:
        return None
    if not isinstance(position, int) or isinstance(position, bool) or abs(position) >= 1 << 63:
        raise MalformedInput(
            "/id: expected a dead letter's id", [Place("/id", "expected a number")]
        )
    return position


def _reason(body: dict[str, Any]) -> str:
    reason = body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
        text = f"a text of at most {LONGEST_REASON} characters"
        raise MalformedInput(f"/reason: {text}", [Place("/reason", text)])
    return reason.strip()
