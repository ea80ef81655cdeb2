"""Know the origin of a Dynamics organisation, in every region and sovereign cloud.

The hosts are those of Microsoft's "New datacenter regions" and "Dynamics 365 US Government":
`<org>.crm<N>.dynamics.com` (the numbers grow, so they are a pattern and not a list),
`<org>.crm.microsoftdynamics.us`, `<org>.crm.appsplatform.us`, `<org>.crm.dynamics.cn` and
`<org>.crm.microsoftdynamics.de`. The Web API's host, `<org>.api.crm…`, means the same organisation.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from adapter.dynamics.names import InvalidArgument, shown, text

_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORGANISATION = re.compile(
    rf"({_LABEL})(?:\.api)?\."
    r"(crm(?:[1-9][0-9]{0,2})?\.dynamics\.com"
    r"|crm\.(?:microsoftdynamics\.us|appsplatform\.us|dynamics\.cn|microsoftdynamics\.de))"
)
_SERVICES = {"api", "disco", "globaldisco"}
"""First labels that Microsoft's own services have: no organisation has them."""

_LOOPBACK = re.compile(r"https?://(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1)(?::[0-9]{1,5})?")

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_WRITE = "write https://<organisation>.crm<N>.dynamics.com"


def origin(url: object, *, allow_hosts: Collection[str] = (), argument: str = "org") -> str:
    """Give the organisation's origin, in lower case and without the default port.

    `allow_hosts` are further origins that the operator configured, exactly (`http://contoso.localhost:8000`);
    any other must be https on a host that only Microsoft can give away.
    Raises `InvalidArgument` (a `ValueError`) that names `argument`.
    """
    here = _serialised(url, argument)
    if any(here == _serialised(allowed, "allow_hosts") for allowed in allow_hosts):
        return here
    scheme, _, authority = here.partition("://")
    if scheme != "https":
        raise InvalidArgument(argument, f"{shown(here)} is not https")
    if ":" in authority:
        raise InvalidArgument(argument, f"{shown(here)} has a port: Dynamics has only 443")
    match = _ORGANISATION.fullmatch(authority)
    if match is None or match[1] in _SERVICES:
        raise InvalidArgument(
            argument, f"{shown(authority)} is no host of a Dynamics organisation: {_WRITE}"
        )
    return f"https://{match[1]}.{match[2]}"


def split(url: str, *, argument: str = "url") -> tuple[str, str]:
    """Take a URL apart into what is before the path and the rest, unchecked."""
    match = _ORIGIN.fullmatch(url)
    if match is None:
        raise InvalidArgument(argument, f"{shown(url)} is no web address")
    return f"{match[1]}://{match[2]}", match[3]


def is_loopback(origin: str) -> bool:
    """Tell if an origin is this machine's own by its name, as browsers know it (`x.localhost`)."""
    return _LOOPBACK.fullmatch(origin.lower()) is not None


def _serialised(url: object, argument: str) -> str:
    """Serialise as browsers do (`scheme://host[:port]`), or refuse what has more than that."""
    written = text(argument, url)
    before, rest = split(written, argument=argument)
    if rest not in {"", "/"}:
        raise InvalidArgument(argument, f"{shown(written)} has more than scheme and host: {_WRITE}")
    scheme, _, authority = before.partition("://")
    if "@" in authority:
        raise InvalidArgument(argument, "has a user name or password in it")
    scheme = scheme.lower()
    match = _AUTHORITY.fullmatch(authority.lower()) if authority.isascii() else None
    if match is None:
        raise InvalidArgument(argument, f"{shown(authority)} is no host name: {_WRITE}")
    host, port = match[1], match[2]
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"
