"""Show which agents are connected and which names of sources they go by; sign agents out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, people, saving
from adapter.errors import MalformedInput, NotFound, Place
from adapter.hub import Feed, monotonic
from adapter.i18n import Texts
from adapter.identity.people import LOCAL, Person
from adapter.services import Services
from adapter.store import people as stored_people, sessions, settings as stored
from adapter.store.settings import Alias
from adapter.tenants import Agent, Tenant
from adapter.web import requests, sign_in_pages
from adapter.web.feed_socket import FeedSocket
from adapter.web.portal import forms, pages
from adapter.web.portal.forms import Form
from adapter.web.portal.refusal_sentences import PHRASES
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = "/admin/agents"
SIGN_OUT = HOME + "/sign-out"
ALIASES = HOME + "/aliases"


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """One open feed, as the page shows it."""

    agent: str | None
    """None on a wallboard."""
    kind: str
    """`panel`, `listener` or `wallboard`."""
    panel: str | None
    since: datetime | None
    """When its feed was opened; None where only a service key knows."""
    signed_in: datetime | None
    embedder: str | None
    """The page around it, `top` or `unknown`; None where no session tells."""
    version: str | None
    visible: bool
    interacted: datetime | None
    key: str | None
    """The name of the key that let it in."""
    has_session: bool


async def show(request: Request, who: Principal) -> Response:
    """Show who is connected, who has signed in, and the sources' names."""
    return _page(request, who)


async def confirm_sign_out(request: Request, who: Principal) -> Response:
    """Ask before an agent is signed out."""
    agent = _agent(request, who.tenant, request.query_params.get("agent", ""))
    connected = [each for each in _connected(request, who.tenant) if each.agent == agent.id]
    return pages.render(
        request,
        "portal/agents/sign_out.html",
        agent=agent.id,
        count=sum(each.has_session for each in connected),
        by_key=sum(not each.has_session for each in connected),
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
    changes.close_ended_sessions(services)
    return pages.redirect(request, HOME, _("%(agent)s is signed out.", agent=agent.id))


async def put_alias(request: Request, who: Principal, form: Form) -> Response:
    """Say for which agent a source's name stands."""
    _ = pages.texts(request)
    services = requests.services(request)
    try:
        alias = saving.alias(who.tenant, form.text("alias_agent"), form.text("source_id"))
    except MalformedInput as error:
        return _page(request, who, 422, errors=_in_words(error, _), form=form)
    stored.put_alias(services.database, alias, datetime.now(UTC), who=who.label)
    await changes.apply(services)
    said = _("%(name)s stands for %(agent)s now.", name=alias.source_id, agent=alias.agent)
    return pages.redirect(request, HOME, said)


async def remove_alias(request: Request, who: Principal, form: Form) -> Response:
    """Let a source's name stand for itself again."""
    _ = pages.texts(request)
    services = requests.services(request)
    source_id = form.raw("source_id")
    stored.remove_alias(services.database, who.tenant, source_id, datetime.now(UTC), who=who.label)
    await changes.apply(services)
    return pages.redirect(request, HOME, _("%(name)s stands for itself now.", name=source_id))


def _page(
    request: Request,
    who: Principal,
    status: int = 200,
    *,
    errors: Sequence[Place] = (),
    form: Form = forms.NOTHING,
) -> Response:
    _ = pages.texts(request)
    services = requests.services(request)
    with services.database.reading():
        persons = stored_people.listed(services.database.raw.cursor(), who.tenant)
    waiting = [each for each in persons if each.proposed and not each.agent and not each.revoked]
    by_directory = sorted(waiting, key=lambda each: each.directory)
    return pages.render(
        request,
        "portal/agents/list.html",
        status,
        errors=errors,
        form=form,
        connected=_by_agent(_connected(request, who.tenant)),
        persons=persons,
        alike=_alike(persons),
        shut_out=_shut_out(services, who.tenant, persons),
        waiting=[
            (directory, list(each))
            for directory, each in groupby(by_directory, key=lambda each: each.directory)
        ],
        aliases=_aliases(services, who.tenant),
        may_change=who.may("admin"),
        roles=sign_in_pages.role_names(_),
        kinds={
            "panel": _("Panel"),
            "listener": _("Listener"),
            "wallboard": _("Wallboard"),
        },
        around={"top": _("shown on its own"), "unknown": _("a page that hides its address")},
        sign_out_path=lambda agent: f"{SIGN_OUT}?agent={quote(agent, safe='')}",
    )


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


def _by_agent(connected: Sequence[Connected]) -> list[tuple[str | None, list[Connected]]]:
    return [
        (agent, list(each))
        for agent, each in groupby(
            sorted(connected, key=lambda each: (each.agent is None, each.agent or "")),
            key=lambda each: each.agent,
        )
    ]


def _connected(request: Request, tenant: Tenant) -> list[Connected]:
    services = requests.services(request)
    feeds = [each for each in services.hub.feeds() if each.tenant == tenant]
    names = {key.id: key.name or key.id for key in stored.keys(services.database)}
    with services.database.reading():
        return [_of_feed(services, each, names) for each in feeds]


def _of_feed(services: Services, feed: Feed, names: dict[str, str]) -> Connected:
    session = None
    chain = feed.session if isinstance(feed, FeedSocket) else None
    if chain is not None:
        session = sessions.of_chain(services.database.raw.cursor(), feed.tenant, chain)
    panel = feed.panel
    said = None
    if panel is not None and feed.agent is not None:
        said = services.greetings.of(feed.agent, panel.id)
    return Connected(
        agent=None if feed.agent is None else feed.agent.id,
        kind="wallboard" if feed.agent is None else "listener" if panel is None else "panel",
        panel=None if panel is None else panel.id,
        since=None if said is None else said.at,
        signed_in=None if session is None else session.created,
        embedder=None if session is None else session.embedder,
        version=None if said is None else said.version,
        visible=panel is not None and panel.visible,
        interacted=None if panel is None else _moment(panel.interacted),
        key=None if feed.key is None else names.get(feed.key, feed.key),
        has_session=chain is not None,
    )


def _moment(interacted: float) -> datetime | None:
    """Turn a time of the server's clock into one of the calendar; None where it never was."""
    if not math.isfinite(interacted):
        return None
    return datetime.now(UTC) - timedelta(seconds=monotonic() - interacted)


def _aliases(services: Services, tenant: Tenant) -> list[Alias]:
    mine = [each for each in stored.aliases(services.database) if each.tenant == tenant]
    return sorted(mine, key=lambda each: (each.agent, each.source_id))


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
