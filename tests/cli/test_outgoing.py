from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies
from standardwebhooks import Webhook

from adapter.cli import outgoing
from adapter.cli.outgoing import BATCH, ONE
from adapter.errors import MalformedInput


def split(content: bytes) -> list[tuple[bytes, str, int]]:
    found = outgoing.split(content.splitlines(keepends=True))
    return [(one.body, one.content_type, one.line) for one in found]


@pytest.mark.parametrize(
    ("content", "requests"),
    [
        (b'{"id": "1"}', [(b'{"id": "1"}', ONE, 1)]),
        (b'\n{\n "id": "1"\n}\n', [(b'{\n "id": "1"\n}', ONE, 2)]),
        (b'[{"id": "1"}, {"id": "2"}]', [(b'[{"id": "1"}, {"id": "2"}]', BATCH, 1)]),
        (b'[\n{"id": "1"}\n]\n', [(b'[\n{"id": "1"}\n]', BATCH, 1)]),
        (
            b'{"id": "1"}\r\n\r\n{"id": "2"}\r\n',
            [(b'{"id": "1"}', ONE, 1), (b'{"id": "2"}', ONE, 3)],
        ),
    ],
    ids=["one", "one over lines", "batch", "batch over lines", "json lines"],
)
def test_input_becomes_requests(content: bytes, requests: list[tuple[bytes, str, int]]) -> None:
    assert split(content) == requests


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "empty"),
        (b"[]", "empty"),
        (b"7", "line 1: not a JSON object or array"),
        (b'\n{"id": ', r"line 2: not JSON: it ends too early \(byte 7\)"),
        (b'{"id": "1"}\n{"id": \n', r"line 2: not JSON: it ends too early \(byte 8\)"),
        (b'{"id": "1"}\n{"id": 1e400}\n', "line 2: not JSON: /id: expected a number of at most"),
        (b'{"id": "1"}\n[]\n', "line 2: not a JSON object"),
        (b'{"id": "\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_cannot_be_sent_is_named_by_its_line(content: bytes, words: str) -> None:
    with pytest.raises(MalformedInput, match=words):
        split(content)


@given(strategies.binary())
def test_no_input_breaks_the_splitter(content: bytes) -> None:
    with contextlib.suppress(MalformedInput):
        split(content)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@given(strategies.text().map(lambda text: text.encode()))
def test_the_signature_satisfies_the_reference_library(body: bytes) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = outgoing.signature_headers(body, outgoing.secret_key(SECRET), now)
    expected = Webhook(SECRET).sign(
        headers["webhook-id"], datetime.fromtimestamp(now, UTC), body.decode()
    )
    assert headers["webhook-signature"] == expected


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "", "whsec_abc"])
def test_what_is_no_signing_secret_is_refused(secret: str) -> None:
    with pytest.raises(MalformedInput, match="--signing-secret"):
        outgoing.secret_key(secret)
