"""Let an admin key read the dead letters, have them tried again, and dismiss them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter.batch import Batch
from adapter.errors import MalformedInput, NotFound, Place
from adapter.services import Services
from adapter.store import dead_letters
from adapter.tenants import ContactKey, Tenant
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
    revived = await replay(services, tenant, [position], who=f"key {key.id}")
    if position is not None and not revived:
        raise NotFound(f"there is no dead letter {position}")
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
    services, who = requests.services(request), f"key {key.id}"
    count = await dismiss(services, tenant, [position], who=who, reason=reason)
    if position is not None and not count:
        raise NotFound(f"there is no dead letter {position}")
    return json_response({"dismissed": count})


async def replay(
    services: Services, tenant: Tenant, positions: Sequence[int | None], *, who: str
) -> list[ContactKey]:
    """Have dead letters (None: all of the tenant) tried again; give the contacts.

    All are taken in parts, between which others have their turns.
    """
    until = datetime.now(UTC)

    def part(batch: Batch, position: int | None) -> list[ContactKey]:
        revived = dead_letters.replay(
            batch.cursor,
            tenant,
            position,
            batch.now,
            who=who,
            steps=services.registry[tenant].steps,
            until=until,
        )
        batch.due += revived
        return revived

    return list(dict.fromkeys(await _in_parts(services, positions, part)))


async def dismiss(
    services: Services, tenant: Tenant, positions: Sequence[int | None], *, who: str, reason: str
) -> int:
    """Give up dead letters as `replay` has them tried again; give how many there were."""
    until = datetime.now(UTC)

    def part(batch: Batch, position: int | None) -> list[ContactKey]:
        return dead_letters.dismiss(
            batch.cursor, tenant, position, batch.now, who=who, reason=reason, until=until
        )

    return len(await _in_parts(services, positions, part))


async def _in_parts(
    services: Services,
    positions: Sequence[int | None],
    part: Callable[[Batch, int | None], list[ContactKey]],
) -> list[ContactKey]:
    """Deal with dead letters in one transaction, with all in as many as it takes to find none."""

    def job(batch: Batch) -> list[ContactKey]:
        return [contact for position in positions for contact in part(batch, position)]

    found: list[ContactKey] = []
    while some := await services.committer.submit(job):
        found += some
        if None not in positions:
            break
    return found


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
