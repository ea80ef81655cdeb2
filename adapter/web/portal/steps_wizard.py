"""Serve the wizard of the steps: five pages on a draft that is kept on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import steps
from adapter.connections import AccountView
from adapter.errors import Conflict, NotFound, Place
from adapter.events import Stage
from adapter.steps import Previewed
from adapter.web import requests
from adapter.web.portal import (
    dynamics,
    dynamics_phrases,
    pages,
    steps_drafts,
    steps_forms,
    steps_picker,
    steps_pop,
    steps_progress,
    steps_trying,
)
from adapter.web.portal.dynamics_forms import form_of_script
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.portal.steps import HOME, REVIEW
from adapter.web.portal.steps_drafts import Draft, Kept
from adapter.web.portal.steps_forms import ENVIRONMENT, LAST_PAGE, Checked
from adapter.web.portal.steps_progress import Around
from adapter.web.principals import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one page of the wizard shows besides the draft."""

    number: int
    kept: Kept
    draft: Draft
    """What the fields show: the draft that is kept, or what somebody typed meanwhile."""
    status: int = HTTPStatus.OK
    errors: Sequence[Place] = ()
    repairs: Sequence[Place] = ()
    notes: Sequence[str] = ()
    contact: str = ""
    overtaken: bool = False
    checked: Checked | None = None
    """What the environments said just now; without it, what is remembered of them counts."""


async def show(request: Request, who: Principal) -> Response:
    """Show one page of the wizard."""
    number, kept = _number(request), _kept(request, who)
    if kept.draft is None:
        return pages.redirect(request, HOME)
    if number == ENVIRONMENT:
        return await _environment(request, who, kept)
    return await _step(request, who, Shown(number=number, kept=kept, draft=kept.draft))


async def save(request: Request, who: Principal, form: Form) -> Response:
    """Keep what was typed, right or wrong, and go where the button leads."""
    _ = pages.texts(request)
    number, kept = _number(request), _kept(request, who)
    if kept.draft is None or number == ENVIRONMENT:
        raise Conflict(_("The draft was applied or discarded meanwhile."))
    found = steps_progress.around(request, who)
    taken = steps_pop.taken_apart(form, kept.draft, number, found, _)
    draft, repairs = _typed(kept.draft, number, taken.form, who)
    now = datetime.now(UTC)
    database = requests.services(request).database
    shown = Shown(number=number, kept=kept, draft=draft, contact=form.text("contact"))
    try:
        version = steps_drafts.save(
            database, who.tenant, draft, now, who=who.label, expected_version=form.number("version")
        )
    except Conflict:
        return await _step(request, who, replace(shown, status=409, overtaken=True))
    wish = form.text("then")
    if (target := _page_of(draft, wish)) is not None:
        return pages.redirect(request, target)
    checked = await found.check(draft)
    faults = steps_progress.faults_of(draft, number, checked)
    if wish == "leave":
        return pages.redirect(request, HOME, _("The draft is saved."))
    if wish == "back":
        return pages.redirect(request, _neighbour(draft, number, -1))
    if wish in ("preview", "take-apart") or faults:
        wrong = bool(faults or taken.errors)
        kept = Kept(draft=draft, version=version, changed=now)
        shown = replace(
            shown,
            kept=kept,
            status=422 if wrong else 200,
            repairs=repairs,
            notes=taken.notes,
            errors=taken.errors,
            checked=checked,
        )
        return await _step(request, who, shown)
    return pages.redirect(request, _neighbour(draft, number, 1), _repaired(request, repairs))


async def preview(request: Request, who: Principal) -> Response:
    """Say what the page as it is typed would send: for our script. Nothing is kept."""
    number, kept = _number(request), _kept(request, who)
    form = form_of_script(await requests.json_object(request))
    if kept.draft is None or number == ENVIRONMENT:
        raise NotFound("there is no draft")
    say = dynamics_phrases.speaker(pages.texts(request))
    draft, repairs = _typed(kept.draft, number, form, who)
    found = steps_progress.around(request, who)
    checked = found.look(draft)
    shown = _previewed(found, checked, number, form.text("contact"))
    return JSONResponse(
        {
            "request": shown.request if shown else None,
            "fault": say(shown.fault) if shown and shown.fault else None,
            "problems": _plain(steps_progress.faults_of(draft, number, checked, say)),
            "hints": _plain(steps_progress.hints_of(draft, number, checked, say)),
            "repairs": [{"at": each.at, "detail": say(each.detail)} for each in repairs],
        }
    )


async def _environment(request: Request, who: Principal, kept: Kept) -> Response:
    """Show page 1: the integration account."""
    assert kept.draft is not None  # noqa: S101 - the caller looked
    found = steps_progress.around(request, who)
    checked = found.look(kept.draft)
    return await pages.render(
        request,
        "portal/steps/environment.html",
        accounts=found.accounts,
        kept=kept,
        draft=kept.draft,
        number=ENVIRONMENT,
        progress=steps_progress.progress(found, kept.draft, checked),
        back="wizard",
        **dynamics.form_values(request, _asked(request, found.accounts)),
    )


async def _step(request: Request, who: Principal, shown: Shown) -> Response:
    number, draft = shown.number, shown.draft
    say = dynamics_phrases.speaker(pages.texts(request))
    found = steps_progress.around(request, who)
    checked = shown.checked or found.look(draft)
    fields = steps_forms.shown(number, draft.steps.get(number))
    errors = [*shown.errors, *steps_progress.faults_of(draft, number, checked, say)]
    return await pages.render(
        request,
        "portal/steps/pop.html" if fields.opens else "portal/steps/request.html",
        shown.status,
        errors=errors,
        kept=shown.kept,
        draft=draft,
        number=number,
        fields=fields,
        stages=[each.value for each in Stage],
        own_stages=number <= LAST_PAGE,
        options=draft.options,
        asked_options=steps_forms.OPTIONS_OF_PAGE.get(number, ()),
        accounts=[each.name for each in found.accounts],
        progress=steps_progress.progress(found, draft, checked),
        hints=steps_progress.hints_of(draft, number, checked, say),
        repairs=[Place(each.at, say(each.detail)) for each in shown.repairs],
        notes=shown.notes,
        previewed=None if errors else _previewed(found, checked, number, shown.contact),
        place=steps_trying.place(found.accounts, fields.values.get("account") or None),
        late=found.late,
        contact=shown.contact,
        choices=steps_picker.choices(
            [each.view for each in found.late],
            steps_forms.makers(draft, number),
            sample=steps.SAMPLE,
            files=not {"recorded", "transcribed"}.isdisjoint(fields.stages),
        ),
        overtaken=shown.overtaken,
        say=say,
    )


def _typed(
    draft: Draft, number: int, form: Form, who: Principal
) -> tuple[Draft, tuple[Place, ...]]:
    known = draft.steps.get(number)
    opens = steps_forms.is_opening(number, known)
    step, repairs = steps_forms.read(number, form, opens=opens, known=known)
    changed = steps_drafts.with_step(draft, number, step, who=who.label)
    asked = steps_forms.OPTIONS_OF_PAGE.get(number, ())
    kept = {name: value for name, value in draft.options.items() if name not in asked}
    options = kept | steps_forms.read_options(number, form)
    reached = max(draft.reached, min(number, LAST_PAGE))
    return msgspec.structs.replace(changed, options=options, reached=reached), repairs


def _previewed(found: Around, checked: Checked, number: int, contact: str) -> Previewed | None:
    """Give what a step would send; None where the draft cannot be read or lacks the step."""
    return None if checked.steps is None else found.previews(checked.steps, contact).get(number)


def _page_of(draft: Draft, wish: str) -> str | None:
    """Give the page of the wizard that a button of its list names (`to-4`, `to-review`)."""
    if wish == "to-review":
        return REVIEW
    known = {f"to-{number}": f"{HOME}/draft/{number}" for number in steps_progress.numbers(draft)}
    return known.get(wish)


def _neighbour(draft: Draft, number: int, direction: int) -> str:
    """Give the page before or after one: the review after the last, page 1 before the second."""
    listed = steps_progress.numbers(draft)
    place = listed.index(number) + direction if number in listed else len(listed)
    return f"{HOME}/draft/{listed[place]}" if place < len(listed) else REVIEW


def _repaired(request: Request, repairs: Sequence[Place]) -> str:
    if not repairs:
        return ""
    _ = pages.texts(request)
    say = dynamics_phrases.speaker(_)
    told = "; ".join(dict.fromkeys(say(each.detail) for each in repairs))
    return _("What you pasted was repaired: %(repairs)s", repairs=told)


def _plain(places: Sequence[Place]) -> list[dict[str, str]]:
    return [{"at": each.at, "detail": each.detail} for each in places]


def _asked(request: Request, accounts: list[AccountView]) -> AccountView | None:
    """Give the account that page 1 shows: the one asked for, else the default or the first."""
    name = request.query_params.get("account")
    if name is not None:
        return next((each for each in accounts if each.name == name), None)
    sides = [(each, each.draft or each.applied) for each in accounts]
    default = [each for each, side in sides if side is not None and side.account.default]
    return next(iter(default or accounts), None)


def _number(request: Request) -> int:
    number = steps_forms.page_number(request.path_params["number"])
    if number is None:
        raise NotFound(pages.texts(request)("There is no such page of the wizard."))
    return number


def _kept(request: Request, who: Principal) -> Kept:
    return steps_drafts.read(requests.services(request).database, who.tenant)


ROUTES = [
    page(HOME + "/draft/{number}", get=show, post=save),
    page(HOME + "/draft/{number}/preview", fetch=preview),
]
