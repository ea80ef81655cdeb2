"""Send a simulated contact to an agent, and show what the sources have sent lately."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import agent_ids, redaction
from adapter.errors import Conflict, MalformedInput, NotFound, Place
from adapter.events import AgentSeen, ContactEvent, Stage
from adapter.i18n import Texts
from adapter.recent_requests import KEPT_BYTES, RecentRequest
from adapter.services import Services
from adapter.store import audits, journal, settings as stored
from adapter.tenants import ContactKey, Tenant
from adapter.web import requests
from adapter.web.phrases import Said
from adapter.web.portal import contact_words, forms, pages, simulated
from adapter.web.portal.contacts import story_path
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.portal.simulated import Wanted
from adapter.web.portal.try_it_sentences import PHRASES
from adapter.web.principals import Principal

HOME = "/admin/try-it"
REQUEST = HOME + "/requests/{number}"
CHANNELS = ("voice", "chat")
DIRECTIONS = ("inbound", "outbound")
LONGEST = 256
MOST_ATTRIBUTES = 50
_LONGEST_NUMBER = 18


async def show(request: Request, who: Principal) -> Response:
    """Show the form for a simulated contact, and the last requests of each source."""
    return await _page(request, who)


async def start(request: Request, who: Principal, form: Form) -> Response:
    """Begin a simulated contact and go to its story."""
    _ = pages.texts(request)
    wanted, wrong = _read(form, _)
    if wrong:
        return await _page(request, who, 422, errors=wrong, form=form)
    services = requests.services(request)
    contact, now = simulated.new_id(), datetime.now(UTC)
    try:
        await simulated.send(
            services,
            who.tenant,
            simulated.first_events(contact, wanted, now),
            who=who.label,
            what=f"simulated contact {contact} sent to {wanted.agent}",
        )
    except MalformedInput as error:
        fault = PHRASES.tell(_, str(error)).text
        return await _page(request, who, 422, errors=[Place("attributes", fault)], form=form)
    said = _("The contact is on its way to %(agent)s.", agent=wanted.agent)
    return pages.redirect(request, story_path(contact), said)


async def go_on(request: Request, who: Principal, form: Form) -> Response:
    """Let a simulated contact reach its next stage."""
    _ = pages.texts(request)
    services = requests.services(request)
    key = ContactKey(who.tenant, form.raw("contact"))
    with services.database.reading():
        state = journal.contact(services.database.raw.cursor(), key)
    if state is None or not simulated.is_simulated(state):
        raise NotFound(_("There is no simulated contact of this id."))
    wanted = next((stage for stage in Stage if stage.value == form.text("stage")), None)
    reached = state.stage
    if wanted is None or reached is None or wanted not in simulated.NEXT.get(reached, ()):
        raise Conflict(_("The contact is already further on: open its story again."))
    event = simulated.next_event(key.id, wanted, state.agent, datetime.now(UTC))
    what = f"simulated contact {key.id}: {wanted.value}"
    await simulated.send(services, who.tenant, [event], who=who.label, what=what)
    return pages.redirect(request, story_path(key.id))


async def show_request(request: Request, who: Principal) -> Response:
    """Show one request, redacted."""
    return await _request(request, who, reveal=False)


async def reveal_request(request: Request, who: Principal, _form: Form) -> Response:
    """Show one request with phone numbers and names; the audit log keeps who asked."""
    source, found = _found(request, who.tenant)
    what = f"request {found.number} of {source} ({found.received.isoformat()}) shown in full"
    await requests.services(request).committer.submit(
        lambda batch: audits.add(batch.cursor, who.tenant, batch.now, who=who.label, what=what)
    )
    return await _request(request, who, reveal=True)


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
    settings = services.registry[who.tenant]
    recent = services.recent_requests.of(who.tenant)
    return await pages.render(
        request,
        "portal/try_it/page.html",
        status,
        errors=errors,
        form=form,
        agents=_connected(services, who.tenant),
        channels=[(name, contact_words.channels(_)[name]) for name in CHANNELS],
        directions=[(name, contact_words.channels(_)[name]) for name in DIRECTIONS],
        attribute=settings.policy.attribute if settings.policy else "",
        has_steps=bool(settings.steps.steps),
        sources={
            source: [_summary(each, _names(services, who.tenant), _) for each in found]
            for source, found in recent.items()
        },
    )


async def _request(request: Request, who: Principal, *, reveal: bool) -> Response:
    source, found = _found(request, who.tenant)
    services = requests.services(request)
    known = _personal(found)
    return await pages.render(
        request,
        "portal/try_it/request.html",
        source=source,
        summary=_summary(found, _names(services, who.tenant), pages.texts(request)),
        headers=redaction.headers(found.headers, known=known, reveal=reveal),
        body=redaction.body(found.body, known=known, reveal=reveal) if found.body else "",
        cut=found.size > KEPT_BYTES,
        size=found.size,
        facts=_facts(found, known, reveal=reveal),
        faults=_faults(found, pages.texts(request)),
        reveal=reveal,
        stages=contact_words.stages(pages.texts(request)),
        channels=contact_words.channels(pages.texts(request)),
        files=contact_words.files(pages.texts(request)),
        story_path=story_path,
    )


def _faults(found: RecentRequest, _: Texts) -> list[tuple[str, Said]]:
    """Give what is wrong with a request, or with its events: where, and what."""
    if isinstance(found.error, MalformedInput) and found.error.places:
        return [(each.at, PHRASES.tell(_, each.detail)) for each in found.error.places]
    rejected = found.decoded.rejected if found.decoded else ()
    return [(f"/{each.index}", PHRASES.tell(_, each.detail)) for each in rejected]


def _found(request: Request, tenant: Tenant) -> tuple[str, RecentRequest]:
    _ = pages.texts(request)
    text = request.path_params["number"]
    sound = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    recent = requests.services(request).recent_requests
    found = recent.get(tenant, int(text)) if sound else None
    if found is None:
        raise NotFound(_("This request is no longer kept: only the last of each source are."))
    return found


def _summary(each: RecentRequest, names: dict[str, str], _: Texts) -> dict[str, Any]:
    decoded = each.decoded
    return {
        "number": each.number,
        "received": each.received,
        "sender": None if each.sender is None else names.get(each.sender, each.sender),
        "size": each.size,
        "accepted": each.accepted,
        "duplicates": each.duplicates,
        "ignored": decoded.ignored if decoded else 0,
        "rejected": len(decoded.rejected) if decoded else 0,
        "error": None if each.error is None else PHRASES.tell(_, str(each.error)),
    }


def _names(services: Services, tenant: Tenant) -> dict[str, str]:
    named = {
        key.id: key.name or key.id for key in stored.keys(services.database) if key.tenant == tenant
    }
    return {**named, f"signed/{tenant}": "Standard Webhooks"}


def _personal(found: RecentRequest) -> set[str]:
    """Give what was decoded as a person's: it is hidden wherever else it stands."""
    return {
        value
        for entry in (found.decoded.entries if found.decoded else ())
        for fact in entry.facts
        if isinstance(fact, ContactEvent)
        for value in fact.customer.values()
    }


def _facts(found: RecentRequest, known: set[str], *, reveal: bool) -> list[dict[str, Any]]:
    """Give what a request was decoded to, one mapping a fact."""
    facts: list[dict[str, Any]] = []
    for entry in found.decoded.entries if found.decoded else ():
        for fact in entry.facts:
            if isinstance(fact, AgentSeen):
                facts.append({"kind": "agent", "source_id": fact.source_id, "agent": fact.agent})
                continue
            facts.append(
                {
                    "kind": "contact",
                    "event": fact.id,
                    "source": fact.source,
                    "contact": fact.contact,
                    "time": fact.time,
                    "stage": fact.stage.value if fact.stage else None,
                    "agent": fact.agent,
                    "channel": fact.channel,
                    "direction": fact.direction,
                    "queue": fact.queue,
                    "customer": {
                        name: value if reveal else redaction.HIDDEN
                        for name, value in fact.customer.items()
                    },
                    "attributes": {
                        name: redaction.text(str(value), known=known, reveal=reveal, name=name)
                        for name, value in fact.attributes.items()
                    },
                    "recording": fact.recording.kind if fact.recording else None,
                }
            )
    return facts


def _connected(services: Services, tenant: Tenant) -> list[str]:
    return sorted(
        {
            feed.agent.id
            for feed in services.hub.feeds()
            if feed.tenant == tenant and feed.agent is not None
        }
    )


def _read(form: Form, _: Texts) -> tuple[Wanted, list[Place]]:
    wrong: list[Place] = []
    agent = form.text("agent")
    if not agent:
        wrong.append(Place("agent", _("Say which agent gets the contact.")))
    elif len(agent) > LONGEST or agent_ids.fault(agent):
        wrong.append(Place("agent", _("This is no agent's name.")))
    channel, direction = form.text("channel", "voice"), form.text("direction", "inbound")
    if channel not in CHANNELS:
        wrong.append(Place("channel", _("Choose one of the list.")))
    if direction not in DIRECTIONS:
        wrong.append(Place("direction", _("Choose one of the list.")))
    customer = {name: form.text(name) for name in ("phone", "name", "email") if form.text(name)}
    wrong += [
        Place(name, _("Use at most %(most)d characters.", most=LONGEST))
        for name, value in customer.items()
        if len(value) > LONGEST
    ]
    attributes, faults = _attributes(form.raw("attributes"), _)
    wanted = Wanted(
        agent=agent,
        channel=channel,
        direction=direction,
        customer=customer,
        attributes=attributes,
    )
    return wanted, [*wrong, *faults]


def _attributes(text: str, _: Texts) -> tuple[dict[str, str], list[Place]]:
    found: dict[str, str] = {}
    wrong: list[Place] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            wrong.append(Place("attributes", _("Line %(line)d: write name=value.", line=number)))
            continue
        found[name.strip()] = value.strip()
    if len(found) > MOST_ATTRIBUTES:
        wrong.append(
            Place("attributes", _("Use at most %(most)d attributes.", most=MOST_ATTRIBUTES))
        )
    return found, wrong


ROUTES = [
    page(HOME, get=show, post=start),
    page(HOME + "/go-on", post=go_on),
    page(REQUEST, get=show_request, post=reveal_request),
]
