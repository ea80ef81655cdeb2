"""Set what holds for the whole tenant: language, time zone, and how its people sign in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, preferences
from adapter.errors import Conflict, InvalidSettings, Place
from adapter.i18n import Texts
from adapter.identity.roles import ROLES
from adapter.preferences import Preferences
from adapter.store import settings as stored
from adapter.web import requests, sign_in_admin, sign_in_windows
from adapter.web.portal import forms, pages
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.portal.settings_sentences import PHRASES
from adapter.web.principals import Principal

PATH = "/admin/settings"
SIGN_IN = f"{PATH}/sign-in"
_PLAIN = ("issuer", "client_id", "default_role", "domain_hint", "name", "secret_expires")
_LISTS = ("directories", "scopes", "role_claims")


async def show(request: Request, who: Principal) -> Response:
    """Show all settings."""
    return await _page(request, who)


async def save(request: Request, who: Principal, form: Form) -> Response:
    """Save the tenant's language and time zone; what the form leaves out stays as it is."""
    _ = pages.texts(request)
    services = requests.services(request)
    kept = services.registry[who.tenant].preferences
    chosen = Preferences(form.text("locale", kept.locale), form.text("zone", kept.zone))
    try:
        text = preferences.dump(preferences.parse(preferences.dump(chosen)))
    except InvalidSettings as error:
        return await _page(request, who, 422, errors=_said(_, error), form=form)
    if text != preferences.dump(kept):
        now, name = datetime.now(UTC), stored.PREFERENCES
        stored.put_setting(services.database, who.tenant, name, text, now, who=who.label)
        await changes.apply(services)
    return pages.redirect(request, PATH, _("Saved."))


async def sign_in(request: Request, who: Principal, form: Form) -> Response:
    """Save, test or switch off how people sign in, as the pressed button says."""
    _ = pages.texts(request)
    services = requests.services(request)
    do = form.text("do")
    lost = forms.lost_secrets(_, form, "client_secret")
    if lost and do != "off" and not form.ticked("no-secret"):
        return await _page(request, who, 422, errors=lost, form=form)
    if do == "test":
        try:
            tried = await sign_in_admin.try_out(services, who.tenant, _given(form))
        except InvalidSettings as error:
            return await _page(request, who, 422, errors=_said(_, error), form=form)
        return await _page(request, who, form=form, tried=_told(_, tried))
    given = {} if do == "off" else _given(form)
    try:
        await sign_in_admin.save(
            services,
            who.tenant,
            given,
            who=who.label,
            expected_version=form.number("version"),
        )
    except InvalidSettings as error:
        return await _page(request, who, 422, errors=_said(_, error), form=form)
    except Conflict:
        changed = [Place("", _("Somebody else has saved these settings: check them, save again."))]
        return await _page(request, who, 409, errors=changed, form=form)
    said = _("Nobody can sign in by a provider now.") if do == "off" else _("Saved.")
    return pages.redirect(request, PATH, said)


async def _page(
    request: Request,
    who: Principal,
    status: int = 200,
    *,
    form: Form = forms.NOTHING,
    errors: list[Place] | None = None,
    tried: Mapping[str, Any] | None = None,
) -> Response:
    _ = pages.texts(request)
    services = requests.services(request)
    held = sign_in_admin.view(services, who.tenant, datetime.now(UTC).date())
    kept = services.registry[who.tenant].preferences
    return await pages.render(
        request,
        "portal/settings/page.html",
        status,
        form=form,
        errors=errors or (),
        kept=kept,
        zones=[("", _("The browser's")), *((each, each) for each in preferences.zones())],
        held=held,
        values=_values(held),
        roles=ROLES,
        tried=tried,
        redirect_uri=sign_in_windows.redirect_uri(request, who.tenant),
        may_change=who.may("admin"),
    )


def _given(form: Form) -> dict[str, Any]:
    """Write a form as `PUT /v1/admin/sign-in` takes it."""
    given: dict[str, Any] = {name: form.text(name) for name in _PLAIN}
    # One field takes both: an issuer is an address, a directory's id is none.
    if "/" not in given["issuer"]:
        given["directory"] = given.pop("issuer")
    given |= {name: _listed(form.raw(name)) for name in _LISTS}
    given["roles"] = {role: _listed(form.raw(f"roles-{role}")) for role in ROLES}
    given["trust"] = "directory" if form.ticked("trust") else "none"
    given["client_secret"] = None if form.ticked("no-secret") else form.raw("client_secret")
    return given


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.replace(",", "\n").split("\n") if each.strip()]


def _values(held: Mapping[str, Any]) -> dict[str, str]:
    """Give what stands in the fields: what is in force."""
    values = {name: str(held.get(name) or "") for name in _PLAIN}
    values |= {name: "\n".join(held.get(name) or ()) for name in _LISTS}
    given = held.get("roles") or {}
    return values | {f"roles-{role}": "\n".join(given.get(role, ())) for role in ROLES}


def _said(texts: Texts, error: InvalidSettings) -> list[Place]:
    """Name faults at the form's fields (`/roles/admin` is the field `roles-admin`)."""
    places = error.places or (Place("", str(error)),)
    renamed = {"directory": "issuer"}
    return [
        Place(
            renamed.get(name := each.at.lstrip("/").replace("/", "-"), name),
            PHRASES.say(texts, each.detail),
        )
        for each in places
    ]


def _told(texts: Texts, tried: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(tried)
    if "detail" in told:
        told["detail"] = PHRASES.say(texts, told["detail"])
    told["warnings"] = [
        # The document's name of the field is nothing that stands on the page.
        texts(
            "Nobody gets a role by signing in: an admin gives each person one on the page Agents,"
            " or choose one under Roles at “Whoever has none of these”."
        )
        if each == sign_in_admin.NO_ROLES
        else PHRASES.say(texts, each)
        for each in told.get("warnings", ())
    ]
    return told


ROUTES = [
    page(PATH, get=show, post=save, role="supervisor"),
    page(SIGN_IN, post=sign_in),
]
