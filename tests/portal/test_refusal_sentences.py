"""What modules without a language refuse in English is said in the reader's on every page."""

from __future__ import annotations

import ast
import errno
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter import errors
from adapter.i18n import Texts
from adapter.store import failures
from adapter.telephony import cloudevents, json_limits, standard_webhooks
from adapter.web import sign_in_sentences
from adapter.web.phrases import Phrases
from adapter.web.portal import refusal_sentences, try_it_sentences
from tests.conftest import ROOT

ADAPTER = ROOT / "adapter"
JA = Texts("ja")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

PAGES = (
    *("people.py", "saving.py", "stories.py", "step_desk.py", "registry.py", "preferences.py"),
    *("agent_ids.py", "secret_box.py", "tickets.py", "room.py", "services.py"),
    *("connections/*.py", "identity/*.py", "store/*.py", "accounts/*.py", "web/portal/*.py"),
    *("web/callback_answers.py", "web/portal_sign_in.py", "web/requests.py"),
)
"""What a page of the portal may raise."""
SIGN_INS = ("signing_in/*.py", "identity/claims.py", "identity/tokens.py", "arrivals.py")
SOURCES = ("telephony/*.py", "web/intake.py", "web/ingest.py", "credentials.py")

ENGLISH = {
    # Programs and command lines alone meet these.
    *("tenant x: use 1 to 63 of a-z, 0-9 and '-', as in a host name",),
    *("expected a text", "the account is x: rename it by its own command"),
    *("there is no such field; known are x", "x is given twice, with different values"),
    *("there is no database at x", "your administrator must confirm x"),
    *("A signing secret is x and Base64", "A signing secret has x to x bytes"),
    *("expected an object: role to a list of values",),
    *("/tx: expected 22 to 64 characters of base64url", "/tx: it is taken; choose another"),
    *("/challenge: expected the S256 challenge of a verifier (RFC 7636)",),
    # Our own scripts alone send these.
    *("/fields: expected an object", "missing"),
    *("text: expected a text of at most x characters", "each key needs 16 characters or more"),
    *("x: each key needs 16 characters or more",),
    # The server does not start, or commands alone meet these.
    *("database: name a file, as in sqlite:////var/lib/screenpop/db",),
    "database: x is a folder: name a file in it",
    *("database: x is not a database URL", "the only type is x"),
    *("database: x is not supported by this version; use sqlite:///path/to/file",),
    (
        "the database was written by a newer version (its schema is x, this version knows x): run "
        "that version, or restore a backup"
    ),
    # Told as a sentence of its own: the directory may not sign in.
    "it is of another directory",
    # With each value that there is below.
    *("x is not taken here. x", "The body is x"),
    "webhook-timestamp: too x, at most x s are allowed: check the clocks",
}
"""What stays English, as no page shows it."""

_KINDS = {
    *(name for name, kind in vars(errors).items() if isinstance(kind, type)),
    *("UnknownTenant", "SignInError", "BadClaim", "fault", "wrong", "_wrong", "unavailable"),
    *("_fault", "AccountNotReady"),
}
_SECOND = {"Place", "SignInError", "BadClaim", "fault", "_fault"}
"""Those whose sentence is the second argument."""


def _refused(patterns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Give every sentence that modules refuse with, `x` for what is filled in, and the module."""
    for path in sorted({path for pattern in patterns for path in ADAPTER.glob(pattern)}):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in _KINDS:
                continue
            for argument in node.args[name in _SECOND :][:1]:
                for sentence in _written(argument):
                    if not re.fullmatch(r"(?:[\w -]+: )?[x :;/.]+", sentence):
                        yield sentence, path.relative_to(ADAPTER).as_posix()


def _written(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [
            "".join(
                str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values
            )
        ]
    if isinstance(node, ast.IfExp):
        return _written(node.body) + _written(node.orelse)
    return []


def _untold(patterns: tuple[str, ...], phrases: Phrases) -> list[str]:
    return [
        f"{path}: {sentence}"
        for sentence, path in _refused(patterns)
        if sentence not in ENGLISH and phrases.tell(JA, sentence).english
    ]


@pytest.mark.parametrize(
    ("patterns", "phrases"),
    [
        (PAGES, refusal_sentences.PHRASES),
        (SIGN_INS, sign_in_sentences.PHRASES),
        (SOURCES, try_it_sentences.PHRASES),
    ],
    ids=["pages", "sign-ins", "sources"],
)
def test_whatever_is_refused_is_said_in_japanese(
    patterns: tuple[str, ...], phrases: Phrases
) -> None:
    assert len(list(_refused(patterns))) > 20
    assert not _untold(patterns, phrases)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"{}x", b"[1,,2]", b"[" * 40 + b"]" * 40, b"\xff", b'"\xff"'),
        *(b"[1e400]", b"1e400"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_japanese(body: bytes) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        json_limits.parse(body)
    said = try_it_sentences.PHRASES.tell(JA, str(refused.value))
    assert not said.english
    assert JAPANESE.search(try_it_sentences.PHRASES.say(JA, refused.value.places[0].detail))


@pytest.mark.parametrize("media", ["", "text/plain", "application/xml"])
def test_what_is_no_event_is_said_in_japanese(media: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType) as refused:
        cloudevents.decode({"content-type": media}, b"x", received=datetime.now(UTC))
    assert "送信してください" in try_it_sentences.PHRASES.say(JA, str(refused.value))


@pytest.mark.parametrize("age", [-9999, 9999])
def test_a_signature_of_another_time_is_told_in_japanese(age: int) -> None:
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": str(1_800_000_000 + age),
        "webhook-signature": "v1,x",
    }
    with pytest.raises(errors.Unauthenticated) as refused:
        standard_webhooks.looks_signed(headers, 1_800_000_000)
    said = try_it_sentences.PHRASES.say(JA, str(refused.value))
    assert said.startswith("webhook-timestamp: ")
    assert "時計" in said


@pytest.mark.parametrize(
    "code",
    [
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_ABORT),
    ],
)
def test_what_the_database_refuses_is_said_in_japanese(code: int) -> None:
    refused = sqlite3.OperationalError("x")
    refused.sqlite_errorcode = code
    for path in (None, Path("/var/lib/screenpop.db")):
        told = refusal_sentences.PHRASES.tell(JA, str(failures.explain(refused, path)))
        assert not told.english
        assert "database" not in told.text


def test_what_the_system_says_of_the_redo_log_is_told_in_its_own_words_behind_ours() -> None:
    refused = str(failures.explain(OSError(errno.EIO, "Remote I/O error")))
    told = refusal_sentences.PHRASES.tell(JA, refused)
    assert JAPANESE.search(told.text)
    assert told.text.endswith("Remote I/O error")


def test_a_sentence_of_somebody_elses_is_marked_and_ours_is_not() -> None:
    tell = refusal_sentences.PHRASES.tell
    assert tell(JA, "nobody listed this").english
    assert tell(JA, "/agent: nobody listed this").english
    assert not tell(JA, "/agent: name one").english
    assert not tell(JA, "このページが言ったこと").english
    assert not tell(Texts("en"), "nobody listed this").english
