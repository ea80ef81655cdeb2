from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from adapter.demo.simulated.dataverse import filters, seeding, tables
from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.refusals import Refusal
from tests.simulated.conftest import ADATUM, MARIA, Api, refusal

FORMATTED = "OData.Community.Display.V1.FormattedValue"


def names(api: Api, query: str) -> list[str]:
    return [row["fullname"] for row in api.get(f"contacts?$select=fullname&{query}")["value"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lastname eq 'weber'", {"Maria Weber"}),
        ("lastname eq 'O''Brien'", {"Samuel O'Brien"}),
        ("contains(telephone1,'+49 30')", {"Maria Weber", "Jonas Krüger"}),
        ("startswith(lastname,'W') or endswith(lastname,'an')", {"Maria Weber", "Priya Raman"}),
        ("contains(lastname,'W%r')", {"Maria Weber", "Tom & Sue Ashworth"}),
        ("not contains(telephone1,'+') and lastname eq 'Weber'", set()),
        (f"contactid eq {MARIA.upper()}", {"Maria Weber"}),
        (f"_parentcustomerid_value eq {ADATUM}", {"Maria Weber", "Jonas Krüger"}),
        ("parentcustomerid_account/name eq 'Adatum Freight GmbH'", {"Maria Weber", "Jonas Krüger"}),
        ("mobilephone ne null", {"Denise Carter"}),
        ("mobilephone ne '+1 202-555-0143' and lastname eq 'Weber'", {"Maria Weber"}),
        ("preferredcontactmethodcode gt 2 and address1_city eq 'Lyon'", set()),
        ("createdon ge 2026-01-01 and createdon lt 2026-12-01T00:00:00Z and lastname eq 'Mori'",
         {"Kenji Mori"}),
        ("(lastname eq 'Mori' or lastname eq 'Raman') and donotphone eq false",
         {"Kenji Mori", "Priya Raman"}),
        ("Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=[\"MORI\",\"x\"])",
         {"Kenji Mori"}),
        ("Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=[\"1\",\"2\"])", set()),
    ],
)  # fmt: skip
def test_filters_find_what_they_say(api: Api, text: str, found: set[str]) -> None:
    assert set(names(api, f"$filter={quote(text)}")) == found


def test_a_plus_that_is_not_encoded_finds_nothing(api: Api) -> None:
    assert names(api, "$filter=contains(telephone1,'+49 30')") == []


@pytest.mark.parametrize(
    "text",
    [
        "nosuch eq 1",
        "parentcustomerid eq null",
        "lastname eq",
        "lastname = 'x'",
        "lastname eq 'x' and",
        "(lastname eq 'x'",
        "lastname eq 5",
        "preferredcontactmethodcode eq 'Email'",
        "contactid eq 'x'",
        "contains(lastname)",
        "Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=[0,1])",
    ],
)
def test_a_filter_that_does_not_fit_is_refused(api: Api, text: str) -> None:
    assert refusal(api("GET", f"contacts?$filter={quote(text)}")) == (400, "0x80060888")


def test_unknown_columns_are_refused_wherever_they_stand(api: Api) -> None:
    for query in ("$select=nosuch", "$orderby=nosuch", "$expand=nosuch", "$nosuch=1", "$skip=1"):
        assert refusal(api("GET", f"contacts?{query}")) == (400, "0x80060888"), query


@pytest.mark.parametrize("query", ["fetchXml=%3Cfetch/%3E", "sql=SELECT%201", "$apply=x"])
def test_what_is_not_simulated_says_so(api: Api, query: str) -> None:
    response = api("GET", f"contacts?{query}")
    assert response.status_code == 501
    assert "not part of the simulated Dataverse" in response.json()["error"]["message"]


def test_rows_are_ordered_and_cut(api: Api) -> None:
    assert names(api, "$orderby=lastname desc,firstname&$top=2") == ["佐藤 美咲", "Maria Weber"]


def test_pages_follow_their_links_to_the_end_without_repeats(api: Api) -> None:
    path = (
        "contacts?$select=fullname&$filter=contains(telephone1,'%2B')&$orderby=fullname&$count=true"
    )
    seen: list[str] = []
    pages = 0
    while path:
        page = api.get(path, Prefer="odata.maxpagesize=3")
        assert page["@odata.count"] == 10
        assert len(page["value"]) <= 3
        seen += [row["fullname"] for row in page["value"]]
        path = page.get("@odata.nextLink", "")
        pages += 1
    assert (pages, len(seen), seen) == (4, 10, sorted(seen, key=str.casefold))


def test_count_stands_alone_as_text(api: Api) -> None:
    response = api("GET", "contacts/$count?$filter=lastname eq 'Weber'")
    assert response.text.lstrip("\ufeff") == "1"


def test_annotations_come_only_when_asked_for(api: Api) -> None:
    path = f"contacts({MARIA})?$select=preferredcontactmethodcode,_parentcustomerid_value"
    assert not any(FORMATTED in name for name in api.get(path))
    row = api.get(path, Prefer=f'odata.include-annotations="{FORMATTED}"')
    assert row[f"preferredcontactmethodcode@{FORMATTED}"] == "Email"
    assert row[f"_parentcustomerid_value@{FORMATTED}"] == "Adatum Freight GmbH"
    assert not any("lookuplogicalname" in name for name in row)


def test_expand_takes_its_own_options(api: Api) -> None:
    row = api.get(
        f"accounts({ADATUM})?$select=name&$expand=contact_customer_accounts"
        "($select=fullname;$orderby=fullname desc;$top=1),createdby($select=fullname)"
    )
    assert [one["fullname"] for one in row["contact_customer_accounts"]] == ["Maria Weber"]
    assert row["createdby"]["fullname"] == "Alice Ahrens"


def test_whoami_is_answered_with_and_without_parentheses(api: Api) -> None:
    first, second = api.get("WhoAmI"), api.get("WhoAmI()")
    assert first == second
    user = api.get(f"systemusers({first['UserId']})?$select=applicationid")
    assert user["applicationid"] == api.simulation.world.application.client_id
    assert api.get(f"organizations({first['OrganizationId']})")["name"] == "Contoso"


DATABASE = Database(tables.catalog())
seeding.fill(DATABASE, organization="o", client_id="c", domain="contoso.example")


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_no_text_whatever_breaks_the_filter_parser(text: str) -> None:
    try:
        predicate = filters.parse(text, tables.CONTACT, DATABASE)
    except Refusal as refused:
        if refused.status not in {400, 501}:
            raise
        return
    for row in DATABASE.rows("contact").values():
        assert predicate(row) in (True, False)


@given(st.text(max_size=30))
def test_a_quoted_text_finds_the_row_that_holds_it(text: str) -> None:
    quoted = text.replace("'", "''")
    predicate = filters.parse(f"lastname eq '{quoted}'", tables.CONTACT, DATABASE)
    assert predicate({"lastname": text})
    assert not predicate({"lastname": text + "x"})
