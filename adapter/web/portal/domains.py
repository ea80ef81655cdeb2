"""Let an admin say which pages may show the panel, and know what that means before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import changes, embedders
from adapter.domains import suggest
from adapter.embedders import Embedder
from adapter.errors import Conflict, InvalidSettings, Place
from adapter.i18n import Texts
from adapter.services import Services
from adapter.store import audit_pages, refusals, settings as stored
from adapter.tenants import Tenant
from adapter.web import requests, trials
from adapter.web.portal import differences, domain_presets, pages
from adapter.web.portal.domain_findings import Findings, examine
from adapter.web.portal.domain_sentences import PHRASES
from adapter.web.portal.domain_views import (
    SHOWN_AGENTS,
    places,
    refused_lately,
    systems,
    told,
)
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

PATH = "/admin/domains"
LONGEST = 512 * 1024
"""Characters of a text while it is typed; saving is limited by the header, which is far less."""


async def show(request: Request, who: Principal) -> Response:
    """Show the rules in force; `?origin=` tries one."""
    settings = requests.services(request).registry[who.tenant]
    tried = request.query_params.get("origin", "").strip()
    if "trial" in request.query_params and settings.trial is not None:
        # To be looked at once more, and saved by the button that saves every text.
        return await _page(request, who, settings.trial_text, settings.rules_version, typed=True)
    return await _page(request, who, settings.rules_text, settings.rules_version, tried=tried)


async def change(request: Request, who: Principal, form: Form) -> Response:
    """Do what the pressed button says with the text as it was typed."""
    settings = requests.services(request).registry[who.tenant]
    version = form.number("version")
    at = settings.rules_version if version is None else version
    form.require("text")
    text = form.raw("text")
    match form.text("do"):
        case "save":
            return await _save(request, who, form, at)
        case "trial":
            return await _try_out(request, who, text, at)
        case "preset":
            return await _insert(request, who, form, at)
        case _:
            return await _page(request, who, text, at, tried=form.text("origin"), typed=True)


async def check(request: Request, who: Principal) -> Response:
    """Tell a script what the text would do: `{"text", "origin"}`; nothing is saved."""
    body = await requests.json_object(request)
    text, tried = body.get("text"), body.get("origin")
    if not isinstance(text, str) or len(text) > LONGEST:
        raise InvalidSettings(f"text: expected a text of at most {LONGEST} characters")
    tried = tried.strip()[:1024] if isinstance(tried, str) else ""
    services = requests.services(request)
    # Asked with every few letters: what was read some seconds ago will do.
    lately = await services.embedders.lately(services.database, services.sockets, who.tenant)
    found = _examined(request, who.tenant, text, tried, around=lately)
    return JSONResponse(told(pages.texts(request), found, _limit(request)))


async def allow(request: Request, who: Principal, form: Form) -> Response:
    """Add the line of a refused page to the rules in force: it takes away nobody's panel."""
    _ = pages.texts(request)
    services = requests.services(request)
    settings = services.registry[who.tenant]
    line = suggest(form.text("origin"))
    if not line:
        said = _("No rule can allow this address.")
        return pages.redirect(request, PATH, said, kind="error")
    if settings.rules.allows(line):
        return pages.redirect(request, PATH, _("%(line)s is allowed already.", line=line))
    text = domain_presets.added(settings.rules_text, [line])
    found = _examined(request, who.tenant, text)
    if not found.good:
        said = PHRASES.say(_, found.fault)
        return pages.redirect(request, PATH, said, kind="error")
    await _put(request, who, text, settings.rules_version)
    return pages.redirect(request, PATH, _("%(line)s may now show the panel.", line=line))


async def _save(request: Request, who: Principal, form: Form, version: int) -> Response:
    _ = pages.texts(request)
    text = form.raw("text")
    around = await _embedders(request, who.tenant, text)
    settings = requests.services(request).registry[who.tenant]
    found = _examined(request, who.tenant, text, around=around)
    if not found.good:
        return await _page(request, who, text, version, typed=True, status=422)
    if version != settings.rules_version:
        return await _conflict(request, who, text)
    if not differences.lines(settings.rules_text, text):
        return pages.redirect(request, PATH, _("Nothing was changed: the rules are as they were."))
    emptied = not found.rules and len(settings.rules) > 0
    if (found.cut_off or emptied) and not form.ticked("confirmed"):
        changed = differences.lines(settings.rules_text, text)
        return await pages.render(
            request,
            "portal/domains/confirm.html",
            found=found,
            version=version,
            changed=changed,
            emptied=emptied,
            shown_agents=SHOWN_AGENTS,
        )
    try:
        await _put(request, who, text, version)
    except Conflict:
        return await _conflict(request, who, text)
    said = _.many(
        "Saved: %(num)d rule is in force.", "Saved: %(num)d rules are in force.", found.rules
    )
    return pages.redirect(request, PATH, said, kind="warning" if found.warnings else "success")


async def _try_out(request: Request, who: Principal, text: str, version: int) -> Response:
    """Put the text on trial: it is reported whom it would refuse, and nobody is refused."""
    _ = pages.texts(request)
    found = _examined(request, who.tenant, text)
    if not found.good:
        return await _page(request, who, text, version, typed=True, status=422)
    if not found.rules:
        wrong = [Place("text", _("There is no rule to try: it would refuse every page."))]
        return await _page(request, who, text, version, errors=wrong, typed=True, status=422)
    await trials.put(requests.services(request), who.tenant, text, who=who.label)
    told = _("The rules are on trial. The rules in force stay; below you see who would be refused.")
    return pages.redirect(request, f"{PATH}#trial", told)


async def end_trial(request: Request, who: Principal, form: Form) -> Response:
    """Put the rules on trial aside."""
    del form
    _ = pages.texts(request)
    await trials.put(requests.services(request), who.tenant, "", who=who.label)
    return pages.redirect(request, PATH, _("The trial has ended; the rules in force stay."))


async def _insert(request: Request, who: Principal, form: Form, version: int) -> Response:
    _ = pages.texts(request)
    text = form.raw("text")
    try:
        new = domain_presets.lines(form.text("system"), form.text("organisation"))
    except InvalidSettings as error:
        wrong = [Place("organisation", PHRASES.say(_, str(error)))]
        return await _page(
            request, who, text, version, form=form, errors=wrong, typed=True, status=422
        )
    return await _page(request, who, domain_presets.added(text, new), version, typed=True)


async def _put(request: Request, who: Principal, text: str, version: int) -> None:
    services = requests.services(request)
    stored.put_setting(
        services.database,
        who.tenant,
        stored.DOMAINS,
        text,
        datetime.now(UTC),
        who=who.label,
        expected_version=version,
    )
    await changes.apply(services)
    if text == services.registry[who.tenant].trial_text:
        await trials.put(services, who.tenant, "", who=who.label)  # what was tried is in force


async def _conflict(request: Request, who: Principal, text: str) -> Response:
    """Show both texts where somebody else has saved in between."""
    services = requests.services(request)
    services.registry.refresh()
    settings = services.registry[who.tenant]
    with services.database.reading():
        cursor = services.database.raw.cursor()
        latest = audit_pages.latest(cursor, who.tenant, stored.DOMAINS)
    return await pages.render(
        request,
        "portal/domains/conflict.html",
        409,
        text=text,
        theirs=settings.rules_text,
        version=settings.rules_version,
        latest=latest,
        changed=differences.lines(settings.rules_text, text),
    )


async def _page(
    request: Request,
    who: Principal,
    text: str,
    version: int,
    *,
    tried: str = "",
    typed: bool = False,
    form: Form | None = None,
    errors: list[Place] | None = None,
    status: int = 200,
) -> Response:
    """Render the page; `typed` where the text is not (or not yet known to be) what is in force."""
    _ = pages.texts(request)
    services = requests.services(request)
    around = await _embedders(request, who.tenant, text)
    settings = services.registry[who.tenant]
    found = _examined(request, who.tenant, text, tried, around=around)
    wrong = list(errors or ())
    if status == 422 and not errors:  # noqa: PLR2004
        wrong = places(_, found)
    with services.database.reading():
        listed = refusals.listed(services.database.raw.cursor(), who.tenant)
    return await pages.render(
        request,
        "portal/domains/rules.html",
        status,
        errors=wrong,
        **({} if form is None else {"form": Form({**form.fields, "text": (text,)})}),
        found=found,
        told=told(_, found, _limit(request)),
        version=version,
        unsaved=typed and bool(differences.lines(settings.rules_text, text)),
        tried=tried,
        refused=refused_lately(_, listed, settings.rules),
        trial=_trial(_, services, who.tenant),
        systems=systems(_),
        shown_agents=SHOWN_AGENTS,
        may_change=who.may("admin"),
    )


def _trial(_: Texts, services: Services, tenant: Tenant) -> dict[str, Any] | None:
    """Give the rules on trial with whom they would refuse; None where none are."""
    settings = services.registry[tenant]
    if settings.trial is None:
        return None
    rows = trials.would_refuse(services, tenant)
    return {
        "since": settings.trial_since,
        "changed": differences.lines(settings.rules_text, settings.trial_text),
        "refused": refused_lately(_, rows, settings.trial, trial=True),
    }


def _limit(request: Request) -> int:
    return requests.services(request).settings.csp_limit


def _examined(
    request: Request,
    tenant: Tenant,
    text: str,
    tried: str = "",
    *,
    around: Sequence[Embedder] = (),
) -> Findings:
    """Examine a text; `around` are the pages of which some might be cut off."""
    services = requests.services(request)
    return examine(
        text,
        in_force=services.registry[tenant].rules,
        embedders=around,
        header_limit=services.settings.csp_limit,
        tried=tried,
    )


async def _embedders(request: Request, tenant: Tenant, text: str) -> Sequence[Embedder]:
    """List the pages that show panels; none where the text is in force, which cuts off nobody."""
    services = requests.services(request)
    if text == services.registry[tenant].rules_text:
        return ()
    return await embedders.read(services.database, services.sockets, tenant)


ROUTES = [
    page(PATH, get=show, post=change, role="supervisor"),
    page(f"{PATH}/check", fetch=check, changer="supervisor"),
    page(f"{PATH}/allow", post=allow),
    page(f"{PATH}/trial/end", post=end_trial),
]
