"""Name a contact's files by links of ours that never end, and say where a link leads just now."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from adapter import s3
from adapter.errors import Forbidden, NotFound, Unavailable
from adapter.events import ContactEvent, Decoded, Entry, Fact
from adapter.tenants import Tenant

PREFIX = "/r/"
PLACEHOLDERS = frozenset({"bucket", "key", "contact"})
"""What a configured location may name."""

S3 = "aws.s3"
"""The source of what S3 itself reports, alone or before the AWS account (`aws.s3/1234…`)."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_FIT_FOR_A_HEADER = re.compile(r"[!-~]+")
_NO_CREDENTIALS_AGAIN = 300


class ForeignBucket(Forbidden):
    """The file is in a bucket that none of the tenant's integration accounts names."""


class Stray(NamedTuple):
    """A file of a contact that was not taken: its bucket is none of the tenant's accounts'."""

    contact: str
    kind: str
    bucket: str

    def __str__(self) -> str:
        """Say it in a line of the contact's story."""
        return f"{self.kind} in the bucket {self.bucket}, which no integration account names"


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


def sift(decoded: Decoded, buckets: Collection[str]) -> tuple[Decoded, tuple[Stray, ...]]:
    """Take out the files that S3 tells of buckets which no integration account names.

    They count as ignored. A request without such a file is given back as it is.
    """
    if not buckets:
        return decoded, ()
    strays = [
        _stray(fact)
        for entry in decoded.entries
        for fact in entry.facts
        if not _is_wanted(fact, buckets)
    ]
    if not strays:
        return decoded, ()
    sifted = [_without_strays(entry, buckets) for entry in decoded.entries]
    kept = tuple(entry for entry in sifted if entry.facts)
    ignored = decoded.ignored + len(decoded.entries) - len(kept)
    return msgspec.structs.replace(decoded, entries=kept, ignored=ignored), tuple(strays)


def _without_strays(entry: Entry, buckets: Collection[str]) -> Entry:
    facts = tuple(fact for fact in entry.facts if _is_wanted(fact, buckets))
    return entry if len(facts) == len(entry.facts) else Entry(entry.index, facts)


def _is_wanted(fact: Fact, buckets: Collection[str]) -> bool:
    """Tell if a fact is anything but an object of a foreign bucket, which S3 itself reports.

    What a telephony platform says of its contact's recording is the contact's, wherever it lies.
    """
    if not isinstance(fact, ContactEvent) or fact.recording is None:
        return True
    of_s3 = fact.source == S3 or fact.source.startswith(f"{S3}/")
    return not of_s3 or is_expected(fact.recording.url, buckets)


def _stray(fact: Fact) -> Stray:
    assert isinstance(fact, ContactEvent)  # noqa: S101 - `_is_wanted` took the others
    assert fact.recording is not None  # noqa: S101 - likewise
    held = s3.parse(fact.recording.url)
    return Stray(fact.contact, fact.recording.kind, "?" if held is None else held.bucket)


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
