"""Let an admin key read, replace and test how a tenant's people sign in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapter import changes
from adapter.batch import Batch
from adapter.errors import InvalidSettings, Place
from adapter.identity import providers
from adapter.identity.providers import SignInSettings
from adapter.registry import TenantSettings
from adapter.services import Services
from adapter.signing_in.errors import SignInError
from adapter.store import sign_in_settings
from adapter.tenants import Tenant
from adapter.web import requests, sign_in_windows
from adapter.web.admin import expected_version
from adapter.web.contacts import json_response

LONGEST_SECRET = 4096
AGAIN = "give it again: the stored one is for another issuer or client_id"
NO_ROLES = "nobody gets a role by signing in: an admin gives each person one, or set default_role"


async def get_sign_in(request: Request) -> Response:
    """Give how people sign in, without the secret; `provider` is null where nobody can."""
    tenant, _ = requests.admin(request)
    return _shown(request, tenant)


async def put_sign_in(request: Request) -> Response:
    """Replace how people sign in, from the next sign-in on; `{}` switches it off.

    `client_secret` is kept where it is left out or empty, and removed by null. Another `issuer` or
    `client_id` needs it again: what was entrusted to one provider is not sent to another.
    """
    tenant, key = requests.admin(request)
    given = await requests.json_object(request)
    await save(
        requests.services(request),
        tenant,
        given,
        who=f"key {key.id}",
        expected_version=expected_version(request),
    )
    return _shown(request, tenant)


async def try_sign_in(request: Request) -> Response:
    """Ask the provider who it is: the settings in the body, or those in force for an empty one."""
    tenant, _ = requests.admin(request)
    given = await requests.json_object(request)
    return json_response(await try_out(requests.services(request), tenant, given))


async def save(
    services: Services,
    tenant: Tenant,
    given: dict[str, Any],
    *,
    who: str,
    expected_version: int | None,
) -> int:
    """Check and store settings and put them into force; gives their version.

    Raises:
        InvalidSettings: with a place for each fault; nothing was changed.
        Conflict: the version is not `expected_version`.
    """
    settings, sealed = None, None
    if any(name not in providers.SHOWN for name in given):
        settings = providers.parse(given, allow_loopback=services.settings.allow_loopback)
        sealed = _sealed(services, tenant, given, settings)

    def job(batch: Batch) -> int:
        return sign_in_settings.put(
            batch.cursor,
            tenant,
            settings,
            sealed,
            batch.now,
            who=who,
            expected_version=expected_version,
        )

    version = await services.committer.submit(job)
    await changes.apply(services)
    return version


async def try_out(services: Services, tenant: Tenant, given: dict[str, Any]) -> dict[str, Any]:
    """Fetch the provider's document and keys; give `ok` and what was found or is wrong."""
    signing_in = services.signing_in
    try:
        if given:
            settings = providers.parse(given, allow_loopback=services.settings.allow_loopback)
            provider = signing_in.make(settings, None)
        else:
            # Not the one in use: what it has read may be an hour old.
            held = signing_in.provider(tenant).settings
            provider = signing_in.make(held, signing_in.secret(tenant))
        document = await provider.document()
        keys = await provider.keys()
    except SignInError as error:
        return {"ok": False, "reason": error.reason, "detail": str(error)}
    directories = provider.settings.allowed_directories(document.issuer)
    warnings = []
    if not keys:
        warnings.append("the provider publishes no keys: no sign-in can be checked")
    if directories is not None and not directories:
        warnings.append("no directory may sign in: name those that may (directories)")
    if not provider.settings.roles and provider.settings.default_role is None:
        warnings.append(NO_ROLES)
    return {
        "ok": not any("no " in each and "role" not in each for each in warnings),
        "issuer": document.issuer,
        "authorization_endpoint": document.authorization_endpoint,
        "token_endpoint": document.token_endpoint,
        "response_mode": "form_post" if document.form_post else "query",
        "keys": len(keys),
        "directories": directories,
        "warnings": warnings,
    }


def view(services: Services, tenant: Tenant, today: date) -> dict[str, Any]:
    """Give what may be shown of a tenant's sign-in."""
    here = services.registry[tenant]
    shown: dict[str, Any] = {"provider": None, "version": here.sign_in_version}
    settings: SignInSettings | None = here.sign_in
    if settings is not None:
        shown |= msgspec.to_builtins(settings)
        shown["discovery_url"] = settings.discovery_url
        shown["has_secret"] = here.sign_in_secret is not None
        ends = settings.secret_expires
        shown["secret_days"] = None if ends is None else (ends - today).days
    return shown


def _shown(request: Request, tenant: Tenant) -> Response:
    services = requests.services(request)
    shown = view(services, tenant, datetime.now(UTC).date())
    shown["redirect_uri"] = sign_in_windows.redirect_uri(request, tenant)
    answer = json_response(shown)
    answer.headers["etag"] = f'"{shown["version"]}"'
    return answer


def _sealed(
    services: Services, tenant: Tenant, given: dict[str, Any], settings: SignInSettings
) -> bytes | None:
    if "client_secret" in given and given["client_secret"] is None:
        return None
    secret = given.get("client_secret") or ""
    if not isinstance(secret, str) or len(secret) > LONGEST_SECRET:
        places = [Place("/client_secret", f"expected at most {LONGEST_SECRET} characters")]
        raise InvalidSettings("sign-in: client_secret is no text, or too long", places)
    if not secret:
        return _kept(services.registry[tenant], settings)
    place = sign_in_settings.secret_place(tenant)
    return services.box.seal(secret.encode(), place=place)


def _kept(here: TenantSettings, settings: SignInSettings) -> bytes | None:
    held = here.sign_in
    if here.sign_in_secret is None:
        return None
    if held is None or (held.issuer, held.client_id) != (settings.issuer, settings.client_id):
        places = [Place("/client_secret", AGAIN)]
        raise InvalidSettings(f"sign-in: client_secret: {AGAIN}", places)
    return here.sign_in_secret
