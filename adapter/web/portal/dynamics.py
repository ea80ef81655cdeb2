"""Serve the portal's pages of integration accounts: list, form, test, consent, apply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapter import changes
from adapter.accounts import ExpiryWarning
from adapter.connections import AccountDesk, AccountView
from adapter.connections.consents import LASTS, PATHS
from adapter.dataverse.errors import DataverseError
from adapter.errors import Conflict, InvalidSettings, MalformedInput, NotFound, Place
from adapter.i18n import Texts
from adapter.store.accounts import Side
from adapter.web import consent_cookies, requests
from adapter.web.accounts import connections, steps_off
from adapter.web.portal import dynamics_azure, dynamics_forms, dynamics_phrases, forms, pages
from adapter.web.portal.dynamics_azure import origin_of
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = "/admin/dynamics"
WIZARD = "/admin/steps/draft/1"
"""Where a form that was filled in inside the wizard leads back to."""

Act = Callable[[Request, Principal, Form, AccountView], Awaitable[Response]]


async def listed(request: Request, who: Principal) -> Response:
    """List the accounts with what is wrong with each."""
    accounts = _desk(request).listed(who.tenant)
    return await pages.render(
        request,
        "portal/dynamics/accounts.html",
        accounts=accounts,
        say=_speaker(request),
        warnings={each.name: _warnings(each) for each in accounts},
        days_left={each.name: _days_left(each) for each in accounts},
    )


async def begin(request: Request, _who: Principal) -> Response:
    """Show the empty form."""
    return await _form_page(request, None)


async def create(request: Request, who: Principal, form: Form) -> Response:
    """Save the first draft of a new account."""
    _ = pages.texts(request)
    name = form.text("name")
    if not name:
        loopback = requests.services(request).settings.allow_loopback
        others = dynamics_forms.missing(form, _speaker(request), allow_loopback=loopback)
        wrong = [Place("name", _("Give the account a name.")), *others]
        return await _form_page(request, None, 422, errors=wrong, form=form)
    taken = [each.name for each in _desk(request).listed(who.tenant)]
    if name.casefold() in {each.casefold() for each in taken}:
        wrong = [Place("name", _("There is an account of this name already."))]
        return await _form_page(request, None, 422, errors=wrong, form=form)
    return await _save(request, who, form, name, None)


async def show(request: Request, who: Principal) -> Response:
    """Show one account: what is in force, the draft, the tests, and the form."""
    return await _form_page(request, _account(request, who))


async def save(request: Request, who: Principal, form: Form) -> Response:
    """Save an account's draft, and test the connection unless that is left out."""
    known = _account(request, who)
    return await _save(request, who, form, known.name, known)


async def look(request: Request, who: Principal) -> Response:
    """Say what the fields mean while they are typed: for our script."""
    form = dynamics_forms.form_of_script(await requests.json_object(request))
    say = _speaker(request)
    loopback = requests.services(request).settings.allow_loopback
    meaning, faults = dynamics_forms.look(form, allow_loopback=loopback)
    typed = {name for name in form.fields if form.text(name)}
    # What is not filled in yet is no fault yet.
    told = [place for place in dynamics_forms.faults(faults, say) if place.at in typed]
    return JSONResponse(
        {
            "problems": [{"at": place.at, "detail": place.detail} for place in told],
            "meaning": None if meaning is None else _meaning(meaning, say),
        }
    )


async def test(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Test the connection afresh: of the draft if there is one, else of what is in force."""
    _ = pages.texts(request)
    side: Side | None = "applied" if form.text("side") == "applied" else None
    report = await _desk(request).test(who.tenant, account.name, side)
    connections(request).clients.refresh()
    said = dynamics_phrases.say(_, report.message)
    return pages.redirect(
        request, address(account.name), said, kind="success" if report.valid else "error"
    )


async def request_token(
    request: Request, who: Principal, form: Form, account: AccountView
) -> Response:
    """Begin a consent, and show the way to Microsoft's sign-in (a form may not lead there)."""
    _ = pages.texts(request)
    path = form.text("redirect_path") or PATHS[0]
    if path not in PATHS:
        raise MalformedInput(_("This is none of the two redirect addresses."))
    redirect_uri = origin_of(request) + path
    browser = consent_cookies.secret_for(request)
    try:
        url = await _desk(request).begin_consent(
            who.tenant, account.name, redirect_uri, browser=browser
        )
    except DataverseError as error:
        said = _(
            "The consent window cannot open: %(cause)s %(advice)s",
            cause=dynamics_phrases.say(_, str(error)),
            advice=dynamics_phrases.say(_, error.advice),
        )
        return pages.redirect(request, address(account.name), said, kind="error")
    answer = await pages.render(
        request,
        "portal/dynamics/consent.html",
        account=account,
        url=url,
        redirect_uri=redirect_uri,
        minutes=int(LASTS.total_seconds() // 60),
        marker=_marker(account),
    )
    consent_cookies.remember(answer, request, browser)
    return answer


async def confirm(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Take a consent that was given in another browser, by the code that its window shows."""
    _ = pages.texts(request)
    try:
        result = await _desk(request).confirm_consent(
            who.tenant, account.name, form.text("code"), who=who.label
        )
    except NotFound:
        told = _("No consent waits for this code: it was used, or is older than ten minutes.")
        return await _form_page(request, account, 422, errors=[Place("code", told)])
    said = dynamics_phrases.say(_, result.message)
    return pages.redirect(
        request, address(account.name), said, kind="success" if result.ok else "error"
    )


async def state(request: Request, who: Principal) -> Response:
    """Say how far an account is, for the page that waits for a consent."""
    return JSONResponse({"marker": _marker(_account(request, who))})


async def apply(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Put the draft in force: requests under way end as they began."""
    _ = pages.texts(request)
    applied = _desk(request).apply(
        who.tenant, account.name, who=who.label, expected_version=form.number("version")
    )
    connections(request).clients.refresh()
    if applied.reason is None:
        off = [dynamics_phrases.say(_, each) for each in steps_off(request, who.tenant)]
        if off:
            said = _("The account is in force, but %(off)s", off="; ".join(off))
            return pages.redirect(request, address(applied.name), said, kind="warning")
        return pages.redirect(request, address(applied.name), _("The account is in force."))
    said = _(
        "The account is in force, but steps do not use it yet: %(reason)s",
        reason=dynamics_phrases.say(_, applied.reason),
    )
    return pages.redirect(request, address(applied.name), said, kind="warning")


async def discard(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Drop the draft; what is in force stays."""
    _ = pages.texts(request)
    _desk(request).discard(
        who.tenant, account.name, who=who.label, expected_version=form.number("version")
    )
    said = _("The draft is discarded. Nothing in force has changed.")
    return pages.redirect(request, address(account.name), said)


async def rename(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Rename an account; steps and requests that name it follow."""
    _ = pages.texts(request)
    try:
        renamed = _desk(request).rename(
            who.tenant,
            account.name,
            form.text("name"),
            who=who.label,
            expected_version=form.number("version"),
        )
    except InvalidSettings as invalid:
        wrong = dynamics_forms.faults(invalid.places, _speaker(request))
        return await _form_page(request, account, 422, errors=wrong)
    await changes.apply(requests.services(request))
    return pages.redirect(request, address(renamed.name), _("The account has a new name."))


async def make_default(
    request: Request, who: Principal, _form: Form, account: AccountView
) -> Response:
    """Save a draft that makes the account the default one."""
    _ = pages.texts(request)
    desk = _desk(request)
    desk.save(who.tenant, account.name, {"default": True}, who=who.label, merge=True)
    await desk.test(who.tenant, account.name, "draft")
    said = _("It will be the default account once you apply the draft.")
    return pages.redirect(request, address(account.name), said)


async def remove(request: Request, who: Principal, form: Form, account: AccountView) -> Response:
    """Remove an account with its secrets, once that was confirmed."""
    _ = pages.texts(request)
    if not form.ticked("sure"):
        wrong = [Place("sure", _("Tick this to remove the account."))]
        return await _form_page(request, account, 422, errors=wrong)
    _desk(request).remove(
        who.tenant, account.name, who=who.label, expected_version=form.number("version")
    )
    connections(request).clients.refresh()
    return pages.redirect(request, HOME, _("%(name)s is removed.", name=account.name))


async def azure(request: Request, who: Principal) -> Response:
    """Show what to paste into Azure and Dynamics."""
    origin = origin_of(request)
    rules = requests.services(request).registry[who.tenant].rules
    return await pages.render(
        request,
        "portal/dynamics/azure.html",
        origin=origin,
        redirect_uris=dynamics_azure.redirect_uris(origin),
        sign_in_uri=origin + dynamics_azure.SIGN_IN_PATH,
        csp=f"Content-Security-Policy: frame-ancestors {rules.frame_ancestors()}",
        empty=not rules.frame_ancestors().removeprefix("'self'").strip(),
        frame=dynamics_azure.frame(origin),
        allow=dynamics_azure.ALLOW,
        sandbox=dynamics_azure.SANDBOX,
        cif_sandbox=dynamics_azure.CIF_SANDBOX,
    )


async def connector(request: Request, _who: Principal) -> Response:
    """Give the connector's web resources, with this server's address written in."""
    return Response(
        dynamics_azure.connector(origin_of(request)),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="screenpop-connector.zip"'},
    )


def address(name: str) -> str:
    """Give the page of an account."""
    return f"{HOME}/accounts/{quote(name, safe='')}"


def form_values(request: Request, account: AccountView | None) -> dict[str, Any]:
    """Give what the template of the account's fields needs, here and in the wizard."""
    side = dynamics_forms.newest(account)
    return {
        "values": dynamics_forms.values(account),
        "held": set() if side is None else set(side.secrets),
        "action": f"{HOME}/new" if account is None else address(account.name),
        "account": account,
        "side": side,
        "meaning": None if side is None else dynamics_forms.explain(side.account),
        "paths": PATHS,
        "say": _speaker(request),
    }


async def _save(
    request: Request, who: Principal, form: Form, name: str, known: AccountView | None
) -> Response:
    _ = pages.texts(request)
    desk = _desk(request)
    if known is not None:
        form.require("version", *dynamics_forms.TEXTS)
    expected = 0 if known is None else form.number("version")
    kept = [each for each in dynamics_forms.SECRETS if not form.ticked(f"remove_{each}")]
    if lost := forms.lost_secrets(_, form, *kept):
        return await _form_page(request, known, 422, errors=lost, form=form)
    try:
        saved = desk.save(
            who.tenant,
            name,
            dynamics_forms.fields(form),
            who=who.label,
            expected_version=expected,
        )
    except InvalidSettings as invalid:
        wrong = dynamics_forms.faults(invalid.places, _speaker(request))
        return await _form_page(request, known, 422, errors=wrong, form=form)
    except Conflict:
        told = _(
            "Somebody else has saved this account meanwhile. What you typed is still here: save "
            "again to replace what they wrote, or leave the page to keep it."
        )
        wrong = [Place("name", told)]
        # The form comes back with the newest version: saving again is then on purpose.
        return await _form_page(request, desk.shown(who.tenant, name), 409, errors=wrong, form=form)
    back = WIZARD if form.text("back") == "wizard" else address(saved.name)
    if form.text("then") == "leave":
        return pages.redirect(request, back, _("The draft is saved. Nothing is in effect yet."))
    report = await desk.test(who.tenant, saved.name, "draft")
    said = _("The draft is saved. %(result)s", result=dynamics_phrases.say(_, report.message))
    return pages.redirect(request, back, said, kind="success" if report.valid else "warning")


async def _form_page(
    request: Request,
    account: AccountView | None,
    status: int = 200,
    *,
    errors: list[Place] | None = None,
    form: Form = forms.NOTHING,
) -> Response:
    back = form.text("back") or request.query_params.get("back", "")
    return await pages.render(
        request,
        "portal/dynamics/account.html",
        status,
        errors=errors or (),
        labels=_labels(pages.texts(request)),
        form=form,
        warnings=[] if account is None else _warnings(account),
        back="wizard" if back == "wizard" else "",
        **form_values(request, account),
    )


def _labels(_: Texts) -> dict[str, str]:
    """Name the fields whose faults do not say which field is meant."""
    return {
        "api_url": _("API URL or environment URL"),
        "app_id": _("Dynamics app ID"),
        "client_id": _("Application (client) ID"),
        "directory_id": _("Directory (tenant) ID"),
        "authorization_url": _("Authorization URL"),
        "token_url": _("Token URL"),
        "client_secret": _("Client secret"),
        "secret_expires": _("The secret expires on"),
        "scope": _("Scope"),
        "recording_bucket": _("Recording bucket name"),
    }


def _doing(act: Act) -> Callable[[Request, Principal, Form], Awaitable[Response]]:
    """Make a page's handler of what is done to one account."""

    async def handler(request: Request, who: Principal, form: Form) -> Response:
        return await act(request, who, form, _account(request, who))

    return handler


def _account(request: Request, who: Principal) -> AccountView:
    return _desk(request).shown(who.tenant, request.path_params["name"])


def _desk(request: Request) -> AccountDesk:
    return connections(request).desk


def _warnings(account: AccountView) -> list[ExpiryWarning]:
    """Give what ends soon, of what is in force and of the draft, once each."""
    sides = [side for side in (account.applied, account.draft) if side is not None]
    found = {each.text: each for side in sides for each in side.expiry_warnings}
    return sorted(found.values(), key=lambda each: each.days_left)


def _days_left(account: AccountView) -> int | None:
    """Give the days until what proves who we are ends; None where nobody knows."""
    side = account.applied or account.draft
    ends = None
    if side is not None:
        ends = side.account.certificate_expires or side.account.secret_expires
    return None if ends is None else (ends - datetime.now(UTC).date()).days


def _meaning(meaning: dynamics_forms.Explained, say: Callable[[str], str]) -> dict[str, str]:
    return {
        "environment": meaning.environment_url,
        "api": meaning.api_url,
        "directory": meaning.directory_id,
        "cloud": say(meaning.cloud),
        "scope": meaning.scope,
    }


def _marker(account: AccountView) -> str:
    """Give what changes when a consent was given and the connection tested."""
    side = dynamics_forms.newest(account)
    tested = side.report.at.isoformat() if side is not None and side.report is not None else ""
    return f"{account.version} {tested}"


def _speaker(request: Request) -> Callable[[str], str]:
    return dynamics_phrases.speaker(pages.texts(request))


_ONE = HOME + "/accounts/{name}"

ROUTES = [
    page(HOME, get=listed),
    page(HOME + "/new", get=begin, post=create),
    page(HOME + "/azure", get=azure),
    page(HOME + "/connector.zip", get=connector),
    page(HOME + "/look", fetch=look),
    page(_ONE, get=show, post=save),
    page(_ONE + "/test", post=_doing(test)),
    page(_ONE + "/request-token", post=_doing(request_token)),
    page(_ONE + "/state", get=state),
    page(_ONE + "/apply", post=_doing(apply)),
    page(_ONE + "/confirm", post=_doing(confirm)),
    page(_ONE + "/discard", post=_doing(discard)),
    page(_ONE + "/rename", post=_doing(rename)),
    page(_ONE + "/default", post=_doing(make_default)),
    page(_ONE + "/remove", post=_doing(remove)),
]
