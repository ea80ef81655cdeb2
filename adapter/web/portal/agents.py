"""Show which agents are connected and which names of sources they go by; sign agents out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, people, saving
from adapter.errors import MalformedInput, NotFound, Place
from adapter.i18n import Texts
from adapter.identity.people import LOCAL, Person
from adapter.services import Services
from adapter.store import alias_lists, people as stored_people, settings as stored
from adapter.tenants import Agent, Tenant
from adapter.web import requests, sign_in_pages
from adapter.web.portal import connected, forms, pages
from adapter.web.portal.forms import Form
from adapter.web.portal.refusal_sentences import PHRASES
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = "/admin/agents"
SIGN_OUT = HOME + "/sign-out"
ALIASES = HOME + "/aliases"
MOST: Final = 100
"""Rows of each list: a centre has thousands, and whoever looks for one of them names it."""
LONGEST: Final = 512
"""Characters of what is looked for."""


async def show(request: Request, who: Principal) -> Response:
    """Show who is connected, who has signed in, and the sources' names."""
    return await _page(request, who)


async def confirm_sign_out(request: Request, who: Principal) -> Response:
    """Ask before an agent is signed out."""
    agent = _agent(request, who.tenant, request.query_params.get("agent", ""))
    feeds = connected.of_agent(requests.services(request), agent)
    return await pages.render(
        request,
        "portal/agents/sign_out.html",
        agent=agent.id,
        count=feeds.by_session,
        by_key=feeds.by_key,
        query=query(request),
    )


async def sign_out(request: Request, who: Principal, form: Form) -> Response:
    """End an agent's sessions; their feeds are closed at once."""
    _ = pages.texts(request)
    services = requests.services(request)
    agent = _agent(request, who.tenant, form.raw("agent"))
    await services.committer.submit(
        lambda batch: people.sign_out_agent(
            batch.cursor, who.tenant, agent.id, batch.now, who=who.label
        )
    )
    await changes.close_ended_sessions(services)
    return pages.redirect(request, home(request), _("%(agent)s is signed out.", agent=agent.id))


async def put_alias(request: Request, who: Principal, form: Form) -> Response:
    """Say for which agent a source's name stands."""
    _ = pages.texts(request)
    services = requests.services(request)
    try:
        alias = saving.alias(who.tenant, form.text("alias_agent"), form.text("source_id"))
    except MalformedInput as error:
        return await _page(request, who, 422, errors=_in_words(error, _), form=form)
    stored.put_alias(services.database, alias, datetime.now(UTC), who=who.label)
    await changes.apply(services)
    said = _("%(name)s stands for %(agent)s now.", name=alias.source_id, agent=alias.agent)
    return pages.redirect(request, home(request), said)


async def remove_alias(request: Request, who: Principal, form: Form) -> Response:
    """Let a source's name stand for itself again."""
    _ = pages.texts(request)
    services = requests.services(request)
    source_id = form.raw("source_id")
    stored.remove_alias(services.database, who.tenant, source_id, datetime.now(UTC), who=who.label)
    await changes.apply(services)
    return pages.redirect(
        request, home(request), _("%(name)s stands for itself now.", name=source_id)
    )


def query(request: Request) -> str:
    """Give `?q=…` of what is looked for, so that one comes back to the same lists; else nothing."""
    sought = _sought(request)
    return f"?{urlencode({'q': sought})}" if sought else ""


def home(request: Request) -> str:
    """Give the address of the page, with what is looked for."""
    return HOME + query(request)


def _sought(request: Request) -> str:
    return request.query_params.get("q", "").strip()[:LONGEST]


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
    sought = _sought(request)
    wanted = sought.casefold()
    # Each takes some milliseconds where there are thousands: others have their turn in between.
    with services.database.reading():
        cursor = services.database.raw.cursor()
        persons = stored_people.found(cursor, who.tenant, wanted, most=MOST)
    await asyncio.sleep(0)
    with services.database.reading():
        cursor = services.database.raw.cursor()
        waiting = stored_people.found(cursor, who.tenant, wanted, most=MOST, waiting=True)
        counts = stored_people.waiting_of_directories(cursor, who.tenant)
    await asyncio.sleep(0)
    with services.database.reading():
        cursor = services.database.raw.cursor()
        aliases = alias_lists.found(cursor, who.tenant, wanted, most=MOST, agents=persons.agents)
    await asyncio.sleep(0)
    seen = [*persons.people, *waiting.people]
    with services.database.reading():
        cursor = services.database.raw.cursor()
        namesakes = stored_people.namesakes(cursor, who.tenant, {each.name for each in seen})
    # Who was found by their own name, or by a source's, is found among the feeds by the agent.
    also = persons.agents | aliases.agents
    feeds = connected.listed(services, who.tenant, wanted, also, most=MOST)
    await asyncio.sleep(0)
    by_directory = sorted(waiting.people, key=lambda each: each.directory)
    return await pages.render(
        request,
        "portal/agents/list.html",
        status,
        errors=errors,
        form=form,
        sought=sought,
        query=query(request),
        most_sought=LONGEST,
        connected=feeds,
        persons=persons,
        alike=_alike(namesakes),
        shut_out=_shut_out(services, who.tenant, seen),
        waiting=waiting,
        directories=[
            (directory, list(each), counts[directory])
            for directory, each in groupby(by_directory, key=lambda each: each.directory)
        ],
        aliases=aliases,
        may_change=who.may("admin"),
        roles=sign_in_pages.role_names(_),
        kinds={
            "panel": _("Panel"),
            "listener": _("Listener"),
            "wallboard": _("Wallboard"),
        },
        around={"top": _("shown on its own"), "unknown": _("a page that hides its address")},
        sign_out_path=lambda agent: f"{SIGN_OUT}?{_sign_out_query(agent, sought)}",
    )


def _sign_out_query(agent: str, sought: str) -> str:
    return urlencode({"agent": agent, **({"q": sought} if sought else {})})


def _alike(persons: Sequence[Person]) -> set[str]:
    """Give the ids of people whom their name and e-mail do not tell apart."""
    seen = Counter(each.label.casefold() for each in persons)
    return {each.id for each in persons if seen[each.label.casefold()] > 1}


def _shut_out(services: Services, tenant: Tenant, persons: Sequence[Person]) -> set[str]:
    """Give the directories that the provider in force lets in no more."""
    settings = services.registry[tenant].sign_in
    if settings is None:
        return set()
    named = {each.directory for each in persons} - {LOCAL}
    return {each for each in named if not settings.lets_in(each)}


def _agent(request: Request, tenant: Tenant, named: str) -> Agent:
    _ = pages.texts(request)
    if not named.strip() or len(named) > saving.LONGEST_ID:
        raise NotFound(_("Name the agent."))
    return requests.services(request).registry[tenant].agent(named)


def _in_words(error: MalformedInput, _: Texts) -> list[Place]:
    names = {"/agent": "alias_agent", "/source_id": "source_id"}
    missing = {
        "/agent": _("Name another agent, as they sign in."),
        "/source_id": _("Name the agent as the source does: an ARN, a user name."),
    }
    return [
        Place(
            names.get(each.at, ""),
            missing[each.at] if each.detail == saving.NO_ID else PHRASES.say(_, each.detail),
        )
        for each in error.places
    ]


ROUTES = [
    page(HOME, get=show, role="supervisor"),
    page(SIGN_OUT, get=confirm_sign_out, post=sign_out),
    page(ALIASES, post=put_alias),
    page(ALIASES + "/remove", post=remove_alias),
]
