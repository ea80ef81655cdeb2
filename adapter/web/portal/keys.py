"""Make, list and revoke a tenant's service keys and signing secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes, new_keys
from adapter.credentials import SCOPES, SIGNING
from adapter.errors import NotFound, Place
from adapter.i18n import Texts
from adapter.new_keys import LONGEST_NAME, NewKey
from adapter.services import Services
from adapter.store import key_uses, settings as stored
from adapter.store.settings import StoredKey
from adapter.tenants import Tenant
from adapter.web import requests
from adapter.web.portal import forms, pages
from adapter.web.portal.forms import Form
from adapter.web.portal.routing import page
from adapter.web.principals import Principal

HOME = "/admin/keys"


async def show(request: Request, who: Principal) -> Response:
    """List the keys."""
    return await _page(request, who)


async def create(request: Request, who: Principal, form: Form) -> Response:
    """Make a key and show its secret, this once: the answer is the page itself, kept nowhere."""
    _ = pages.texts(request)
    wrong = _problems(form, _)
    if wrong:
        return await _page(request, who, 422, errors=wrong, form=form)
    services, now = requests.services(request), datetime.now(UTC)
    scope, name = form.text("scope"), form.text("name")
    if scope == SIGNING:
        made = new_keys.signing_secret(who.tenant, name, now, services.box)
    else:
        made = new_keys.service_key(who.tenant, scope, name, now)
    stored.add_key(services.database, made.row, who=who.label)
    await changes.apply(services)
    return await _page(request, who, made=made)


async def confirm(request: Request, who: Principal) -> Response:
    """Ask before a key is revoked."""
    key = _key(requests.services(request), who.tenant, request.path_params["key"])
    return await pages.render(
        request, "portal/keys/revoke.html", key=key, scopes=_scopes(pages.texts(request))
    )


async def revoke(request: Request, who: Principal, _form: Form) -> Response:
    """Revoke a key for good; the feeds that it opened are closed at once."""
    _ = pages.texts(request)
    services = requests.services(request)
    key = _key(services, who.tenant, request.path_params["key"])
    stored.revoke_key(services.database, key.id, datetime.now(UTC), who=who.label)
    await changes.apply(services)
    return pages.redirect(request, HOME, _("The key %(name)s is revoked.", name=key.name or key.id))


def _problems(form: Form, _: Texts) -> list[Place]:
    wrong = []
    if form.text("scope") not in (*SCOPES, SIGNING):
        wrong.append(Place("scope", _("Choose what the key is for.")))
    if not form.text("name"):
        wrong.append(Place("name", _("Give the key a name by which you know it again.")))
    elif len(form.text("name")) > LONGEST_NAME:
        wrong.append(
            Place("name", _("Use a name of at most %(most)d characters.", most=LONGEST_NAME))
        )
    return wrong


async def _page(
    request: Request,
    who: Principal,
    status: int = 200,
    *,
    made: NewKey | None = None,
    errors: Sequence[Place] = (),
    form: Form = forms.NOTHING,
) -> Response:
    _ = pages.texts(request)
    keys = _keys(requests.services(request), who.tenant)
    return await pages.render(
        request,
        "portal/keys/list.html",
        status,
        errors=errors,
        form=form,
        made=made,
        keys=[key for key in keys if key.revoked is None],
        revoked=[key for key in keys if key.revoked is not None],
        scopes=_scopes(_),
        hints=_hints(_),
        revoke_path=lambda key: f"{HOME}/{quote(key.id, safe='')}/revoke",
        signing=SIGNING,
        longest=LONGEST_NAME,
    )


def _keys(services: Services, tenant: Tenant) -> list[StoredKey]:
    """Give the tenant's keys, the newest first, with uses that are not written yet."""
    mine = [key for key in stored.keys(services.database) if key.tenant == tenant]
    return [_with_use(services, key) for key in sorted(mine, key=lambda key: key.created)[::-1]]


def _with_use(services: Services, key: StoredKey) -> StoredKey:
    noted = key_uses.SIGNED + key.tenant if key.scope == SIGNING else key.id
    latest = services.key_uses.latest(noted)
    if latest is None or (key.revoked is not None and key.scope == SIGNING):
        return key
    used = latest if key.used is None else max(latest, key.used)
    return msgspec.structs.replace(key, used=used)


def _key(services: Services, tenant: Tenant, key_id: str) -> StoredKey:
    for key in _keys(services, tenant):
        if key.id == key_id and key.revoked is None:
            return key
    raise NotFound(f"there is no key {key_id} in force")


def _scopes(_: Texts) -> dict[str, str]:
    return {
        "ingest": _("Send events"),
        "feed": _("Read the feed"),
        "admin": _("Administer"),
        SIGNING: _("Sign events"),
    }


def _hints(_: Texts) -> dict[str, str]:
    return {
        "ingest": _("For a telephony platform that posts call events."),
        "feed": _("For panels of your own and wallboards."),
        "admin": _("For scripts that change settings. Whoever has it can do what you can do."),
        SIGNING: _("For a platform that signs what it posts by Standard Webhooks."),
    }


ROUTES = [
    page(HOME, get=show, post=create),
    page(HOME + "/{key}/revoke", get=confirm, post=revoke),
]
