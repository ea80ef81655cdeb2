"""Write and read `$batch`: several requests in one round trip, all or nothing if wanted. Pure.

Source: Microsoft, "Execute batch operations using the Web API"; RFC 2046, 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from adapter.dataverse import errors, requests
from adapter.dataverse.answers import DataverseResponse
from adapter.dataverse.errors import DataverseError, UnexpectedAnswer
from adapter.dataverse.requests import DataverseRequest
from adapter.errors import MalformedInput

MOST = 1000
"""Operations in one batch (Microsoft)."""

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_STATUS = re.compile(r"HTTP/[0-9.]+ ([0-9]{3})\b")


def encode(
    batch: Sequence[DataverseRequest], *, base_path: str, boundary: str, atomic: bool
) -> DataverseRequest:
    """Put requests into one. `base_path` is `/api/data/v9.2`; `boundary` a text that none holds.

    Atomic: all of them in one change set, so reads may not be among them.

    Raises:
        MalformedInput: there are none or too many, or a read in a change set.
    """
    if not 0 < len(batch) <= MOST:
        raise MalformedInput(f"a batch holds 1 to {MOST} requests, not {len(batch)}")
    if atomic and any(each.method == "GET" for each in batch):
        raise MalformedInput("a change set holds no reads")
    inner = f"changeset_{boundary}"
    parts = [
        _part(each, base_path, content_id=number if atomic else None)
        for number, each in enumerate(batch, 1)
    ]
    if atomic:
        nested = _joined(parts, inner)
        parts = [
            b"Content-Type: multipart/mixed; boundary=" + inner.encode() + b"\r\n\r\n" + nested
        ]
    outer = f"batch_{boundary}"
    more = () if atomic else (("Prefer", "odata.continue-on-error"),)
    return DataverseRequest(
        method="POST",
        path="$batch",
        body=_joined(parts, outer),
        headers=(("Content-Type", f"multipart/mixed; boundary={outer}"), *more),
    )


def decode(response: DataverseResponse, count: int) -> list[DataverseResponse | DataverseError]:
    """Give the answer to each of `count` requests, in their order.

    A change set that failed has one answer for all of it.

    Raises:
        UnexpectedAnswer: the parts cannot be read, or there are too few.
    """
    found = [
        _read(part) for part in _leaves(response.headers.get("content-type", ""), response.body)
    ]
    if len(found) == 1 and count > 1 and isinstance(found[0], DataverseError):
        return found * count
    if len(found) != count:
        raise UnexpectedAnswer(f"a batch of {count} was answered by {len(found)} parts")
    return found


def _part(request: DataverseRequest, base_path: str, *, content_id: int | None) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id is not None:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"{request.method} {base_path}/{request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in requests.headers(request).items()]
    if request.body is not None:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (request.body or b"")


def _joined(parts: Sequence[bytes], boundary: str) -> bytes:
    line = b"--" + boundary.encode()
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def _leaves(content_type: str, body: bytes) -> Iterator[bytes]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise UnexpectedAnswer("a batch was answered without parts")
    line = b"--" + (match[1] or match[2]).encode()
    for part in re.split(rb"(?:\A|\r?\n)" + re.escape(line), body)[1:]:
        if part.startswith(b"--"):
            return
        headers, content = _split(part.lstrip(b" \t"))
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/"):
            yield from _leaves(kind, content)
        else:
            yield content


def _read(part: bytes) -> DataverseResponse | DataverseError:
    start, _, rest = part.lstrip(b"\r\n").partition(b"\n")
    match = _STATUS.match(start.decode("latin-1"))
    if match is None:
        raise UnexpectedAnswer("a part of the batch's answer has no status")
    headers, body = _split(b"\n" + rest)
    status = int(match[1])
    if status >= 300:  # noqa: PLR2004
        return errors.of_answer(status, headers, body)
    return DataverseResponse(status=status, headers=headers, body=body)


def _split(part: bytes) -> tuple[dict[str, str], bytes]:
    """Take headers and content apart; `part` begins with the line break before the headers."""
    match = re.match(rb"\r?\n((?:[^\r\n]+\r?\n)*)(?:\r?\n|\Z)", part)
    if match is None:
        return {}, part
    headers = {}
    for line in match[1].decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, part[match.end() :]
