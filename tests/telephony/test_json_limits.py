from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, strategies as st

from adapter.errors import MalformedInput, PayloadTooLarge
from adapter.telephony import json_limits

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=40,
)


def depth(value: object) -> int:
    """Measure nesting the plain way, as the oracle."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@given(JSON, st.integers(0, 40))
def test_the_depth_limit_is_exact(value: object, wraps: int) -> None:
    for wrap in range(wraps):
        value = [value, "]["] if wrap % 2 else {'"{': value}
    body = json.dumps(value).encode()
    too_deep = depth(value) > json_limits.MAX_DEPTH
    try:
        json_limits.check_depth(body)
    except PayloadTooLarge:
        assert too_deep
    else:
        assert not too_deep


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        nested(500_000),
        nested(33),
        b"[" * 40 + b'"' + b'\\"' * 300_000,
    ],
    ids=["opened", "objects", "closed", "one too deep", "unclosed string"],
)
def test_hostile_nesting_is_refused_at_once(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(PayloadTooLarge, match="deeper than 32"):
        json_limits.parse(body)
    assert time.process_time() - started < 5, "a linear scan takes milliseconds"


def test_thirty_two_levels_are_taken() -> None:
    assert depth(json_limits.parse(nested(32))) == 32


def test_braces_inside_strings_do_not_nest() -> None:
    text = "[{" * 1_000
    assert json_limits.parse(json.dumps([text, "\\", text]).encode()) == [text, "\\", text]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"NaN",
        b"[Infinity]",
        b'"\\ud800"',
        b'"\\ud800x"',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"[1,]",
        b"{} {}",
        b'"\x00"',
        b"]",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput, match="The body is not JSON"):
        json_limits.parse(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b'{"data":', "it ends too early (byte 8)"),
        (b'{"a":}', "invalid character (byte 5)"),
        (b"{} x", "trailing characters (byte 4)"),
        (b'{"a":1,}', "trailing comma in object (byte 7)"),
        (b'{"a":"b\xff"}', "it is not UTF-8 (byte 7)"),
        (b'["\\ud83d\\ude00\\\\ud800\\ud800"]', "\\ud800 is half a character (byte 21)"),
        (b'"\\ud8', "it ends too early (byte 5)"),
    ],
)
def test_it_is_said_in_plain_words_why_and_where_a_body_is_no_json(body: bytes, said: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        json_limits.parse(body)
    assert str(caught.value) == f"The body is not JSON: {said}"
    assert [(each.at, each.detail) for each in caught.value.places] == [("", said)]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"data":{"attributes":{"a/b":[1,1e400]}}}', "/data/attributes/a~1b/1: "),
        (b'{"a":-1e999}', "/a: "),
        (b"[" + b"1" * 5000 + b"]", "/0: "),
        (b"1e400", ""),
        (b'{"a":1e400,"b":', ""),
    ],
)
def test_a_number_that_no_double_holds_is_named(body: bytes, place: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        json_limits.parse(body)
    assert str(caught.value) == f"{place}expected a number of at most 1.8e308"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"data":{"customer":{"na/me":"a\\u0000"}}}', "/data/customer/na~1me"),
        (b'[["\\\\\\u0000"]]', "/0/0"),
        (b'{"a":{"\\u0000":1}}', "/a"),
        (b'{"a":"\\u0000","a":1}', ""),
    ],
)
def test_u0000_is_refused_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        json_limits.parse(body)
    assert caught.value.places[0].at == place


def test_an_escaped_backslash_before_u0000_is_harmless() -> None:
    assert json_limits.parse(b'"\\\\u0000"') == "\\u0000"


def test_of_doubled_names_the_last_counts() -> None:
    assert json_limits.parse(b'{"a":1,"a":2}') == {"a": 2}


def test_an_array_is_split_and_limited() -> None:
    assert [bytes(each) for each in json_limits.items(b"[1, {}]", most=2)] == [b"1", b"{}"]
    with pytest.raises(PayloadTooLarge, match="3 events in one request, at most 2"):
        json_limits.items(b"[1,2,3]", most=2)
    with pytest.raises(MalformedInput, match="expected an array"):
        json_limits.items(b"{}", most=2)
    with pytest.raises(MalformedInput, match=r"not JSON: it ends too early \(byte 2\)"):
        json_limits.items(b"[1", most=2)
    with pytest.raises(PayloadTooLarge, match="deeper"):
        json_limits.items(nested(100_000), most=2)


def test_the_integer_that_no_store_takes_is_named() -> None:
    error = json_limits.unstorable({"a": [1, "x", 2**70]}, "/data")
    assert str(error) == "/data/a/2: expected an integer of at most 64 bits"
    assert str(json_limits.unstorable({}, "/data")) == "/data: cannot be stored"


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    try:
        value = json_limits.parse(body)
    except MalformedInput:
        return
    assert value == json.loads(body)


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b' [ 1 , "\\ud800", {"a":NaN} ] ', [b"1", b'"\\ud800"', b'{"a":NaN}']),
        (b'["\x01", 1e999]', [b'"\x01"', b"1e999"]),
        (b'["\\ud800"', None),
        (b'["\\ud800"] x', None),
        (b'["\\ud800" 1]', None),
        (b'["\\ud800",]', None),
        (b'["\\ud800",{"a":1,}]', None),
    ],
)
def test_an_array_is_split_though_an_element_is_no_strict_json(
    body: bytes, elements: list[bytes] | None
) -> None:
    if elements is None:
        with pytest.raises(MalformedInput, match="The body is not JSON"):
            json_limits.items(body, most=9)
    else:
        assert [bytes(each) for each in json_limits.items(body, most=9)] == elements


def test_an_array_with_a_fault_in_it_has_the_same_limits() -> None:
    with pytest.raises(PayloadTooLarge, match="at most 9"):
        json_limits.items(b'["\\ud800"' + b",1" * 9 + b"]", most=9)
    with pytest.raises(PayloadTooLarge, match="deeper than 32"):
        json_limits.items(b'["\\ud800",' + b"[" * 100_000, most=9)
