"""Who is sought is found in every spelling, and nobody else is."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from adapter import sought
from adapter.errors import MalformedInput

PHONE = sought.read("+49 30 231251-01", None, None)


@pytest.mark.parametrize(
    "written",
    [
        "+493023125101",
        "00493023125101",
        "493023125101",
        "+49 (30) 231251-01",
        "tel:+49-30-23125101",
        "sip:+493023125101@pbx.example;user=phone",
        " +49.30.231.251.01 ",
    ],
)
def test_a_number_is_known_however_it_is_written(written: str) -> None:
    assert sought.is_of(PHONE, "c", [{"phone": written}])
    assert sought.is_of(PHONE, "c", [{}, {"CustomerEndpoint": {"Address": [written]}}])


@pytest.mark.parametrize(
    "written",
    ["+49302312510", "+4930231251010", "3023125101", "call +493023125101 back", "", "+", "alice"],
)
def test_another_number_or_a_text_about_one_is_not_it(written: str) -> None:
    assert not sought.is_of(PHONE, "c", [{"phone": written}])


def test_a_number_that_came_as_a_number_is_known() -> None:
    assert sought.is_of(PHONE, "c", [{"phone": 493023125101}])
    assert not sought.is_of(PHONE, "c", [{"phone": True}, {"x": None}, {"y": 1.5}])


@pytest.mark.parametrize(
    ("given_", "value"),
    [
        ("Maria Weber", " maria weber"),
        ("maria@example.com", "Maria@Example.COM"),
        ("7A1C0001-53b2-ed11-83ff-000d3a020001", "{7a1c0001-53B2-ed11-83ff-000d3a020001}"),
        ("STRASSE", "straße"),
    ],
)
def test_a_person_is_known_whatever_the_case(given_: str, value: str) -> None:
    assert sought.is_of(sought.read(None, given_, None), "c", [{"x": [{"deep": value}]}])


def test_a_part_of_a_name_is_nobody() -> None:
    wanted = sought.read(None, "Maria", None)
    assert not sought.is_of(wanted, "Maria", [{"name": "Maria Weber"}])


def test_a_contact_is_known_by_its_id_alone() -> None:
    wanted = sought.read(None, None, "c-1")
    assert sought.is_of(wanted, "c-1", [])
    assert not sought.is_of(wanted, "c-2", [{"name": "c-1"}])


@pytest.mark.parametrize(
    ("phone", "person", "contact"),
    [
        (None, None, None),
        ("+4930231251", "Maria", None),
        ("+49", None, None),
        ("1234", None, None),
        ("alice", None, None),
        (None, "ab", None),
        (None, "  {}  ", None),
        (None, None, ""),
    ],
)
def test_what_would_match_strangers_is_refused(
    phone: str | None, person: str | None, contact: str | None
) -> None:
    with pytest.raises(MalformedInput):
        sought.read(phone, person, contact)


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=9))
def test_any_json_is_searched(value: object) -> None:
    assert sought.is_of(PHONE, "c", [{"x": value, "y": "+493023125101"}])


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    digits = sought.number(text)
    assert digits is None or digits == "" or (digits.isascii() and digits.isdecimal())
