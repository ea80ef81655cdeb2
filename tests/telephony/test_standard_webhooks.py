from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from standardwebhooks.webhooks import Webhook

from adapter.errors import InvalidSettings, Unauthenticated
from adapter.telephony import standard_webhooks

# The vector of the specification's own libraries.
SECRET = standard_webhooks.decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = b"another secret, of 32 bytes long"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**change: str) -> dict[str, str]:
    signed = {
        "webhook-id": ID,
        "webhook-timestamp": str(AT),
        "webhook-signature": SIGNATURE,
    }
    return signed | {f"webhook-{name}": value for name, value in change.items()}


def test_the_published_vector_fits() -> None:
    assert standard_webhooks.sign(SECRET, ID, AT, BODY) == SIGNATURE
    standard_webhooks.verify([SECRET], headers(), BODY, now=AT)


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,AAAA {SIGNATURE}",
        f"v2,AAAA v1a,BBBB {SIGNATURE}",
        f"{SIGNATURE} v1,AAAA",
        f"nonsense  , v1,ü {SIGNATURE}",
    ],
)
def test_one_fitting_signature_of_several_is_enough(signature: str) -> None:
    standard_webhooks.verify([SECRET], headers(signature=signature), BODY, now=AT)


def test_each_secret_is_tried() -> None:
    standard_webhooks.verify([OTHER, SECRET], headers(), BODY, now=AT)
    standard_webhooks.verify([b"", SECRET], headers(), BODY, now=AT)


@pytest.mark.parametrize(
    ("secrets", "change", "body"),
    [
        ([OTHER], {}, BODY),
        ([], {}, BODY),
        ([SECRET], {}, BODY + b" "),
        ([SECRET], {"id": "msg_2"}, BODY),
        ([SECRET], {"timestamp": str(AT + 1)}, BODY),
        ([SECRET], {"signature": SIGNATURE.replace("v1,", "v2,")}, BODY),
        ([SECRET], {"signature": SIGNATURE[3:]}, BODY),
        ([SECRET], {"signature": SIGNATURE.replace("OE=", "OA=")}, BODY),
        ([SECRET], {"signature": "v1,AAAA " * 16 + SIGNATURE}, BODY),
        ([b""], {"signature": standard_webhooks.sign(b"", ID, AT, BODY)}, BODY),
    ],
    ids=["secret", "none", "body", "id", "time", "version", "bare", "digit", "flood", "empty"],
)
def test_a_signature_that_does_not_fit_is_refused(
    secrets: list[bytes], change: dict[str, str], body: bytes
) -> None:
    with pytest.raises(Unauthenticated, match="webhook-signature: no v1 signature fits"):
        standard_webhooks.verify(secrets, headers(**change), body, now=AT)


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(drift: int) -> None:
    assert standard_webhooks.looks_signed(headers(), AT + drift)


@pytest.mark.parametrize(
    ("now", "why"), [(AT + 300.5, "too old"), (AT - 301, "too far in the future")]
)
def test_a_replay_is_refused_before_the_body_is_read(now: float, why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        standard_webhooks.looks_signed(headers(), now)
    with pytest.raises(Unauthenticated, match=why):
        standard_webhooks.verify([SECRET], headers(), BODY, now=now)


def test_a_request_without_the_headers_is_not_signed() -> None:
    assert not standard_webhooks.looks_signed({"authorization": "Bearer x"}, AT)
    with pytest.raises(Unauthenticated, match="are missing"):
        standard_webhooks.verify([SECRET], {}, BODY, now=AT)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": ""}, "webhook-id: is required"),
        ({"id": "a b"}, "webhook-id: expected"),
        ({"timestamp": ""}, "webhook-timestamp: is required"),
        ({"timestamp": "1614265330.5"}, "webhook-timestamp: expected whole seconds"),
        ({"timestamp": "-1"}, "webhook-timestamp: expected whole seconds"),
        ({"timestamp": "\uff11614265330"}, "webhook-timestamp: expected whole seconds"),
        ({"signature": ""}, "webhook-signature: is required"),
    ],
)
def test_a_malformed_header_is_named(change: dict[str, str], why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        standard_webhooks.looks_signed(headers(**change), AT)


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_%%%%", "whsec_AAAA", "whsec_" + base64.b64encode(b"x" * 65).decode()],
)
def test_a_bad_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        standard_webhooks.decode_secret(text)
    assert "AAAA" not in str(caught.value)


@given(st.binary(min_size=24, max_size=64))
def test_a_new_secret_is_read_back(random: bytes) -> None:
    text = standard_webhooks.new_secret(random)
    assert standard_webhooks.decode_secret(f" {text}\n") == random
    assert standard_webhooks.decode_secret(text.rstrip("=")) == random


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="24 to 64 bytes"):
        standard_webhooks.new_secret(b"x" * 23)


@given(st.binary(min_size=24, max_size=64), st.text(st.characters(codec="utf-8")))
def test_the_standardwebhooks_library_and_we_agree(secret: bytes, text: str) -> None:
    now = int(time.time())
    body = text.encode()
    ours = standard_webhooks.sign(secret, ID, now, body)
    signed = headers(timestamp=str(now), signature=ours)
    library = Webhook(secret)
    library.verify(body, signed, json_parse=False)
    theirs = library.sign(ID, datetime.fromtimestamp(now, UTC), text)
    standard_webhooks.verify([secret], headers(timestamp=str(now), signature=theirs), body, now=now)


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.text(max_size=30) | st.just(str(AT)),
    )
)
def test_any_headers_are_refused_without_another_error(sent: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        standard_webhooks.verify([SECRET], sent, BODY, now=AT)
