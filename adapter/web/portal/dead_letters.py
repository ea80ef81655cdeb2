"""List the requests to Dynamics that failed for good, try them again, or give them up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter.errors import NotFound, Place
from adapter.store import dead_letters as letters
from adapter.store.outbox import DueRequest
from adapter.tenants import ContactKey
from adapter.web import requests
from adapter.web.dead_letters import LONGEST_REASON, dismiss, replay
from adapter.web.portal import contact_words, forms, pages, story_phrases
from adapter.web.portal.contacts import story_path
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = "/admin/dead-letters"
_LONGEST_ID = 18


async def show(request: Request, who: Principal) -> Response:
    """List the dead letters, the latest first."""
    return await _page(request, who)


async def change(request: Request, who: Principal, form: Form) -> Response:
    """Try again or give up: the ticked ones, one by its own button, or all."""
    _ = pages.texts(request)
    services = requests.services(request)
    replay_one = form.text("replay")
    do = "replay" if replay_one else form.text("do")
    if do == "replay-all":
        contacts = await replay(services, who.tenant, [None], who=who.label)
        return _replayed(request, contacts)
    positions = _positions((replay_one,) if replay_one else form.all("letter"))
    if not positions:
        wrong = [Place("letters", _("Tick the dead letters that you mean."))]
        return await _page(request, who, 422, errors=wrong, form=form)
    if do == "dismiss":
        reason = form.text("reason")
        if not reason:
            wrong = [Place("reason", _("Say why they are given up: the audit log keeps it."))]
            return await _page(request, who, 422, errors=wrong, form=form)
        count = await dismiss(
            services, who.tenant, positions, who=who.label, reason=reason[:LONGEST_REASON]
        )
        told = _.many(
            "%(num)d dead letter is given up.", "%(num)d dead letters are given up.", count
        )
        return pages.redirect(request, HOME, told)
    contacts = await replay(services, who.tenant, positions, who=who.label)
    return _replayed(request, contacts)


def _replayed(request: Request, contacts: Sequence[ContactKey]) -> Response:
    _ = pages.texts(request)
    if not contacts:
        raise NotFound(_("These dead letters are gone: somebody else has tried them again."))
    told = _.many(
        "Tried again: %(num)d contact. What fails again comes back here.",
        "Tried again: %(num)d contacts. What fails again comes back here.",
        len(contacts),
    )
    return pages.redirect(request, HOME, told)


async def _page(
    request: Request,
    who: Principal,
    status: int = 200,
    *,
    errors: Sequence[Place] = (),
    form: Form = forms.NOTHING,
) -> Response:
    _ = pages.texts(request)
    services = requests.services(request)
    after = request.query_params.get("after") or None
    with services.database.reading():
        found = letters.page(services.database.raw.cursor(), who.tenant, after=after)
    return await pages.render(
        request,
        "portal/dead_letters/list.html",
        status,
        errors=errors,
        form=form,
        letters=[_letter(each) for each in found.letters],
        total=found.total,
        newest=HOME if after else "",
        older=f"{HOME}?{urlencode({'after': found.next})}" if found.next else "",
        actions=contact_words.actions(_),
        tell=partial(story_phrases.tell, _),
        may_change=who.may("admin"),
        longest=LONGEST_REASON,
    )


class _Letter(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    contact: str
    path: str
    step: int
    action: str
    cause: str
    attempts: int
    created: datetime
    finished: datetime | None
    method: str
    table: str
    query: str
    body: str
    """As it was set up, placeholders and all: it shows no value of a person."""


def _letter(each: DueRequest) -> _Letter:
    told: dict[str, Any] = letters.summary(each)
    step = each.planned.step
    return _Letter(
        id=told["id"],
        contact=told["contact"],
        path=story_path(told["contact"]),
        step=told["step"],
        action=told["action"],
        cause=told["cause"] or "",
        attempts=told["attempts"],
        created=told["created"],
        finished=told["finished"],
        method=step.method,
        table=step.table.entity_set,
        query=step.query_string,
        body=step.body,
    )


def _positions(given: Sequence[str]) -> list[int]:
    return [
        int(each)
        for each in dict.fromkeys(given)
        if each.isascii() and each.isdecimal() and len(each) <= _LONGEST_ID
    ]


ROUTES = [page(HOME, get=show, post=change, role="supervisor")]
