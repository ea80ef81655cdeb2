"""Read and write the `multipart/mixed` bodies of `$batch` (OData 4.0 protocol, section 11.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapter.demo.simulated.dataverse.messages import Answer
from adapter.demo.simulated.dataverse.refusals import bad_url

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    501: "Not Implemented",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One operation of a batch: its request line, headers (lower case) and body."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    content_id: str | None


def read(content_type: str, body: bytes) -> list[Part | list[Part]]:
    """List a batch's operations; a changeset is a list. LF and CRLF are both read.

    Raises a 400 for what is no batch.
    """
    items: list[Part | list[Part]] = []
    for headers, content in _parts(content_type, body):
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed"):
            items.append([_operation(*inside) for inside in _parts(kind, content)])
        else:
            items.append(_operation(headers, content))
    return items


def _parts(content_type: str, body: bytes) -> list[tuple[Mapping[str, str], bytes]]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise bad_url(
            "Invalid multipart/mixed Content-Type header: a boundary parameter is missing."
        )
    mark = b"--" + (match[1] or match[2]).encode()
    parts: list[bytes] = []
    current: list[bytes] | None = None
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        stripped = line.rstrip()
        if stripped in (mark, mark + b"--"):
            if current is not None:
                parts.append(b"\n".join(current))
            current = []
            if stripped.endswith(b"--") and stripped != mark:
                return [_split(part) for part in parts]
        elif current is not None:
            current.append(line)
    raise bad_url("Unexpected end of the batch: its closing boundary is missing.")


def _split(part: bytes) -> tuple[Mapping[str, str], bytes]:
    """Take the headers off; blank lines before them do no harm."""
    head, _, body = part.lstrip(b"\n").partition(b"\n\n")
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers, body


def _operation(outer: Mapping[str, str], content: bytes) -> Part:
    line, _, rest = content.lstrip(b"\n").partition(b"\n")
    words = line.decode("utf-8", "replace").strip().split(" ")
    if len(words) < 2:  # noqa: PLR2004 - method and URL; clients also send raw spaces in the URL
        raise bad_url(f"The request line '{' '.join(words)[:100]}' of a batch part is not valid.")
    if words[-1].upper().startswith("HTTP/"):
        words.pop()
    head, _, body = rest.partition(b"\n\n") if not rest.startswith(b"\n") else (b"", b"", rest[1:])
    headers, _ = _split(head + b"\n\n")
    content_id = outer.get("content-id") or headers.get("content-id")
    return Part(words[0].upper(), " ".join(words[1:]), headers, body.strip(), content_id)


def write(boundary: str, items: Sequence[Answer | Sequence[tuple[str | None, Answer]]]) -> bytes:
    """Write the answers of a batch; those of a changeset are nested."""
    out = bytearray()
    for number, item in enumerate(items):
        out += f"--{boundary}\r\n".encode()
        if isinstance(item, Answer):
            out += _one(item, None)
            continue
        inner = f"changesetresponse_{boundary[-12:]}_{number}"
        out += f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()
        for content_id, one in item:
            out += f"--{inner}\r\n".encode() + _one(one, content_id)
        out += f"--{inner}--\r\n".encode()
    return bytes(out + f"--{boundary}--\r\n".encode())


def _one(answer: Answer, content_id: str | None) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id is not None:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append("OData-Version: 4.0")
    return "\r\n".join([*lines, "", ""]).encode() + answer.body + b"\r\n"
