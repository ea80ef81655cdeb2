"""Let sources sign by Standard Webhooks instead of sending a key."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from adapter.office import NewKey
from adapter.telephony import standard_webhooks
from tests.ingest.doors import AMAZON, EVENTS, FIREHOSE, problem, state, text, unknown
from tests.server import Server, eventually


def signed(
    server: Server,
    secret: str,
    body: bytes,
    *,
    age: int = 0,
    path: str = EVENTS,
    changed: dict[str, str] | None = None,
) -> httpx.Response:
    """Post a body signed `age` seconds ago."""
    stamp = int(time.time()) - age
    signature = standard_webhooks.sign(
        standard_webhooks.decode_secret(secret), "msg-1", stamp, body
    )
    head = {
        "content-type": "application/cloudevents+json",
        "webhook-id": "msg-1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
        **(changed or {}),
    }
    return server.http.post(server.url + path, content=body, headers=head)


def event(server: Server, contact: str) -> bytes:
    return text(server.event("created", contact))


@pytest.fixture(scope="module")
def secrets(server: Server) -> Iterator[tuple[NewKey, NewKey]]:
    """Give the two signing secrets of a rotation."""
    with server.office() as office:
        old = office.create_signing_secret("default", "old")
        new = office.create_signing_secret("default", "new")
    eventually(lambda: signed(server, new.secret, event(server, "s-0")).status_code == 202, "known")
    yield old, new
    with server.office() as office:
        office.revoke_key(old.id)
        office.revoke_key(new.id)


def test_either_secret_of_a_rotation_signs(server: Server, secrets: tuple[NewKey, NewKey]) -> None:
    for number, made in enumerate(secrets):
        assert signed(server, made.secret, event(server, f"s-{number}")).status_code == 202
        assert state(server, f"s-{number}")["stage"] == "created"


def test_one_good_signature_among_several_is_enough(
    server: Server, secrets: tuple[NewKey, NewKey]
) -> None:
    old, _ = secrets
    body = event(server, "s-several")
    stamp = int(time.time())
    good = standard_webhooks.sign(standard_webhooks.decode_secret(old.secret), "msg-1", stamp, body)
    several = f"v1,AAAA v1a,BBBB {good}"
    answer = signed(
        server,
        old.secret,
        body,
        changed={"webhook-timestamp": str(stamp), "webhook-signature": several},
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("age", [301, -301, 10**6])
def test_an_old_or_future_signature_is_refused(
    server: Server, secrets: tuple[NewKey, NewKey], age: int
) -> None:
    answer = signed(server, secrets[0].secret, event(server, "s-old"), age=age)
    assert "check the clocks" in problem(answer, 401)["detail"]
    assert unknown(server, "s-old")


def test_a_replay_within_the_window_changes_nothing(
    server: Server, secrets: tuple[NewKey, NewKey]
) -> None:
    body = event(server, "s-replay")
    first = signed(server, secrets[0].secret, body).json()
    again = signed(server, secrets[0].secret, body).json()
    assert (first["accepted"], first["duplicates"]) == (1, 0)
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def test_the_signature_is_over_the_bytes_that_came(
    server: Server, secrets: tuple[NewKey, NewKey]
) -> None:
    body = event(server, "s-bytes")
    stamp = str(int(time.time()))
    signature = standard_webhooks.sign(
        standard_webhooks.decode_secret(secrets[0].secret), "msg-1", int(stamp), body
    )
    spaced = body.replace(b'{"specversion', b'{ "specversion')
    answer = signed(
        server,
        secrets[0].secret,
        spaced,
        changed={"webhook-timestamp": stamp, "webhook-signature": signature},
    )
    problem(answer, 401)
    assert unknown(server, "s-bytes")


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2,AAAA"},
        {"webhook-id": "msg-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [EVENTS, AMAZON, FIREHOSE])
def test_a_signature_that_does_not_fit_is_refused_at_every_door(
    server: Server, secrets: tuple[NewKey, NewKey], path: str, changed: dict[str, str]
) -> None:
    body = event(server, "s-wrong")
    answer = signed(server, secrets[0].secret, body, path=path, changed=changed)
    assert answer.status_code == 401, answer.text
    assert unknown(server, "s-wrong")


def test_a_wrong_key_is_not_saved_by_a_good_signature(
    server: Server, secrets: tuple[NewKey, NewKey]
) -> None:
    answer = signed(
        server, secrets[0].secret, event(server, "s-both"), changed={"x-api-key": "sp_0_wrong"}
    )
    problem(answer, 401)


def test_a_revoked_signing_secret_signs_nothing(server: Server) -> None:
    with server.office() as office:
        made = office.create_signing_secret("default", "gone")
        office.revoke_key(made.id)
    body = event(server, "s-none")
    problem(signed(server, made.secret, body), 401)


def test_a_signing_secret_is_unreadable_in_the_files(
    server: Server, secrets: tuple[NewKey, NewKey]
) -> None:
    plain = secrets[0].secret.removeprefix("whsec_").encode()
    stored = [path.read_bytes() for path in server.folder.iterdir() if path.is_file()]
    assert stored
    assert not any(plain in content for content in stored)
    key = server.secret("ingest").encode()
    assert not any(key in content for content in stored)
