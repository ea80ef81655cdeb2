"""Take what is a person's, and every secret, out of a raw request before anybody is shown it.

In doubt a value is hidden: an admin who needs it reveals the request, which is written down.
Secrets stay hidden even then.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

HIDDEN: Final = "•••"
WITHHELD: Final = "(secret)"
SHORTEST_KNOWN: Final = 3
"""Characters: shorter values stand in too many words to be anybody's."""
SHORTEST_PACKED: Final = 24
"""Characters of Base64 that are looked into."""
DEEPEST: Final = 32

SHOWN_HEADERS: Final = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "user-agent", "date"),
        *("webhook-id", "webhook-timestamp", "x-amz-firehose-request-id"),
        *("x-amz-firehose-protocol-version", "x-amz-firehose-source-arn"),
    }
)
"""Everything else, `Authorization` first, is hidden; `ce-…` is shown as the body would be."""

_SECRET_NAME: Final = re.compile(
    r"secret|token|passw|authori[sz]ation|api.?key|access.?key|signature|credential|cookie"
    r"|private.?key",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = re.compile(
    r"\bsp_[0-9A-Za-z-]+_[\w-]{8,}|\bwhsec_[A-Za-z0-9+/=]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}",
)
_SECRET_QUERY: Final = re.compile(
    r"([?&](?:x-amz-[a-z-]*|sig|signature|code|access_token|token|key|apikey|password)=)[^&\s\"']+",
    re.IGNORECASE,
)
_PERSONAL_NAME: Final = re.compile(
    r"phone|mobile|tele?\b|\bfax|number|endpoint|address|caller|called|dial|\bani\b|\bdnis\b"
    r"|mail|\bname\b|(?:customer|first|last|full|given|family|display)_?name|\bfrom\b|\bto\b"
    r"|birth|street|\bzip|postal",
    re.IGNORECASE,
)
_PLAIN_NAME: Final = re.compile(
    r"(?:^|[^a-z])(?:id|subject|time|timestamp|date|at|length|size|duration|seconds|ms|version"
    r"|sequence|sequencer|etag)$|(?:id|time|timestamp|date|arn|source|type|version)$",
    re.IGNORECASE,
)
"""Names whose values are numbers of other kinds: times, ids, sizes."""
_MAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_INTERNATIONAL: Final = re.compile(r"(?:\+|%2B|\b00)(?:[ ().\-/]*\d){6,15}", re.IGNORECASE)
_NATIONAL: Final = re.compile(r"(?<![\w.:/-])\(?\d(?:[ ().\-/]{0,2}\d){6,14}(?![\w:-])")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.,]*(?:Z|[+-]\d{2}:?\d{2})?)?")
_SMALLEST_NUMBER: Final = 1_000_000


def headers(
    raw: Iterable[tuple[bytes, bytes]], *, known: Collection[str] = (), reveal: bool = False
) -> list[tuple[str, str]]:
    """Give the headers as they may be shown, in their order; the names of all, few values."""
    shown: list[tuple[str, str]] = []
    for name_bytes, value_bytes in raw:
        name = name_bytes.decode("latin-1").lower()
        value = value_bytes.decode("latin-1")
        if name in SHOWN_HEADERS:
            shown.append((name, _without_secrets(value)))
        elif name.startswith("ce-"):
            shown.append((name, text(value, known=known, reveal=reveal, name=name[3:])))
        else:
            shown.append((name, WITHHELD if _SECRET_NAME.search(name) else HIDDEN))
    return shown


def body(content: bytes, *, known: Collection[str] = (), reveal: bool = False) -> str:
    """Give a body as it may be shown: JSON indented, other text as it is, bytes by their count.

    `known` are values that were decoded as a person's: they are hidden wherever they stand.
    With `reveal` only secrets are hidden.
    """
    try:
        written = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no UTF-8)"
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return _cut_off(written, known=known, reveal=reveal)
    redacted = _value(value, "", known, reveal, 0)
    return msgspec.json.format(msgspec.json.encode(redacted), indent=2).decode()


def text(written: str, *, known: Collection[str] = (), reveal: bool = False, name: str = "") -> str:
    """Give a text as it may be shown; `name` is that of the field in which it stands."""
    if name and _SECRET_NAME.search(name) and written:
        return WITHHELD
    shown = _without_secrets(written)
    if reveal:
        return shown
    for value in sorted(known, key=len, reverse=True):
        if len(value) >= SHORTEST_KNOWN:
            shown = shown.replace(value, HIDDEN)
    if name and _PERSONAL_NAME.search(name) and not _PLAIN_NAME.search(name):
        return HIDDEN if shown else shown
    shown = _MAIL.sub(HIDDEN, shown)
    if _TIME.fullmatch(shown):
        return shown
    shown = _INTERNATIONAL.sub(HIDDEN, shown)
    if name and _PLAIN_NAME.search(name):
        return shown
    return _NATIONAL.sub(_unless_time, shown)


def _unless_time(match: re.Match[str]) -> str:
    return match[0] if _TIME.fullmatch(match[0]) else HIDDEN


def _without_secrets(written: str) -> str:
    shown = _SECRET_TEXT.sub(WITHHELD, written)
    return _SECRET_QUERY.sub(lambda match: match[1] + WITHHELD, shown)


def _value(value: Any, name: str, known: Collection[str], reveal: bool, depth: int) -> Any:
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        if name and _SECRET_NAME.search(name):
            return WITHHELD
        return {
            text(key, known=known, reveal=reveal): _value(each, key, known, reveal, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_value(each, name, known, reveal, depth + 1) for each in value]
    if isinstance(value, str) and (unpacked := _unpacked(value)) is not None:
        return {"(Base64)": _value(unpacked, name, known, reveal, depth + 1)}
    return _leaf(value, name, known, reveal)


def _leaf(value: Any, name: str, known: Collection[str], reveal: bool) -> Any:
    if isinstance(value, str):
        return text(value, known=known, reveal=reveal, name=name)
    if isinstance(value, bool) or value is None:
        return value
    return _number(value, name, reveal)


def _number(value: float, name: str, reveal: bool) -> Any:
    if name and _SECRET_NAME.search(name):
        return WITHHELD
    plain = bool(name and _PLAIN_NAME.search(name))
    personal = bool(name and _PERSONAL_NAME.search(name)) and not plain
    hidden = personal or (abs(value) >= _SMALLEST_NUMBER and not plain)
    return HIDDEN if hidden and not reveal else value


def _unpacked(written: str) -> Any:
    """Look into Base64 (Firehose, `data_base64`): JSON or text that it holds; None for others."""
    if len(written) < SHORTEST_PACKED or len(written) % 4:
        return None
    try:
        held = base64.b64decode(written, validate=True)
        plain = held.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    try:
        return msgspec.json.decode(held)
    except (msgspec.DecodeError, RecursionError):
        return plain if plain.isprintable() else None


def _cut_off(written: str, *, known: Collection[str], reveal: bool) -> str:
    """Redact what is no JSON: a body that was cut off is, up to its end, and has quoted names."""
    if reveal:
        return _hide_quoted_secrets(_without_secrets(written))
    shown = _hide_quoted_secrets(_without_secrets(written))
    shown = _QUOTED_PAIR.sub(
        lambda match: (
            f"{match[1]}{HIDDEN}"
            if _PERSONAL_NAME.search(match[2]) and not _PLAIN_NAME.search(match[2])
            else match[0]
        ),
        shown,
    )
    return text(_PACKED.sub(HIDDEN, shown), known=known)


_QUOTED_PAIR: Final = re.compile(
    r'("([^"\\]{1,80})"\s*:\s*)("(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\d.eE+-]+)'
)
_PACKED: Final = re.compile(r"[A-Za-z0-9+/=]{48,}")


def _hide_quoted_secrets(written: str) -> str:
    return _QUOTED_PAIR.sub(
        lambda match: f"{match[1]}{WITHHELD}" if _SECRET_NAME.search(match[2]) else match[0],
        written,
    )
