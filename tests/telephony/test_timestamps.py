from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from adapter.telephony import timestamps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T20:00:00Z", "2026-11-21T20:00:00+00:00"),
        ("2026-11-21t20:00:00.5z", "2026-11-21T20:00:00.500000+00:00"),
        ("2026-11-21T20:00:00+05:30", "2026-11-21T14:30:00+00:00"),
        ("2026-11-21T20:00:00-00:00", "2026-11-21T20:00:00+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ("2016-12-31T23:59:60.75Z", "2016-12-31T23:59:59.750000+00:00"),
    ],
)
def test_rfc_3339_is_read_as_utc(text: str, expected: str) -> None:
    found = timestamps.rfc3339(text)
    assert found is not None
    assert found.isoformat() == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026-11-21",
        "2026-11-21T20:00:00",
        "2026-11-21T25:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-10:00",
        "\uff12026-11-21T20:00:00Z",
        "1795291200",
    ],
)
def test_what_names_no_instant_is_no_time(text: str) -> None:
    assert timestamps.rfc3339(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_is_read_back(moment: datetime) -> None:
    assert timestamps.rfc3339(moment.isoformat()) == moment


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = timestamps.rfc3339(text)
    assert found is None or found.tzinfo is UTC
