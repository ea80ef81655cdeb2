"""Name a contact's files by links of ours that never end, and say where a link leads just now."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

import msgspec

from adapter import s3
from adapter.errors import Forbidden, NotFound, Unavailable
from adapter.tenants import Tenant

PREFIX = "/r/"
PLACEHOLDERS = frozenset({"bucket", "key", "contact"})
"""What a configured location may name."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_FIT_FOR_A_HEADER = re.compile(r"[!-~]+")
_NO_CREDENTIALS_AGAIN = 300


class ForeignBucket(Forbidden):
    """The file is in a bucket that none of the tenant's integration accounts names."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a token stands for. Nothing of it expires: the token is an id, not a credential."""

    token: str
    tenant: Tenant
    contact: str
    kind: str
    """`recording`, `transcript` or `analysis`."""
    url: str
    """Where the source said that the file is; never shown."""
    redacted: bool
    agents: frozenset[str]
    """Ids of agents, as the sources wrote them, who had the contact."""
    created: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """How this server reaches files: by signing for S3, or at a place of its own."""

    credentials: s3.Credentials | None = None
    region: str | None = None
    """Of S3 addresses that name none."""
    location: str | None = None
    """A URL with `PLACEHOLDERS`, instead of signing."""


def new_token() -> str:
    """Give a random token of 128 bits."""
    return secrets.token_urlsafe(16)


def is_token(text: str) -> bool:
    """Tell whether a text could be one of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def path(token: str) -> str:
    """Give the path of a token's link."""
    return PREFIX + token


def address(origin: str, token: str) -> str:
    """Give the link that is written down, for good: `https://screenpop.example/r/…`."""
    return origin.rstrip("/") + path(token)


def is_expected(url: str, buckets: Collection[str]) -> bool:
    """Tell if a file is in one of these buckets; no buckets means any, and so does no S3 file."""
    held = s3.parse(url)
    return held is None or not buckets or held.bucket in buckets


def about(link: Link) -> str:
    """Say in a few words what a link leads to."""
    return f"{link.kind} (redacted)" if link.redacted else link.kind


def destination(link: Link, access: Access, buckets: Collection[str], now: datetime) -> str:
    """Give the URL at which the file can be read now.

    Raises:
        ForeignBucket: the file is in none of the `buckets` that the tenant's accounts name.
        Unavailable: this server has no credentials for S3.
        NotFound: the source named no place that a browser can open.
    """
    held = s3.parse(link.url)
    if held is None:
        return _as_told(link.url)
    if not is_expected(link.url, buckets):
        raise ForeignBucket(
            f"the file is in the bucket {held.bucket}, which no integration account names"
        )
    if access.location is not None:
        return _located(access.location, held, link.contact)
    if access.credentials is None:
        raise Unavailable(
            "this server has no credentials for recordings: an administrator has to set "
            "SCREENPOP_S3_ACCESS_KEY_ID and SCREENPOP_S3_SECRET_ACCESS_KEY",
            retry_after=_NO_CREDENTIALS_AGAIN,
        )
    return s3.presigned_get(held, access.credentials, now=now, region=access.region)


def check_location(template: str) -> None:
    """Check a configured location; raises `ValueError` with what is wrong."""
    filled = _filled(template, dict.fromkeys(PLACEHOLDERS, "x"))
    if "{" in filled or "}" in filled:
        named = ", ".join(sorted(f"{{{name}}}" for name in PLACEHOLDERS))
        raise ValueError(f"it may name {named} and nothing else in braces")
    parts = urlsplit(filled)
    if parts.scheme != "https" or not parts.hostname or not _FIT_FOR_A_HEADER.fullmatch(filled):
        raise ValueError("write https://host/… in ASCII, without spaces")
    if urlsplit(template).netloc != parts.netloc:
        raise ValueError("the host must be written out")


def _located(template: str, held: s3.S3Object, contact: str) -> str:
    values = {
        "bucket": quote(held.bucket, safe=""),
        "key": quote(held.key, safe="/", errors="surrogateescape"),
        "contact": quote(contact, safe=""),
    }
    return _filled(template, values)


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():  # encoded: no value has a brace of its own
        template = template.replace(f"{{{name}}}", value)
    return template


def _as_told(url: str) -> str:
    """Give the address of a file elsewhere, fit for a `Location` header."""
    written = quote(url, safe="!#$%&'()*+,/:;=?@[]~")
    try:
        parts = urlsplit(written)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise NotFound("the source named no address of the file that a browser can open")
    return written
