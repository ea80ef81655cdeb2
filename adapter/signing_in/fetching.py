"""Ask a provider over HTTPS, bounded in time and size, and follow no redirect.

It must stand at a public address, or in a network that the operator names.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from adapter.dataverse import transport
from adapter.identity.providers import is_loopback
from adapter.signing_in.errors import UNAVAILABLE, SignInError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LONGEST = 1024 * 1024
"""Bytes of an answer; key sets of Entra have a tenth of it."""


class Web:
    """What of the web a provider's settings may reach."""

    def __init__(
        self, *, tls: ssl.SSLContext, allow_loopback: bool, networks: Sequence[Network] = ()
    ) -> None:
        self._tls = tls
        self._allow_loopback = allow_loopback
        self._networks = networks

    async def get(self, url: str) -> dict[str, Any]:
        """Read a JSON object.

        Raises:
            SignInError: it may not or cannot be reached, or what comes is no JSON object.
        """
        status, body = await self._ask("GET", url, {"accept": "application/json"}, None)
        if status != 200:  # noqa: PLR2004
            raise unavailable(f"{_shown(url)} answers {status}")
        return _object(url, body)

    async def post(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Send a form and read a JSON object, whatever its status.

        Raises:
            SignInError: as `get`; also for every 5xx.
        """
        head = {"accept": "application/json", **headers}
        status, body = await self._ask("POST", url, head, dict(fields))
        if status >= 500:  # noqa: PLR2004
            raise unavailable(f"{_shown(url)} answers {status}")
        return status, _object(url, body)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], fields: dict[str, str] | None
    ) -> tuple[int, bytes]:
        host = (urlsplit(url).hostname or "").lower()
        target, extensions = await self._target(url, host)
        head = {**headers, "host": urlsplit(url).netloc, "user-agent": transport.USER_AGENT}
        try:
            async with (
                asyncio.timeout(15),
                httpx.AsyncClient(
                    verify=self._tls, timeout=TIMEOUT, trust_env=_proxied(host)
                ) as client,
                client.stream(
                    method, target, headers=head, data=fields, extensions=extensions
                ) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > LONGEST:
                        raise unavailable(f"{_shown(url)} sends more than {LONGEST} bytes")
                return answer.status_code, body
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise unavailable(transport.explain(error, host)) from error

    async def _target(self, url: str, host: str) -> tuple[str, dict[str, Any]]:
        """Give what to dial: the very address that was checked, so that no second answer of a
        name server sends us elsewhere.
        """
        parts = urlsplit(url)
        if is_loopback(host):
            if not self._allow_loopback:
                raise unavailable(f"{host} is this machine: SCREENPOP_ALLOW_LOOPBACK allows it")
            if not host.endswith(".localhost"):
                return url, {}
            address = "127.0.0.1"
        elif parts.scheme != "https":
            raise unavailable(f"{_shown(url)} is not https")
        elif _proxied(host):
            return url, {}  # the proxy looks the name up, and decides
        else:
            address = await self.address(host, parts.port or 443)
        shown = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port is not None else ""
        return parts._replace(netloc=shown + port).geturl(), {"sni_hostname": host}

    async def address(self, host: str, port: int) -> str:
        """Look a name up; every address that it has must be one that may be asked."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise unavailable(transport.explain(error, host)) from error
        addresses = [str(each[4][0]) for each in found]
        if not addresses or not all(map(self._may_ask, addresses)):
            raise unavailable(f"{host} is no public host")
        return addresses[0]

    def _may_ask(self, written: str) -> bool:
        address = ipaddress.ip_address(written)
        # 10.0.0.1 written as ::ffff:10.0.0.1 is in the same network.
        plain = getattr(address, "ipv4_mapped", None) or address
        return address.is_global or any(plain in network for network in self._networks)


def unavailable(detail: str) -> SignInError:
    """Make the error of a provider that cannot be asked."""
    return SignInError(UNAVAILABLE, f"The sign-in provider cannot be asked: {detail}.")


def _proxied(host: str) -> bool:
    """Tell whether the environment's proxy carries requests to a host."""
    if is_loopback(host):
        return False
    named = urllib.request.getproxies()
    return bool(named.get("https") or named.get("all")) and not urllib.request.proxy_bypass(host)


def _object(url: str, body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise unavailable(f"{_shown(url)} sends no JSON object") from error


def _shown(url: str) -> str:
    """Show an address without its query."""
    return url.partition("?")[0][:200]
