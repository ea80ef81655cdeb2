"""Open HTTPS as the settings say, and read what a failed connection means."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

import adapter
from adapter.dynamics import hosts
from adapter.errors import InvalidSettings

USER_AGENT = f"screenpop/{adapter.__version__}"


def tls(ca_file: Path | None = None) -> ssl.SSLContext:
    """Trust the public certificate authorities, and those of `SCREENPOP_CA_FILE`.

    The context is always given to httpx: its environment variables could replace ours otherwise.

    Raises:
        InvalidSettings: the file holds no certificates.
    """
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSettings(f"SCREENPOP_CA_FILE: {ca_file}: {error}") from error
    return context


def origin(url: str) -> str:
    """Give `scheme://host[:port]` of a URL, in lower case and without the default port."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme.lower()}://{shown}{port}"


def uses_proxy(url: str) -> bool:
    """Whether a proxy of the environment may carry this: not for loopback names."""
    return not hosts.is_loopback(origin(url))


def is_unknown_host(error: BaseException) -> bool:
    """Whether a connection failed because no such name is known (and not for want of DNS)."""
    return any(
        isinstance(each, socket.gaierror) and each.errno in (socket.EAI_NONAME, _NO_DATA)
        for each in _chain(error)
    )


def explain(error: BaseException, host: str) -> str:
    """Say why no connection was made, naming the host and no address or stack."""
    if is_unknown_host(error):
        return f"there is no host {host}"
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {host} is not trusted ({each.verify_message}); "
                "SCREENPOP_CA_FILE names further authorities"
            )
        for kinds, what in _WORDS:
            if isinstance(each, kinds):
                return f"{host} {what}"
    return f"{host} cannot be reached"


_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError, httpx.TimeoutException), "did not answer in time"),
    ((ssl.SSLError,), "does not speak TLS as it should"),
    ((ConnectionRefusedError,), "refuses connections"),
    ((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError), "broke the connection"),
)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


_NO_DATA = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
