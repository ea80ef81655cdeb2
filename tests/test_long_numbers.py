"""Show that digits and times that Python cannot take are no mistake of ours."""

from __future__ import annotations

import pytest

from adapter.placeholders import MissingValue, Reference, Values
from adapter.steps import facts, templates

MANY = "9" * 5000
"""More digits than `int` reads."""


def test_a_number_of_thousands_of_digits_is_no_whole_number() -> None:
    assert templates.whole_number(MANY) is None
    assert templates.whole_number("9" * 19) == int("9" * 19)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_outside_of_the_calendar_is_no_time(written: str) -> None:
    assert facts.moment(written) is None


def test_a_position_of_thousands_of_digits_is_in_no_list() -> None:
    values = Values(attributes={"rows": ["first"]})
    assert values.find(Reference("rows.0", field="rows.0"), "") == "first"
    with pytest.raises(MissingValue):
        values.find(Reference("rows", field=f"rows.{MANY}"), "")
