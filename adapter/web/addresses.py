"""Say what our own address is (the setting's, else the request's Host), and who asks from where."""

from __future__ import annotations

import ipaddress
import re

from starlette.requests import Request

from adapter.settings import Settings

# RFC 9110, 7.2 with RFC 3986, 3.2.2, without escapes and sub-delimiters: what stands here comes
# back in links and headers of ours. An empty one is HTTP/1.0's.
_HOST = re.compile(
    r"(?:(?:[a-z0-9_](?:[a-z0-9._-]{0,252})?|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?)?",
    re.IGNORECASE | re.ASCII,
)
_MOST_PORT = 65535
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def is_host(host: str) -> bool:
    """Whether a `Host` header is a host with or without a port."""
    found = _HOST.fullmatch(host)
    return found is not None and int(found[1] or 0) <= _MOST_PORT


def is_own_origin(settings: Settings, origin: str, host: str) -> bool:
    """Whether a browser's `Origin` is a page of ours (or one that a setting names).

    `host` is the request's Host header: a browser writes both, and they must agree. `null` (a
    sandboxed frame) never is.
    """
    named = origin.lower()
    if named in _listed(settings):
        return True
    scheme, _, rest = named.partition("://")
    if scheme not in _DEFAULT_PORTS or not rest:
        return False
    return _with_port(rest, scheme) == _with_port(host.lower(), scheme)


def own_origins(settings: Settings, host: str) -> frozenset[str]:
    """Give the origins that count as ours for a request to `host`."""
    name = host.lower()
    plain = {f"{scheme}://{_without_default(name, scheme)}" for scheme in _DEFAULT_PORTS}
    return frozenset(plain | ({settings.public_url} if settings.public_url else set()))


def public_origin(settings: Settings, host: str, scheme: str) -> str:
    """Give the origin to print in links: the setting, else what the request came to."""
    if settings.public_url and settings.environment_domain is None:
        return settings.public_url
    return f"{scheme}://{_without_default(host.lower(), scheme)}"


def client(request: Request) -> str:
    """Give the network address that a limit counts by, behind a trusted proxy the one it names.

    Of IPv6 that is the /64: one sender has all of its addresses (RFC 6177).
    """
    host = "" if request.client is None else request.client.host
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if address.version == 4:  # noqa: PLR2004
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(address), 64), strict=False))


def _listed(settings: Settings) -> set[str]:
    listed = {each.strip().lower() for each in settings.feed_origins.split(",") if each.strip()}
    return listed | ({settings.public_url.lower()} if settings.public_url else set())


def _with_port(host: str, scheme: str) -> str:
    bare = host.rpartition("]")[2] if host.startswith("[") else host
    return host if ":" in bare else f"{host}:{_DEFAULT_PORTS[scheme]}"


def _without_default(host: str, scheme: str) -> str:
    return host.removesuffix(":" + _DEFAULT_PORTS[scheme])
