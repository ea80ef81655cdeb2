"""Turn the account's form into the fields that the desk takes, and explain what was pasted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from adapter import accounts
from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.accounts.authorities import CLOUDS
from adapter.connections import AccountView, SideView, views
from adapter.errors import InvalidSettings, MalformedInput, Place
from adapter.web.portal.forms import Form

TEXTS = (
    *("api_url", "api_version", "access", "directory_id", "authorization_url", "token_url"),
    *("client_id", "secret_expires", "scope", "app_id", "recording_bucket"),
)
FLAGS = ("default", "impersonate")
SECRETS = ("client_secret", "certificate_pem", "certificate_key", "certificate_passphrase")
"""Written, never shown. `refresh_token` comes by Request token and can only be removed."""
REMOVABLE = ("client_secret", "certificate_pem", "refresh_token")


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields mean, so that an admin sees what was understood of a paste."""

    environment_url: str
    api_url: str
    directory_id: str
    cloud: str
    authority: str
    scope: str


def fields(form: Form) -> dict[str, Any]:
    """Give the fields for `AccountDesk.save`: all of the plain ones, secrets only where given."""
    given: dict[str, Any] = {name: form.text(name) or None for name in TEXTS}
    address = given.pop("api_url")
    # One field takes both; only an API URL says its version.
    given["api_url" if address and "/api/" in address.lower() else "environment_url"] = address
    given |= {name: form.ticked(name) for name in FLAGS}
    for name in SECRETS:
        if form.text(name):
            given[name] = form.raw(name)
    for name in REMOVABLE:
        if form.ticked(f"remove_{name}") and name not in given:
            given[name] = None
    return given


def values(view: AccountView | None) -> dict[str, str]:
    """Give what the form's fields show of an account: the draft where there is one."""
    side = newest(view)
    if side is None:
        return dict.fromkeys((*TEXTS, *FLAGS), "") | {"access": "application", "default": "yes"}
    inputs = views.inputs(side.account)
    found = {name: _text(inputs.get(name)) for name in TEXTS}
    found["api_url"] = side.account.environment_url
    return found | {name: "yes" if getattr(side.account, name) else "" for name in FLAGS}


def newest(view: AccountView | None) -> SideView | None:
    """Give the side that is edited: the draft, else what is in force."""
    return None if view is None else view.draft or view.applied


def faults(places: tuple[Place, ...], say: Callable[[str], str] = str) -> list[Place]:
    """Give each fault at its field of the form; `say` puts it into the reader's language."""
    found: list[Place] = []
    for place in places:
        name = place.at.strip("/").partition("/")[0]
        told = Place("api_url" if name == "environment_url" else name, say(place.detail))
        if told not in found:
            found.append(told)
    return found


def explain(account: IntegrationAccount) -> Explained:
    """Say what an account's addresses come to."""
    host = account.authority.removeprefix("https://").partition("/")[0]
    return Explained(
        environment_url=account.environment_url,
        api_url=account.api_url,
        directory_id=account.directory_id,
        cloud=CLOUDS.get(host, host),
        authority=account.authority,
        scope=account.scope,
    )


def form_of_script(body: Mapping[str, Any]) -> Form:
    """Read what a page's script sends of its form: `{"fields": {name: [values]}}`."""
    fields = body.get("fields")
    if not isinstance(fields, dict):
        raise MalformedInput("/fields: expected an object", [Place("/fields", "missing")])
    return Form(
        {
            name: tuple(value for value in values if isinstance(value, str))
            for name, values in fields.items()
            if isinstance(values, list)
        }
    )


def look(form: Form, *, allow_loopback: bool) -> tuple[Explained | None, tuple[Place, ...]]:
    """Read a form while it is being filled in: what it means so far, and what is wrong."""
    given = {name: value for name, value in fields(form).items() if name not in SECRETS}
    given["name"] = form.text("name") or "account"
    try:
        parsed = accounts.parse(given, known=AccountSecrets(), allow_loopback=allow_loopback)
    except InvalidSettings as invalid:
        return None, invalid.places
    return explain(parsed.account), ()


def missing(form: Form, say: Callable[[str], str], *, allow_loopback: bool) -> list[Place]:
    """Give every fault of a form whose account has no name yet."""
    given = fields(form) | {"name": "account"}
    try:
        accounts.parse(given, known=AccountSecrets(), allow_loopback=allow_loopback)
    except InvalidSettings as invalid:
        return faults(invalid.places, say)
    return []


def _text(value: Any) -> str:
    return "" if value is None else str(value)
