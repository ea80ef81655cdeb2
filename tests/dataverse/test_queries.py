"""Write addresses, keys and filters that no value can break out of."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given, strategies as st

from adapter.dataverse import queries, requests
from adapter.dataverse.queries import Filter
from adapter.errors import MalformedInput

RECORD = "11111111-2222-3333-4444-555555555555"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def read_literal(text: str) -> str:
    """Read an OData string literal back, as a server does (OData 4.01 ABNF)."""
    match = re.fullmatch(r"'((?:[^']|'')*)'", text, re.DOTALL)
    assert match is not None, text
    return match[1].replace("''", "'")


def filter_of(query: str) -> str:
    """Decode a query string's `$filter` as a server does: `+` is a space there."""
    found = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    assert found.keys() == {"$filter"}
    return found["$filter"][0]


@given(texts)
def test_a_text_comes_back_out_of_a_filter_unchanged(text: str) -> None:
    query = queries.query(matching=queries.equals("subject", text))
    column, _, literal = filter_of(query).partition(" eq ")
    assert column == "subject"
    assert read_literal(literal) == text
    assert re.fullmatch(r"[!-~]*", query)
    assert not set('+&#;" <>\\') & set(query.replace("&$", ""))


@given(texts)
def test_a_text_comes_back_out_of_an_alternate_key_unchanged(text: str) -> None:
    path = queries.keyed("contacts", {"emailaddress1": text})
    match = re.fullmatch(r"contacts\(emailaddress1=(.*)\)", path)
    assert match is not None
    assert not set("/?#+ ") & set(match[1])
    assert read_literal(unquote(match[1])) == text


@given(texts)
def test_wildcards_in_a_text_match_only_themselves(text: str) -> None:
    literal = filter_of(queries.query(matching=queries.contains("name", text)))
    pattern = read_literal(literal.removeprefix("contains(name,").removesuffix(")"))
    assert re.sub(r"\[([\[%_])\]", r"\1", pattern) == text
    assert not re.search(r"[%_]", re.sub(r"\[[\[%_]\]", "", pattern))


@given(st.lists(texts, min_size=1, max_size=4))
def test_values_come_back_out_of_in_unchanged(values: list[str]) -> None:
    import json  # noqa: PLC0415 - the oracle

    text = filter_of(queries.query(matching=queries.one_of("statecode", values)))
    head = "Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues="
    assert json.loads(text.removeprefix(head).removesuffix(")")) == values


@given(texts)
def test_no_text_is_a_column_or_a_table_unless_it_is_a_name(text: str) -> None:
    for make in (queries.entity_set, lambda name: queries.equals(name, 1)):
        try:
            made = str(make(text))
        except MalformedInput:
            continue
        assert re.fullmatch(r"[A-Za-z_][\w/]*(?: eq 1)?", made, re.ASCII)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-1, "-1"),
        (1.5, "1.5"),
        (Decimal("10.50"), "10.50"),
        (uuid.UUID(RECORD), RECORD),
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 20, 0, 0, 123456, UTC), "2026-11-21T20:00:00.123Z"),
        ("O'Hara", "'O''Hara'"),
    ],
)
def test_a_value_is_written_as_odata_has_it(value: queries.Literal, literal: str) -> None:
    assert queries.literal(value) == literal


def test_a_plus_is_sent_as_2b() -> None:
    query = queries.query(matching=queries.contains("mobilephone", "+4420"))
    assert query == "$filter=contains(mobilephone,'%2B4420')"


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_what_no_url_carries_is_refused(bad: str) -> None:
    with pytest.raises(MalformedInput):
        queries.query(matching=queries.equals("subject", bad))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), Decimal("Infinity")])
def test_what_is_no_number_is_refused(bad: float | Decimal) -> None:
    with pytest.raises(MalformedInput):
        queries.literal(bad)


@pytest.mark.parametrize("bad", ["", "x", "1)/accounts(1", RECORD + ")", "(STEP2)"])
def test_only_a_guid_is_a_record_id(bad: str) -> None:
    with pytest.raises(MalformedInput):
        queries.record("phonecalls", bad)


def test_braces_and_case_of_a_guid_do_not_matter() -> None:
    assert queries.record("phonecalls", "{" + RECORD.upper() + "}") == f"phonecalls({RECORD})"


def test_filters_are_joined_in_parentheses() -> None:
    a, b = queries.equals("a", 1), queries.equals("b", 2)
    either = queries.any_of(a, queries.negated(b))
    assert queries.all_of(either, a) == "((a eq 1) or (not (b eq 2))) and (a eq 1)"
    assert queries.all_of(a) == a
    with pytest.raises(MalformedInput):
        queries.all_of()
    with pytest.raises(MalformedInput):
        queries.compare("a", "eq 1 or 1", 1)


def test_every_option_of_a_query_is_written() -> None:
    query = queries.query(
        select=["subject", "phonenumber"],
        matching=Filter("statecode eq 0"),
        order=[("createdon", "desc")],
        top=1,
        expand="regardingobjectid_contact($select=fullname)",
        count=True,
    )
    assert query == (
        "$select=subject,phonenumber&$filter=statecode%20eq%200&$orderby=createdon%20desc&$top=1"
        "&$expand=regardingobjectid_contact($select%3Dfullname)&$count=true"
    )


def test_an_update_never_creates_and_a_create_asks_for_nothing_back() -> None:
    path = queries.record("phonecalls", RECORD)
    change = requests.update(path, {"subject": "x"})
    assert ("If-Match", "*") in change.headers
    assert requests.headers(change)["Content-Type"].startswith("application/json")
    assert requests.headers(requests.upsert(path, {})).keys().isdisjoint({"If-Match", "Prefer"})
    assert requests.create("phonecalls", {}, returning=True).headers == (
        ("Prefer", "return=representation"),
    )
    acting = requests.create("phonecalls", {}, caller=RECORD.upper())
    assert requests.headers(acting)["CallerObjectId"] == RECORD
