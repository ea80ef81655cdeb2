"""Know the fields of an account by our names, by the portal's and by the replaced products'."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from adapter.errors import Place

SECRET = (
    "client_secret",
    "certificate_pem",
    "certificate_key",
    "certificate_passphrase",
    "refresh_token",
)
PLAIN = (
    "name",
    "type",
    "default",
    "access",
    "authorization_url",
    "token_url",
    "directory_id",
    "environment_url",
    "api_url",
    "api_version",
    "client_id",
    "scope",
    "app_id",
    "recording_bucket",
    "impersonate",
    "secret_expires",
)
DERIVED = ("authority", "certificate_expires")
"""What we show and nobody needs to send: taken back unread, so that a shown account may be sent."""

_ALIASES = {
    "default_account": "default",
    "is_default": "default",
    "authorisation_url": "authorization_url",
    "oauth_2_0_authorization_endpoint": "authorization_url",
    "oauth_2_0_token_endpoint": "token_url",
    "tenant_id": "directory_id",
    "azure_ad_tenant_id": "directory_id",
    "directory_tenant_id": "directory_id",
    "directory": "directory_id",
    "environment": "environment_url",
    "environment_uri": "environment_url",
    "dynamics_uri": "environment_url",
    "dynamics_environment_uri": "environment_url",
    "uri": "environment_url",
    "web_api_url": "api_url",
    "dynamics_api_version": "api_version",
    "version": "api_version",
    "application_id": "client_id",
    "application_client_id": "client_id",
    "client_secret_value": "client_secret",
    "client_secret_expires": "secret_expires",
    "expires": "secret_expires",
    "appid": "app_id",
    "dynamics_app_id": "app_id",
    "recording_bucket_name": "recording_bucket",
    "bucket": "recording_bucket",
    "certificate": "certificate_pem",
    "private_key": "certificate_key",
    "passphrase": "certificate_passphrase",
}


def named(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Place]]:
    """Give the fields by our names, and a place for each that is unknown or given twice."""
    found: dict[str, Any] = {}
    faults: list[Place] = []
    for label, value in given.items():
        name = _name(label)
        if name in DERIVED:
            continue
        if name not in PLAIN and name not in SECRET:
            faults.append(Place(f"/{label}", _unknown(name)))
        elif name in found and found[name] != value:
            faults.append(Place(f"/{label}", f"{name} is given twice, with different values"))
        else:
            found[name] = value
    return found, faults


def _name(label: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return _ALIASES.get(plain, plain)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*PLAIN, *SECRET, *_ALIASES], n=1)
    hint = f"; did you mean {_ALIASES.get(near[0], near[0])}?" if near else ""
    return f"there is no such field{hint}"
