"""Change what a person may do and which agent they are, confirm proposals, end their sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from adapter import agent_ids, changes, people
from adapter.batch import Batch
from adapter.errors import InvalidSettings, Place
from adapter.i18n import Texts
from adapter.identity import roles
from adapter.identity.people import Person
from adapter.web import requests, sign_in_pages
from adapter.web.portal import agents, forms, pages
from adapter.web.portal.flashes import Kind
from adapter.web.portal.forms import Form
from adapter.web.portal.refusal_sentences import PHRASES
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = agents.HOME + "/people/{person}"
CONFIRM = agents.HOME + "/confirm"
OWN_ROLE: Final = "admin"


async def show(request: Request, who: Principal) -> Response:
    """Show a person."""
    return await _page(request, who, _person(request, who))


async def change(request: Request, who: Principal, form: Form) -> Response:
    """Save roles and agent, or sign out, lock out, let in again: as the button says."""
    _ = pages.texts(request)
    services = requests.services(request)
    _require_whole(form)
    person = _person(request, who)
    do = form.text("do")
    wrong = _own_fault(request, who, person, form) or _shared_unseen(request, person, form)
    if wrong:
        return await _page(request, who, person, 422, errors=wrong, form=form)

    def job(batch: Batch) -> None:
        now, by = batch.now, who.label
        fresh = people.get(batch.cursor, who.tenant, person.id)
        if do == "sign-out":
            people.sign_out(batch.cursor, fresh, now, who=by)
        elif do == "revoke":
            people.revoke(batch.cursor, fresh, now, who=by)
        elif do == "restore":
            people.restore(batch.cursor, fresh, now, who=by)
        else:
            fresh = people.set_roles(batch.cursor, fresh, form.all("role"), now, who=by)
            named = form.text("agent") or None
            if named is not None or fresh.agent is not None:
                # A field left empty settles no proposal: that has a button of its own.
                people.link(batch.cursor, fresh, named, now, who=by)

    try:
        await services.committer.submit(job)
    except InvalidSettings as error:
        wrong = [
            Place(each.at.lstrip("/"), PHRASES.say(_, each.detail))
            for each in error.places or [Place("", str(error))]
        ]
        return await _page(request, who, person, 422, errors=wrong, form=form)
    await changes.close_ended_sessions(services)
    said = {
        "sign-out": _("%(name)s is signed out everywhere.", name=person.name),
        "revoke": _("%(name)s is locked out.", name=person.name),
        "restore": _("%(name)s may sign in again.", name=person.name),
    }
    return pages.redirect(
        request, agents.home(request), said.get(do, _("%(name)s: saved.", name=person.name))
    )


async def confirm(request: Request, who: Principal, form: Form) -> Response:
    """Confirm the agent that one person, or everybody of a directory, is proposed to be."""
    _ = pages.texts(request)
    services = requests.services(request)
    directory, named = form.raw("directory"), form.raw("person")
    if named and not directory:
        person = _read(request, who, named)
        others = _sharing(request, person, person.proposed)
        # Two people of one agent see the same contacts: that takes a second, informed step.
        if others and form.all("shared") != tuple(each.id for each in others):
            return await _asked(request, person, person.proposed or "", others)

    def job(batch: Batch) -> people.Confirmed:
        if directory:
            return people.confirm(batch.cursor, who.tenant, directory, batch.now, who=who.label)
        person = people.get(batch.cursor, who.tenant, named)
        if person.proposed is None:
            return people.Confirmed([], [])
        linked = people.link(batch.cursor, person, person.proposed, batch.now, who=who.label)
        return people.Confirmed([linked], [])

    done = await services.committer.submit(job)
    await changes.close_ended_sessions(services)
    kind: Kind = "warning" if done.left else "success"
    return pages.redirect(request, agents.home(request), _told(_, done), kind=kind)


def _told(_: Texts, done: people.Confirmed) -> str:
    """Say how many are confirmed, and how many are left for which reason."""
    left = Counter(reason for _person, reason in done.left)
    said = [
        _.many("%(num)d person is confirmed.", "%(num)d people are confirmed.", len(done.people))
    ]
    if left["revoked"]:
        said.append(
            _.many(
                "%(num)d is left, being locked out.",
                "%(num)d are left, being locked out.",
                left["revoked"],
            )
        )
    if left["agent-taken"]:
        said.append(
            _.many(
                "%(num)d is left: somebody is that agent already. Confirm them alone.",
                "%(num)d are left: somebody is each of those agents already. Confirm them one by"
                " one.",
                left["agent-taken"],
            )
        )
    if left["proposed-twice"]:
        said.append(
            _.many(
                "%(num)d is left: several would become the same agent. Confirm them alone.",
                "%(num)d are left: several would become the same agent. Confirm them one by one.",
                left["proposed-twice"],
            )
        )
    return _.gap.join(said)


async def _asked(
    request: Request, person: Person, agent: str, others: Sequence[Person]
) -> Response:
    """Ask before somebody becomes an agent that others are already."""
    return await pages.render(
        request,
        "portal/agents/share.html",
        person=person,
        agent=agent,
        others=others,
        query=agents.query(request),
    )


def _sharing(request: Request, person: Person, agent: str | None) -> list[Person]:
    if not agent:
        return []
    database = requests.services(request).database
    with database.reading():
        return people.sharing(database.raw.cursor(), person, agent)


def _person(request: Request, who: Principal) -> Person:
    return _read(request, who, request.path_params["person"])


def _read(request: Request, who: Principal, person: str) -> Person:
    database = requests.services(request).database
    with database.reading():
        return people.get(database.raw.cursor(), who.tenant, person)


def _require_whole(form: Form) -> None:
    """Check that roles are not taken away by a form that lost its fields: empty boxes send none."""
    if form.text("do") not in ("sign-out", "revoke", "restore"):
        form.require("do", "agent")


def _own_fault(request: Request, who: Principal, person: Person, form: Form) -> list[Place]:
    """Refuse that an admin locks themselves out: another one may do it."""
    _ = pages.texts(request)
    if person.id != who.person:
        return []
    if form.text("do") == "revoke":
        return [Place("", _("You cannot lock yourself out: ask another administrator."))]
    keeps = OWN_ROLE in form.all("role") or OWN_ROLE in person.token_roles
    if form.text("do") == "save" and not keeps:
        wrong = _("You cannot take your own role away: ask another administrator.")
        return [Place("role-admin", wrong)]
    return []


def _shared_unseen(request: Request, person: Person, form: Form) -> list[Place]:
    """Refuse once that somebody becomes an agent that others are already: saving again agrees."""
    _ = pages.texts(request)
    named = form.text("agent")
    if form.text("do") != "save" or not named or agent_ids.fault(named) is not None:
        return []
    others = _sharing(request, person, named)
    if not others or _same(named, person.agent) or _same(named, form.text("shared")):
        return []
    told = ", ".join(f"{each.label} ({each.directory})" for each in others)
    said = _(
        "%(people)s: already this agent. Both would see the same contacts. Save again if that is"
        " meant.",
        people=told,
    )
    return [Place("agent", said)]


def _same(one: str, other: str | None) -> bool:
    """Whether two spellings name one agent."""
    return other is not None and one.casefold() == other.casefold()


async def _page(
    request: Request,
    who: Principal,
    person: Person,
    status: int = 200,
    *,
    errors: Sequence[Place] = (),
    form: Form = forms.NOTHING,
) -> Response:
    return await pages.render(
        request,
        "portal/agents/person.html",
        status,
        errors=errors,
        form=form,
        person=person,
        query=agents.query(request),
        shared=form.text("agent") if any(each.at == "agent" for each in errors) else "",
        all_roles=roles.ROLES,
        roles=sign_in_pages.role_names(pages.texts(request)),
        is_self=person.id == who.person,
    )


ROUTES = [page(HOME, get=show, post=change), page(CONFIRM, post=confirm)]
