"""What a raw request shows: never a secret, no person unless an admin asked."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter import redaction

PHONE = "+493023125101"


def shown(body: Any, **options: Any) -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return redaction.body(content, **options)


@pytest.mark.parametrize(
    "body",
    [
        {"customer": {"phone": PHONE}},
        {"CustomerEndpoint": {"Address": PHONE, "Type": "TELEPHONE_NUMBER"}},
        {"note": f"call me at {PHONE}!"},
        {"note": f"sip:{PHONE}@pbx.example"},
        {"url": "https://x.example/?from=%2B493023125101"},
        {"anything": 493023125101},
        {"phone": 112},
        {"caller": ["03023125101"]},
        {"note": "ring (030) 2312-5101 please"},
        {PHONE: "as a name"},
        {"data_base64": base64.b64encode(json.dumps({"phone": PHONE}).encode()).decode()},
        {
            "records": [
                {"data": base64.b64encode(b'{"CustomerEndpoint": "+493023125101"}').decode()}
            ]
        },
    ],
    ids=str,
)
def test_a_phone_number_is_hidden_wherever_it_stands(body: dict[str, Any]) -> None:
    plain = "".join(each for each in shown(body) if each.isalnum())
    assert "23125101" not in plain
    assert ": 112" not in shown(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time", "2026-11-21T20:00:00Z"),
        ("startedAt", "2026-11-21T20:00:00.000+01:00"),
        ("id", "0c6a2f7e-11d4-4a25-9f6c-9e1f6c4f2b10"),
        ("contactId", "12345678901"),
        ("eventTimestamp", 1795302000000),
        ("size", 123456789),
        ("region", "eu-central-1"),
        ("queue", "sales"),
        ("arn", "arn:aws:connect:eu-central-1:123456789012:instance/abc"),
        ("duration", 61),
    ],
)
def test_what_is_nobodys_stays_readable(name: str, value: Any) -> None:
    assert json.loads(shown({name: value})) == {name: value}


@pytest.mark.parametrize("reveal", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        {"token": "geheim"},
        {"clientSecret": "geheim"},
        {"password": {"value": "geheim"}},
        {"headers": {"Authorization": "Bearer geheim-geheim"}},
        {"note": "Authorization: Bearer geheim.geheim"},
        {"note": "use sp_0123456789ab_geheimgeheim here"},
        {"note": "whsec_geheimgeheim"},
        {"url": "https://s3.example/a.wav?X-Amz-Signature=geheim&X-Amz-Date=20261121"},
        {"url": "https://x.example/?access_token=geheim"},
        {"api_key": 12345},
        b'{"token": "geheim", "cut off',
        b"access token: Bearer geheimgeheim",
    ],
    ids=str,
)
def test_a_secret_is_hidden_even_from_who_asks_for_everything(body: Any, reveal: bool) -> None:
    text = shown(body, reveal=reveal)
    assert "geheim" not in text
    assert "12345" not in text


def test_who_asks_for_everything_sees_the_person() -> None:
    text = shown({"customer": {"phone": PHONE, "name": "Maria"}, "n": 493023125101}, reveal=True)
    assert PHONE in text
    assert "Maria" in text
    assert "493023125101" in text


def test_what_was_decoded_as_a_persons_is_hidden_in_any_field() -> None:
    text = shown(
        {"subject": "Maria Weber called", "x": {"y": "Weber"}}, known={"Maria Weber", "Weber"}
    )
    assert "Maria" not in text
    assert "Weber" not in text


def test_a_body_that_was_cut_off_is_redacted_too() -> None:
    whole = json.dumps(
        {"phone": PHONE, "name": "Maria", "time": "2026-11-21T20:00:00Z", "x": "y" * 9}
    )
    text = redaction.body(whole.encode()[:-5])
    assert "Maria" not in text
    assert "23125101" not in text
    assert "2026-11-21T20:00:00Z" in text
    for end in range(len(whole)):
        part = redaction.body(whole.encode()[:end])
        assert "Mari" not in part
        assert "231251" not in part


def test_bytes_that_are_no_text_are_counted() -> None:
    assert redaction.body(b"\x1f\x8b\x00") == "(3 bytes that are no UTF-8)"


def test_few_headers_are_shown_and_no_credential() -> None:
    raw = [
        (b"Content-Type", b"application/json"),
        (b"Authorization", b"Bearer sp_0123456789ab_geheimgeheim"),
        (b"X-Api-Key", b"geheim"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"ce-subject", b"call of +493023125101"),
        (b"User-Agent", b"curl/8 access sp_0123456789ab_geheimgeheim"),
    ]
    for reveal in (False, True):
        found = redaction.headers(raw, reveal=reveal)
        assert [name for name, _ in found] == [name.decode().lower() for name, _ in raw]
        assert "geheim" not in str(found)
        assert "192.0.2.1" not in str(found)
        assert ("content-type", "application/json") in found
    assert "23125101" not in str(redaction.headers(raw))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=400))
def test_any_bytes_can_be_shown(content: bytes) -> None:
    redaction.body(content).encode()
    redaction.body(content, reveal=True).encode()


@given(JSON)
def test_any_json_stays_json(value: Any) -> None:
    json.loads(shown(value))


@given(
    JSON,
    st.sampled_from(["phone", "note", "x", "id", "time", "customerName", ""]),
    st.from_regex(r"\+[1-9][0-9]{8,13}", fullmatch=True),
    st.sampled_from(["", "call ", "tel:", "(", "a,b; "]),
)
def test_no_international_number_gets_through(
    around: Any, name: str, number: str, before: str
) -> None:
    text = shown({"around": [around], name or "y": before + number})
    assert number not in text


@given(st.text(min_size=1), st.sampled_from(["secret", "Password", "api-key", "x_token", "Cookie"]))
def test_no_value_under_a_secrets_name_gets_through(value: str, name: str) -> None:
    assert json.loads(shown({name: value})) == {name: redaction.WITHHELD}


@given(st.integers(min_value=0, max_value=40_000))
def test_a_deep_body_is_no_fault(depth: int) -> None:
    redaction.body(b"[" * depth + b"]" * depth)
