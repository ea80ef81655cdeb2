"""Reach `x.localhost` from programs: browsers know that it is this machine, resolvers may not."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def dialled(url: str) -> tuple[str, dict[str, str]]:
    """Give the URL to dial and the headers to send: 127.0.0.1 with the name as Host (RFC 6761).

    Other hosts are left alone.
    """
    parts = urlsplit(url)
    if not (parts.hostname or "").endswith(".localhost"):
        return url, {}
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"127.0.0.1{port}")), {"Host": parts.netloc}
