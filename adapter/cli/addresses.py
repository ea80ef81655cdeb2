"""Turn a server's base URL into the address of one of its doors."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urlsplit

from adapter.errors import MalformedInput

LOOPBACK = "127.0.0.1"

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_DEFAULT_PORT = {False: 80, True: 443}


@dataclass(frozen=True, slots=True)
class Door:
    """Where to dial, and what to call it: `host` goes into `Host` and the TLS name."""

    secure: bool
    host: str
    """As written, lower case, IPv6 without brackets."""
    port: int
    dial: str
    """The name or address to open a TCP connection to."""
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """Give `host[:port]` as a `Host` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.secure] else f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Tell whether it is on this machine: then no proxy has a say."""
        return self.dial == LOOPBACK or self.host in {"localhost", "::1"}

    def url(self, scheme: str) -> str:
        """Write the URL with `http` or `ws`, plus the `s` where it is secure."""
        return f"{scheme}{'s' if self.secure else ''}://{self.authority}{self.path}"


def door(base: str, path: str, query: dict[str, str] | None = None) -> Door:
    """Join a base URL (`http(s)` or `ws(s)`, with any prefix) and a door's path.

    A base that already ends in the path is taken as it is. Names under `.localhost` are dialled
    at 127.0.0.1, because not every resolver knows them (RFC 6761, 6.3, only says it should).
    """
    parts = _split(base)
    secure = _SECURE[parts.scheme]
    host = (parts.hostname or "").rstrip(".")
    prefix = parts.path.rstrip("/")
    full = prefix if path in prefix else prefix + path
    return Door(
        secure=secure,
        host=host,
        port=parts.port or _DEFAULT_PORT[secure],
        dial=LOOPBACK if host.endswith(".localhost") else host,
        path=f"{full}?{urlencode(query)}" if query else full,
    )


def bearer(key: str | None) -> dict[str, str]:
    """Give the header that carries a service key (RFC 6750, 2.1); none without a key."""
    if key is None:
        return {}
    if not key or not all("!" <= character <= "~" for character in key):
        raise MalformedInput("--key must be printable ASCII without spaces")
    return {"Authorization": f"Bearer {key}"}


def _split(base: str) -> SplitResult:
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError as error:
        raise MalformedInput(f"--url {base}: {error}") from error
    if parts.scheme not in _SECURE or not parts.hostname or port == 0:
        raise MalformedInput(f"--url {base}: must be like http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise MalformedInput("--url: must be an address alone; give the key with --key")
    return parts
