"""Show a tenant's contacts as they happen, find one, and tell its story."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapter import stories
from adapter.contacts import Contact
from adapter.errors import NotFound
from adapter.events import Stage
from adapter.services import Services
from adapter.store import journal, outbox, pops as stored_pops
from adapter.store.contact_lists import ListedContact
from adapter.tenants import ContactKey, Tenant
from adapter.web import requests
from adapter.web.portal import contact_search, contact_words, pages, story_lines, story_phrases
from adapter.web.portal.contact_search import Found, Search
from adapter.web.portal.routing import page
from adapter.web.portal.simulated import NEXT, is_simulated
from adapter.web.principals import Principal

HOME = "/admin/contacts"
STORY = HOME + "/story"
ROWS = HOME + "/rows"
LINES = STORY + "/lines"
_LONGEST_SEQUENCE = 18
_SHARE = 20
"""A page that is kept up to date asks again after so many times what its search has taken: a long
one, left open on somebody's second screen, must not cost calls anything."""


async def show(request: Request, who: Principal) -> Response:
    """List the contacts, the latest first; a whole id leads to its story."""
    services = requests.services(request)
    search = _search(request)
    if search.text and _is_known(services, ContactKey(who.tenant, search.text)):
        return RedirectResponse(story_path(search.text), 303)
    return await pages.render(
        request, "portal/contacts/list.html", **await _list(request, who.tenant, search)
    )


async def rows(request: Request, who: Principal) -> Response:
    """Give the first page's rows alone, for the script that keeps it up to date."""
    if _is_current(request, who.tenant):
        return Response(status_code=204)
    began = time.monotonic()
    values = await _list(request, who.tenant, _search(request))
    answer = await _part(request, "portal/contacts/rows.html", values)
    answer.headers["x-ask-again-after"] = f"{_SHARE * (time.monotonic() - began):.1f}"  # seconds
    return answer


async def story(request: Request, who: Principal) -> Response:
    """Tell the story of a contact: `?id=…`."""
    return await pages.render(request, "portal/contacts/story.html", **_story(request, who))


async def lines(request: Request, who: Principal) -> Response:
    """Give the changing part of a story alone, for the script that keeps it up to date."""
    if _is_current(request, who.tenant):
        return Response(status_code=204)
    return await _part(request, "portal/contacts/lines.html", _story(request, who))


def story_path(contact: str) -> str:
    """Give the address of a contact's story (an id may hold slashes, so it is in the query)."""
    return f"{STORY}?id={quote(contact, safe='')}"


async def _part(request: Request, template: str, values: dict[str, Any]) -> Response:
    answer = await pages.render(request, template, **values)
    answer.headers["x-sequence"] = str(values["sequence"])
    return answer


def _is_current(request: Request, tenant: Tenant) -> bool:
    known = request.query_params.get("since", "")
    return known == str(requests.services(request).committer.last_sequence(tenant))


async def _list(request: Request, tenant: Tenant, search: Search) -> dict[str, Any]:
    _ = pages.texts(request)
    services = requests.services(request)
    before = _before(request)
    sequence = services.committer.last_sequence(tenant)
    found = await contact_search.find(services, tenant, search, before)
    query = _query(search)
    return {
        "search": search,
        "stages": contact_words.stages(_),
        "channels": contact_words.channels(_),
        "rows": [_row(services, tenant, each) for each in found.contacts],
        "outcomes": contact_words.outcomes(_),
        "found": found,
        "sequence": sequence,
        "live": f"{ROWS}?{urlencode(query)}" if before is None else "",
        "newest": f"{HOME}?{urlencode(query)}" if before is not None else "",
        "older": _older(found, query),
        "all_stages": [stage.value for stage in Stage],
    }


def _older(found: Found, query: dict[str, str]) -> str:
    return "" if found.before is None else f"{HOME}?{urlencode({**query, 'before': found.before})}"


def _row(services: Services, tenant: Tenant, listed: ListedContact) -> dict[str, Any]:
    contact = listed.contact
    key = ContactKey(tenant, contact.id)
    with services.database.reading():
        cursor = services.database.raw.cursor()
        requests_ = outbox.of_contact(cursor, key)
        popped = stored_pops.of_contact(cursor, tenant, contact.id)
    customer = contact.customer
    return {
        "id": contact.id,
        "path": story_path(contact.id),
        "name": customer.get("name", ""),
        "phone": customer.get("phone", ""),
        "agent": listed.agent,
        "stage": contact.stage.value if contact.stage else None,
        "channel": contact.channel,
        "direction": contact.direction,
        "updated": listed.updated,
        "simulated": is_simulated(contact),
        "dead": sum(each.state == "failed" and each.dismissed is None for each in requests_),
        "popped": popped[-1] if popped else None,
    }


def _story(request: Request, who: Principal) -> dict[str, Any]:
    _ = pages.texts(request)
    services = requests.services(request)
    key = ContactKey(who.tenant, request.query_params.get("id", ""))
    sequence = services.committer.last_sequence(who.tenant)
    told = stories.story(services.database, key)
    with services.database.reading():
        cursor = services.database.raw.cursor()
        state = journal.contact(cursor, key)
        due = outbox.of_contact(cursor, key)
        popped = stored_pops.of_contact(cursor, key.tenant, key.id)
    view: dict[str, Any] | None = None
    with suppress(NotFound):  # of some only the pops are known that `POST /v1/pops` asked for
        view = stories.state(services.database, key, agent=services.registry[key.tenant].agent)
    return {
        "id": key.id,
        "view": view,
        "simulated": state is not None and is_simulated(state),
        "sequence": sequence,
        "live": f"{LINES}?{urlencode({'id': key.id})}",
        "lines": story_lines.lines(told["trace"]),
        "whats": contact_words.whats(_),
        "files": contact_words.files(_),
        "pops": popped,
        "requests": [story_lines.due(each) for each in due],
        "states": contact_words.states(_),
        "actions": contact_words.actions(_),
        "stages": contact_words.stages(_),
        "channels": contact_words.channels(_),
        "outcomes": contact_words.outcomes(_),
        "story_path": story_path,
        "tell": partial(story_phrases.tell, _),
        "next": _next(who, state),
    }


def _next(who: Principal, state: Contact | None) -> list[str]:
    """Give the stages that an admin may let a simulated contact reach from here."""
    if state is None or state.stage is None or not is_simulated(state) or not who.may("admin"):
        return []
    return [stage.value for stage in NEXT.get(state.stage, ())]


def _is_known(services: Services, key: ContactKey) -> bool:
    with services.database.reading():
        return journal.contact(services.database.raw.cursor(), key) is not None


def _search(request: Request) -> Search:
    query = request.query_params
    return contact_search.read(query.get("q", ""), query.get("agent", ""), query.get("stage", ""))


def _query(search: Search) -> dict[str, str]:
    named = {"q": search.text, "agent": search.agent, "stage": search.stage or ""}
    return {name: str(value) for name, value in named.items() if value}


def _before(request: Request) -> int | None:
    given = request.query_params.get("before", "")
    sound = given.isascii() and given.isdecimal() and len(given) <= _LONGEST_SEQUENCE
    return int(given) if sound else None


ROUTES = [
    page(HOME, get=show, role="supervisor"),
    page(ROWS, get=rows, role="supervisor"),
    page(STORY, get=story, role="supervisor"),
    page(LINES, get=lines, role="supervisor"),
]
