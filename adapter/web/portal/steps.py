"""Serve the portal's pages of lifecycle steps: what is in force, drafts, review, apply."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, steps
from adapter.connections import AccountNotReady
from adapter.errors import Conflict, InvalidSettings, NotFound, Place
from adapter.events import Stage
from adapter.services import Services
from adapter.steps import Rehearsed, Steps
from adapter.steps.definitions import LAST
from adapter.store import settings as stored
from adapter.tenants import Tenant
from adapter.web import requests
from adapter.web.accounts import connections
from adapter.web.portal import (
    dynamics_phrases,
    forms,
    pages,
    steps_changes,
    steps_drafts,
    steps_forms,
    steps_progress,
    steps_starts,
    steps_switching,
    steps_trying,
)
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.portal.steps_drafts import Draft, Kept
from adapter.web.portal.steps_forms import LAST_PAGE
from adapter.web.principals import Principal

HOME = "/admin/steps"
REVIEW = HOME + "/review"


async def show(request: Request, who: Principal) -> Response:
    """Show the steps in force, what keeps them from running, and the draft."""
    return await _overview(request, who)


async def start(request: Request, who: Principal, form: Form) -> Response:
    """Begin a draft."""
    _ = pages.texts(request)
    services = requests.services(request)
    current = services.registry[who.tenant]
    wanted = steps_starts.steps_of(form.text("start"), current.steps)
    if wanted is None:
        wrong = [Place("start", _("Choose what to begin with."))]
        return await _overview(request, who, 422, errors=wrong, form=form)
    draft = steps_drafts.of_steps(wanted, base=current.steps_version, who=who.label)
    if form.text("start") == "current" and wanted.steps:
        # What is in force was gone through before.
        draft = msgspec.structs.replace(draft, reached=LAST_PAGE)
    _save(services, who, draft, expected=form.number("draft"))
    return pages.redirect(request, f"{HOME}/draft/1")


async def discard(request: Request, who: Principal, form: Form) -> Response:
    """Throw the draft away."""
    _ = pages.texts(request)
    _save(requests.services(request), who, None, expected=form.number("draft"))
    return pages.redirect(request, HOME, _("The draft is discarded. Nothing in force has changed."))


async def switch(request: Request, who: Principal, form: Form) -> Response:
    """Switch steps in force off, with a reason, or on again, at once."""
    _ = pages.texts(request)
    services = requests.services(request)
    current = services.registry[who.tenant]
    on = form.text("to") == "on"
    numbers = {step.number for step in current.steps.steps}
    if form.text("number") != "all":
        numbers &= {form.number("number") or 0}
    reason = form.text("reason")
    if not on and not reason:
        wrong = [Place("reason", _("Say why, for whoever finds the steps switched off."))]
        return await _overview(request, who, 422, errors=wrong, form=form)
    wanted = steps_switching.switched(current.steps, numbers, on=on)
    try:
        steps.parse_steps(steps.dump(wanted))
    except InvalidSettings as invalid:
        say = dynamics_phrases.speaker(_)
        wrong = [Place("", say(place.detail)) for place in invalid.places]
        return await _overview(request, who, 422, errors=wrong, form=form)
    now = datetime.now(UTC)
    stored.put_steps(
        services.database,
        who.tenant,
        steps.dump(wanted),
        now,
        who=who.label,
        expected_version=form.number("version"),
    )
    steps_switching.keep(
        services.database,
        who.tenant,
        wanted,
        numbers=numbers,
        text=None if on else reason[: steps_switching.LONGEST],
        now=now,
        who=who.label,
    )
    await changes.apply(services)
    said = _("Switched on, for contacts that begin from now on.") if on else _("Switched off.")
    return pages.redirect(request, HOME, said)


async def review(request: Request, who: Principal) -> Response:
    """Show the whole draft before it is applied: problems, requests, differences."""
    services = requests.services(request)
    kept = steps_drafts.read(services.database, who.tenant)
    if kept.draft is None:
        return pages.redirect(request, HOME)
    return await _review(request, who, kept)


async def apply(request: Request, who: Principal, form: Form) -> Response:
    """Put the draft in force, and the accounts' drafts with it where that is wished."""
    _ = pages.texts(request)
    services = requests.services(request)
    kept = steps_drafts.read(services.database, who.tenant)
    if kept.draft is None or kept.version != form.number("draft"):
        raise Conflict(_("The draft has changed meanwhile: review it again before you apply it."))
    try:
        await services.step_desk.save(
            who.tenant,
            kept.draft.document,
            who=who.label,
            expected_version=form.number("in_force"),
        )
    except InvalidSettings:
        return await _review(request, who, kept, 422)
    _save(services, who, None, expected=None)
    desk = connections(request).desk
    if form.ticked("accounts"):
        for account in desk.listed(who.tenant):
            if account.draft is not None:
                desk.apply(who.tenant, account.name, who=who.label)
    await changes.apply(services)
    said = _("The steps are in force, for contacts that begin from now on.")
    return pages.redirect(request, HOME, said)


async def trial(request: Request, who: Principal) -> Response:
    """Replay a recorded contact through the draft or through what is in force."""
    _ = pages.texts(request)
    services = requests.services(request)
    contact = request.query_params.get("contact", "").strip()
    found = steps_progress.around(request, who)
    kept = steps_drafts.read(services.database, who.tenant)
    of_draft = kept.draft is not None and request.query_params.get("of") != "in-force"
    wanted: Steps | None = services.registry[who.tenant].steps
    if of_draft and kept.draft is not None:
        wanted = found.look(kept.draft).steps
    run: list[Rehearsed] | None = None
    errors: list[Place] = []
    if wanted is None:
        errors = [Place("", _("The draft has problems: mend them first (see Review)."))]
    elif contact:
        try:
            run = found.rehearse(wanted, contact)
        except NotFound:
            errors = [Place("contact", _("No contact of this id is recorded."))]
    return await pages.render(
        request,
        "portal/steps/trial.html",
        422 if errors else 200,
        stages=list(Stage),
        errors=errors,
        run=run,
        contact=contact,
        late=found.late,
        of_draft=of_draft,
        has_draft=kept.draft is not None,
        say=dynamics_phrases.speaker(_),
    )


def obstacles(services: Services, tenant: Tenant, wanted: Steps) -> list[str]:
    """Say why requests of these steps are not sent; empty where they are."""
    found: list[str] = []
    for step in wanted.requests:
        try:
            services.connections.clients.client(tenant, step.account)
        except AccountNotReady as error:
            if step.enabled and str(error) not in found:
                found.append(str(error))
    return found


async def _overview(
    request: Request,
    who: Principal,
    status: int = 200,
    *,
    errors: list[Place] | None = None,
    form: Form = forms.NOTHING,
) -> Response:
    services = requests.services(request)
    current = services.registry[who.tenant]
    return await pages.render(
        request,
        "portal/steps/overview.html",
        status,
        errors=errors or (),
        form=form,
        current=current.steps,
        version=current.steps_version,
        since=current.steps_since,
        obstacles=obstacles(services, who.tenant, current.steps),
        reasons=steps_switching.reasons(services.database, who.tenant, current.steps),
        kept=steps_drafts.read(services.database, who.tenant),
        policy=current.policy,
        say=dynamics_phrases.speaker(pages.texts(request)),
    )


async def _review(request: Request, who: Principal, kept: Kept, status: int = 200) -> Response:
    assert kept.draft is not None  # noqa: S101 - the callers looked
    _ = pages.texts(request)
    say = dynamics_phrases.speaker(_)
    services = requests.services(request)
    current = services.registry[who.tenant]
    found = steps_progress.around(request, who)
    checked = await found.check(kept.draft)
    shown = {} if checked.steps is None else found.previews(checked.steps, steps_trying.MADE_UP)
    return await pages.render(
        request,
        "portal/steps/review.html",
        status,
        kept=kept,
        draft=kept.draft,
        problems=_told(kept.draft, checked.faults, say),
        hints=_told(kept.draft, checked.hints, say),
        unchecked=[say(each) for each in checked.unchecked],
        previews=shown,
        changes=None
        if checked.steps is None
        else steps_changes.changes(current.steps, checked.steps),
        in_force=current.steps_version,
        overtaken=kept.draft.base != current.steps_version,
        free=next(each for each in range(LAST_PAGE + 1, LAST + 1) if each not in kept.draft.steps),
        drafts=[each for each in found.accounts if each.draft is not None],
        ready=any(each.ready for each in found.accounts),
        progress=steps_progress.progress(found, kept.draft, checked),
        say=say,
    )


def _told(draft: Draft, places: tuple[Place, ...], say: steps_forms.Say) -> list[tuple[int, Place]]:
    """Give what is said of the draft by step; 0 for the rules between steps."""
    found = [
        (number, place)
        for index, number in enumerate(sorted(draft.steps))
        for place in steps_forms.of_step(places, index, say)
    ]
    return found + [(0, place) for place in steps_forms.of_options(places, say)]


def _save(services: Services, who: Principal, draft: Draft | None, *, expected: int | None) -> None:
    steps_drafts.save(
        services.database,
        who.tenant,
        draft,
        datetime.now(UTC),
        who=who.label,
        expected_version=expected,
    )


ROUTES = [
    page(HOME, get=show),
    page(HOME + "/start", post=start),
    page(HOME + "/discard", post=discard),
    page(HOME + "/switch", post=switch),
    page(REVIEW, get=review, post=apply),
    page(HOME + "/try", get=trial),
]
