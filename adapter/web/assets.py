"""Serve the static files under one content hash: cached for ever, new at once after an upgrade."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapter import i18n
from adapter.web import comments, joined, problems

CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""The hash in the address changes with the content (RFC 8246)."""

SAFETY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Pages and pictures here need nothing from elsewhere, and no page may frame them.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

OURS: Final = ("panel/", "portal/", "sign_in/")
"""Scripts that only our own pages load; others are copied to elsewhere, comments and all."""

PANEL_SCRIPT: Final = "joined/panel.js"
PANEL_STYLE: Final = "joined/panel.css"
"""What the panel's page loads: `panel/main.js` with all that it imports, and its style sheets."""

_PANEL_SHEETS: Final = (
    "tokens",
    "base",
    "layout",
    "card",
    "connection-state",
    "contact-card",
    "contact-notes",
    "pop-card",
    "notice-card",
    "shift-start",
    "sign-in-card",
    "history",
    "boot",
)
"""In the order in which their rules count."""

_EAGER: Final = "//# allFunctionsCalledOnLoad\n"
"""Has Chromium compile a script's functions in another thread while it loads, and not when the
first call rings (https://v8.dev/blog/explicit-compile-hints). To other browsers it is a comment."""

_SMALL = 256
"""Bytes under which gzip saves nothing worth a second copy."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    zipped: bytes | None
    """The body under gzip, where that is smaller."""
    content_type: str
    etag: str
    """Without quotes; the gzip form has `-gzip` behind it (RFC 9110, 8.8.3.3)."""


@dataclass(frozen=True, slots=True)
class Assets:
    """All static files by path (`panel/main.js`), under the hash of them all."""

    hash: str
    files: Mapping[str, Asset]

    @classmethod
    def load(cls) -> Assets:
        """Read `static/` and the catalogues out of the installed package (also from a wheel).

        Raises ValueError for a file whose kind has no content type here.
        """
        bodies = dict(_walk(resources.files("adapter") / "static", ""))
        for locale in i18n.LOCALES:
            catalog = msgspec.json.encode(i18n.js_catalog(locale))
            bodies[f"locales/{locale}.json"] = catalog
        bodies |= _panel(bodies)
        digest = hashlib.sha256()
        for path, body in sorted(bodies.items()):
            digest.update(f"{path}\0{len(body)}\0".encode())
            digest.update(body)
        files = {path: _asset(path, body) for path, body in bodies.items()}
        return cls(hash=digest.hexdigest()[:16], files=files)

    def url(self, path: str) -> str:
        """Give the address of a file; raises KeyError for one that is not there."""
        if path not in self.files:
            raise KeyError(f"no static file {path!r}")
        return f"/static/{self.hash}/{path}"


class AssetsApp:
    """An ASGI app for `/static/…`, mounted there or called with the whole path."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = self._respond(scope["method"], _path(scope), Headers(scope=scope))
        await response(scope, receive, send)

    def _respond(self, method: str, path: str, headers: Headers) -> Response:
        if method not in {"GET", "HEAD"}:
            return _problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Static files are only read."
            )
        digest, _, name = path.partition("/")
        asset = self._assets.files.get(name)
        if asset is None:
            return _problem(HTTPStatus.NOT_FOUND, "not-found", f"There is no static file {path!r}.")
        if digest != self._assets.hash:
            return self._another_version(name)
        return _file(asset, headers, with_body=method == "GET")

    def _another_version(self, name: str) -> Response:
        # A page that an agent opens from a panel of before the upgrade shall come; a module of
        # another version in a running page would be worse than none.
        if name.endswith(".html"):
            location = {"Location": self._assets.url(name), "Cache-Control": "no-store"}
            return Response(status_code=302, headers=SAFETY | location)
        return _problem(
            HTTPStatus.NOT_FOUND, "not-found", "This file is of another version: reload the page."
        )


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    path = path.removeprefix(scope.get("root_path", ""))
    return path.removeprefix("/static").lstrip("/")


def _file(asset: Asset, headers: Headers, *, with_body: bool) -> Response:
    zipped = asset.zipped is not None and accepts_gzip(headers.get("accept-encoding", ""))
    body = asset.zipped if zipped and asset.zipped is not None else asset.body
    etag = f'"{asset.etag}-gzip"' if zipped else f'"{asset.etag}"'
    sent = SAFETY | {"Cache-Control": FOR_EVER, "ETag": etag, "Vary": "Accept-Encoding"}
    if _matches(headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=sent)
    sent |= {"Content-Type": asset.content_type, "Content-Length": str(len(body))}
    if zipped:
        sent["Content-Encoding"] = "gzip"
    return Response(body if with_body else b"", headers=sent)


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether the client takes gzip (RFC 9110, 12.5.3)."""
    wishes: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        refused = parameter.replace(" ", "").rstrip("0").rstrip(".") in {"q=", "q=0"}
        wishes[coding.strip()] = not refused
    return wishes.get("gzip", wishes.get("*", False))


def _matches(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def _problem(status: int, name: str, detail: str) -> Response:
    title = "There is no such file here" if status == HTTPStatus.NOT_FOUND else "Only GET and HEAD"
    response = problems.response(problems.plain(status, name, title, detail))
    response.headers.update(SAFETY)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET, HEAD"
    return response


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _panel(bodies: Mapping[str, bytes]) -> dict[str, bytes]:
    """Join what the panel's page is made of."""
    scripts = {
        path: comments.without(body).decode()
        for path, body in bodies.items()
        if path.startswith("panel/") and path.endswith(".js")
    }
    order = tuple(f"panel/css/{sheet}.css" for sheet in _PANEL_SHEETS)
    styles = {path: bodies[path].decode() for path in order}
    return {
        PANEL_SCRIPT: (_EAGER + joined.modules(scripts, "panel/main.js")).encode(),
        PANEL_STYLE: joined.sheets(styles, order).encode(),
    }


def _asset(path: str, body: bytes) -> Asset:
    suffix = PurePosixPath(path).suffix
    if suffix not in CONTENT_TYPES:
        raise ValueError(f"static file {path!r}: no content type for {suffix!r}")
    if suffix == ".js" and path.startswith(OURS):
        body = comments.without(body)
    # mtime=0: the same content gives the same bytes in every process.
    zipped = gzip.compress(body, compresslevel=9, mtime=0) if len(body) > _SMALL else body
    return Asset(
        body=body,
        zipped=zipped if len(zipped) < len(body) else None,
        content_type=CONTENT_TYPES[suffix],
        etag=hashlib.sha256(body).hexdigest()[:20],
    )
