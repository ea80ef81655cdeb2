"""Read a provider's discovery document and check it before anything in it is believed.

OpenID Connect Discovery 1.0, 3 and 4.3; RFC 8414.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from adapter.identity.providers import SignInSettings, is_loopback
from adapter.signing_in.errors import UNAVAILABLE, SignInError


class ProviderDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What we use of a discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    form_post: bool
    """Whether the answer may come as a form: then no code stands in any address."""
    secret_in_header: bool
    """Whether the client's secret goes by HTTP Basic; else it goes in the body."""
    tells_issuer: bool
    """Whether answers name their issuer (RFC 9207): then one without it is refused."""


_GUID_PATH = re.compile(r"/[0-9a-f-]{36}/v2\.0/?", re.IGNORECASE)
_ENTRA_PATH = re.compile(r"/(?:\{tenantid\}|[0-9a-f-]{36})/v2\.0/?", re.IGNORECASE)


def read(found: Mapping[str, Any], settings: SignInSettings) -> ProviderDocument:
    """Read a discovery document of the provider of these settings.

    Raises:
        SignInError: it is another provider's, or lacks what we need.
    """
    issuer = found.get("issuer")
    if not isinstance(issuer, str) or not _is_issuer(issuer, settings):
        raise _wrong(
            f"its document at {settings.discovery_url} is of the issuer {str(issuer)[:200]!r}, "
            f"not of {settings.issuer!r}"
        )
    challenges = found.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        raise _wrong("it does not know PKCE with S256")
    flows = found.get("response_types_supported")
    if isinstance(flows, list) and "code" not in flows:
        raise _wrong("it does not know the authorization code flow")
    modes = found.get("response_modes_supported")
    methods = found.get("token_endpoint_auth_methods_supported")
    # Discovery, 3: what is left out means client_secret_basic.
    known = methods if isinstance(methods, list) else ["client_secret_basic"]
    return ProviderDocument(
        issuer=issuer,
        authorization_endpoint=_endpoint(found, "authorization_endpoint", settings),
        token_endpoint=_endpoint(found, "token_endpoint", settings),
        jwks_uri=_endpoint(found, "jwks_uri", settings),
        form_post=isinstance(modes, list) and "form_post" in modes,
        secret_in_header="client_secret_basic" in known,
        tells_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _is_issuer(issuer: str, settings: SignInSettings) -> bool:
    if settings.provider == "oidc":
        return issuer == settings.issuer  # Discovery, 4.3: exactly
    told, asked = urlsplit(issuer), urlsplit(settings.issuer)
    if (told.scheme, told.netloc) != (asked.scheme, asked.netloc):
        return False
    if _GUID_PATH.fullmatch(asked.path):
        return told.path.rstrip("/").lower() == asked.path.rstrip("/").lower()
    # A directory named by a domain or a shared name has its GUID, or a place for one, here.
    return bool(_ENTRA_PATH.fullmatch(told.path))


def _endpoint(found: Mapping[str, Any], name: str, settings: SignInSettings) -> str:
    url = found.get(name)
    parts = urlsplit(url) if isinstance(url, str) else None
    local = parts is not None and is_loopback((parts.hostname or "").lower())
    secure = parts is not None and (parts.scheme == "https" or (local and parts.scheme == "http"))
    if not isinstance(url, str) or not secure or parts is None or parts.fragment:
        raise _wrong(f"its document has no good {name}")
    if local and not is_loopback((urlsplit(settings.issuer).hostname or "").lower()):
        raise _wrong(f"its {name} is on this machine")
    return url


def _wrong(detail: str) -> SignInError:
    return SignInError(UNAVAILABLE, f"The sign-in provider is not set up right: {detail}.")
