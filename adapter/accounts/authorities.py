"""Find a directory's sign-in address (the MSAL authority) in what the Azure portal shows.

MSAL wants `https://<host>/<directory>` and speaks the v2 endpoints; the portal shows endpoints, v1
and v2, and a cloud's host has had several names. Hosts: Microsoft's "National clouds" page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from adapter.dynamics import hosts

PUBLIC = "login.microsoftonline.com"
US_GOVERNMENT = "login.microsoftonline.us"
CHINA = "login.partner.microsoftonline.cn"

CLOUDS = {
    PUBLIC: "the public cloud",
    US_GOVERNMENT: "the US Government cloud",
    CHINA: "the cloud in China",
    "login.sovcloud-identity.fr": "the French sovereign cloud",
    "login.sovcloud-identity.de": "the German sovereign cloud",
    "login.sovcloud-identity.sg": "the Singaporean sovereign cloud",
}
_SAME = {
    "login.windows.net": PUBLIC,
    "login.microsoft.com": PUBLIC,
    "sts.windows.net": PUBLIC,
    "login-us.microsoftonline.com": US_GOVERNMENT,
    "login.usgovcloudapi.net": US_GOVERNMENT,
    "login.chinacloudapi.cn": CHINA,
}
_CLOSED = {"login.microsoftonline.de", "login-de.microsoftonline.de"}
_OF_ENVIRONMENT = {
    # GCC (crm9.dynamics.com) signs in at the public host; GCC High and DoD do not.
    ".crm.microsoftdynamics.us": US_GOVERNMENT,
    ".crm.appsplatform.us": US_GOVERNMENT,
    ".crm.dynamics.cn": CHINA,
    ".dynamics.com": PUBLIC,
}

SHARED = frozenset({"common", "organizations"})
"""Names that stand for any directory: whoever signs in brings his own."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+")
_ENDPOINTS = re.compile(
    r"(?:/(?:v2\.0|oauth2|oauth2/(?:v1\.0/|v2\.0/)?(?:authorize|token)"
    r"|v2\.0/\.well-known/openid-configuration|\.well-known/openid-configuration))?/*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A directory at its cloud's sign-in host."""

    origin: str
    directory: str

    @property
    def url(self) -> str:
        """Write it as MSAL wants it: no slash at the end."""
        return f"{self.origin}/{self.directory}"

    @property
    def cloud(self) -> str:
        """Name the cloud in words."""
        return CLOUDS.get(self.origin.removeprefix("https://"), self.origin)


def authority_of(url: str, *, allow_loopback: bool = False) -> Authority:
    """Read a pasted endpoint (authorization or token, v1 or v2), an authority or a discovery URL.

    Raises:
        ValueError: it is no sign-in address of Microsoft's; the text says what to paste.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("this is no web address") from error
    if parts.scheme.lower() != "https":
        raise ValueError("a sign-in address begins with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("there is a user name or password in it")
    origin = _origin((parts.hostname or "").lower(), port, allow_loopback=allow_loopback)
    first, _, rest = parts.path.lstrip("/").partition("/")
    if not first:
        raise ValueError("the directory is missing: paste the whole endpoint from the portal")
    if not _ENDPOINTS.fullmatch(f"/{rest}" if rest else ""):
        raise ValueError(
            f"/{rest} is no endpoint we know: paste the OAuth 2.0 authorization or token endpoint"
        )
    return Authority(origin, directory(unquote(first)))


def directory(text: str) -> str:
    """Read a directory (tenant) id: a GUID, a verified domain, or a shared name.

    Raises:
        ValueError: it is none of them.
    """
    name = text.strip().strip("{}").lower()
    if name == "consumers":
        raise ValueError("consumers stands for personal accounts, which have no Dynamics 365")
    if name == "adfs":
        raise ValueError("AD FS is not supported: Dynamics 365 online signs in with Entra")
    if name in SHARED or _GUID.fullmatch(name) or _DOMAIN.fullmatch(name):
        return name
    raise ValueError(
        "a directory (tenant) id is a GUID, as on the application's Overview page, "
        "or a domain such as contoso.onmicrosoft.com"
    )


def origin_for(environment: str) -> str:
    """Give the sign-in origin of an environment's cloud (a loopback one is its own)."""
    host = _cloud_host(environment)
    return environment if host is None else f"https://{host}"


def mismatch(authority: Authority, environment: str) -> str | None:
    """Say why an environment cannot be signed in to at an authority; None where it can."""
    expected = _cloud_host(environment)
    if expected is None or hosts.is_loopback(authority.origin):
        return None
    host = authority.origin.removeprefix("https://")
    sovereign = host.startswith("login.sovcloud-identity.")
    if host == expected or (sovereign and expected == PUBLIC):
        return None
    return (
        f"this is {authority.cloud}, but the environment {environment} signs in at "
        f"https://{expected}: paste the endpoints from that cloud's portal"
    )


def _origin(host: str, port: int | None, *, allow_loopback: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    origin = f"https://{shown}" + (f":{port}" if port not in (None, 443) else "")
    if allow_loopback and hosts.is_loopback(origin):
        return origin
    if host in _CLOSED:
        raise ValueError("this cloud was closed in 2021: use the directory it was moved to")
    canonical = _SAME.get(host, host)
    if canonical not in CLOUDS:
        raise ValueError(
            f"{host or 'nothing'} is no sign-in host of Microsoft's (such as {PUBLIC}): "
            "paste an endpoint from Azure portal > App registrations > Endpoints"
        )
    if port not in (None, 443):
        raise ValueError(f"{host} has no port {port}")
    return f"https://{canonical}"


def _cloud_host(environment: str) -> str | None:
    host = environment.partition("://")[2].lower()
    return next((login for suffix, login in _OF_ENVIRONMENT.items() if host.endswith(suffix)), None)
