"""Say what is pasted into Azure and Dynamics so that they and this server know each other."""

from __future__ import annotations

import io
import zipfile
from importlib import resources

from starlette.requests import Request

from adapter.connections.consents import PATHS
from adapter.web import addresses, requests

CONNECTOR = ("connector.html", "connector.js", "connector.css")
"""The three web resources; `connector.html` finds the others by their relative names."""

ALLOW = "autoplay; clipboard-write"
"""The frame's `allow`: the ringing sound, and copying a number."""
SANDBOX = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"
"""What a frame's `sandbox` must let the panel do. Without `allow-same-origin` its origin is `null`,
which the feed refuses; without `…-to-escape-sandbox` a record's tab cannot sign in."""
CIF_SANDBOX = "allow-popups-to-escape-sandbox"
"""What Channel Integration Framework 2.0 lacks by itself (Microsoft, "Configure channel providers
in Channel Integration Framework 2.0")."""

SIGN_IN_PATH = "/v1/signin/callback"

_META = '<meta name="screenpop-adapter" content="">'


def redirect_uris(origin: str) -> list[str]:
    """Give the redirect URIs for Request token; one of them has to be registered."""
    return [origin + path for path in PATHS]


def frame(origin: str) -> str:
    """Write the element that shows the panel in any page that the domain rules allow."""
    return (
        f'<iframe src="{origin}/" title="Phone panel" allow="{ALLOW}" '
        f'sandbox="{SANDBOX}" referrerpolicy="strict-origin-when-cross-origin"></iframe>'
    )


def connector(origin: str) -> bytes:
    """Give the web resources as a zip file, with this server's address written in.

    `origin` is ours, made of a host name that is a tenant: it holds no quotes.
    """
    folder = resources.files("adapter") / "static"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CONNECTOR:
            text = (folder / name).read_text(encoding="utf-8")
            if name == "connector.html":
                text = text.replace(_META, _META.replace('""', f'"{origin}"'))
            # A fixed time: the same address gives the same file.
            archive.writestr(zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def origin_of(request: Request) -> str:
    """Give this server's origin as the outside knows it."""
    settings = requests.services(request).settings
    host = request.headers.get("host", "")
    return addresses.public_origin(settings, host, request.url.scheme)
