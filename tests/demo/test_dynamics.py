from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from adapter.demo import samples
from adapter.demo.crm_address import DASHBOARD_ID
from adapter.demo.crm_tables import ACCOUNT, CONTACT
from adapter.demo.dynamics import dynamics_app

APP = f"appid={samples.APP_ID}"
MARIA = samples.CONTACTS[0].id
NOBODY = "00000000-0000-0000-0000-000000000000"
PEOPLE = CONTACT.views[0].id
MINE = ACCOUNT.views[1].id
ADAPTER = "http://screenpop.localhost:8000"


@pytest.fixture
def crm() -> TestClient:
    return TestClient(dynamics_app(adapter_url=ADAPTER), base_url="http://contoso.localhost:8000")


def form(table: str, **defaults: str) -> str:
    """Write the query of a create form, encoded twice as Microsoft asks."""
    extraqs = quote(urlencode(defaults, quote_via=quote), safe="")
    return f"{APP}&pagetype=entityrecord&etn={table}&extraqs={extraqs}"


REFUSED = {
    "a table that is not there": (f"{APP}&pagetype=entityrecord&etn=lead&id={MARIA}", 404, "etn"),
    "the plural name": (f"{APP}&pagetype=entityrecord&etn=contacts&id={MARIA}", 400, "etn"),
    "no table": (f"{APP}&pagetype=entityrecord&id={MARIA}", 400, "etn"),
    "upper case": (f"{APP}&pagetype=entityrecord&etn=Contact&id={MARIA}", 404, "etn"),
    "a table code": (f"{APP}&pagetype=entityrecord&etn=contact&etc=2", 400, "etc"),
    "no GUID": (f"{APP}&pagetype=entityrecord&etn=contact&id=42", 400, "id"),
    "an empty id": (f"{APP}&pagetype=entityrecord&etn=contact&id=", 400, "id"),
    "half a brace": (f"{APP}&pagetype=entityrecord&etn=contact&id=%7B{MARIA}", 400, "id"),
    "no such record": (f"{APP}&pagetype=entityrecord&etn=contact&id={NOBODY}", 404, "id"),
    "another table's record": (f"{APP}&pagetype=entityrecord&etn=account&id={MARIA}", 404, "id"),
    "appid and appname": (f"{APP}&appname={samples.APP_NAME}&pagetype=dashboard", 400, "appname"),
    "an app that is not there": (f"appid={NOBODY}&pagetype=dashboard", 404, "appid"),
    "an app's name that is not there": ("appname=msdyn_None&pagetype=dashboard", 404, "appname"),
    "an appid that is no GUID": ("appid=hub&pagetype=dashboard", 400, "appid"),
    "another page type": (f"{APP}&pagetype=control", 400, "pagetype"),
    "a form without page type": (f"{APP}&etn=contact&id={MARIA}", 400, "pagetype"),
    "a parameter twice": (f"{APP}&pagetype=dashboard&pagetype=search", 400, "pagetype"),
    "a broken escape": (f"{APP}&pagetype=search&searchText=100%", 400, "searchText"),
    "no UTF-8": (f"{APP}&pagetype=search&searchText=%FF", 400, "searchText"),
    "an empty search": (f"{APP}&pagetype=search&searchText=%20", 400, "searchText"),
    "a long search": (f"{APP}&pagetype=search&searchText={'x' * 101}", 400, "searchText"),
    "another search type": (f"{APP}&pagetype=search&searchText=a&searchType=9", 400, "searchType"),
    "a list without view": (f"{APP}&pagetype=entitylist&etn=contact", 400, "viewid"),
    "another table's view": (
        f"{APP}&pagetype=entitylist&etn=account&viewid={PEOPLE}",
        404,
        "viewid",
    ),
    "a wrong view type": (
        f"{APP}&pagetype=entitylist&etn=contact&viewid={PEOPLE}&viewtype=4230",
        400,
        "viewtype",
    ),
    "a system type on a personal view": (
        f"{APP}&pagetype=entitylist&etn=account&viewid={MINE}&viewtype=1039",
        400,
        "viewtype",
    ),
    "a view type that is not there": (
        f"{APP}&pagetype=entitylist&etn=contact&viewid={PEOPLE}&viewtype=1",
        400,
        "viewtype",
    ),
    "another navbar": (f"{APP}&pagetype=dashboard&navbar=none", 400, "navbar"),
    "another cmdbar": (f"{APP}&pagetype=dashboard&cmdbar=off", 400, "cmdbar"),
    "no such dashboard": (f"{APP}&pagetype=dashboard&id={NOBODY}", 404, "id"),
}


@pytest.mark.parametrize(("query", "status", "parameter"), REFUSED.values(), ids=REFUSED)
def test_a_bad_parameter_is_refused_by_name(
    crm: TestClient, query: str, status: int, parameter: str
) -> None:
    answer = crm.get(f"/main.aspx?{query}")
    assert answer.status_code == status
    assert f'data-parameter="{parameter}"' in answer.text


NO_DEFAULTS = {
    "no such column": ("contact", {"nickname": "Mia"}, "nickname"),
    "a computed column": ("contact", {"fullname": "Mia"}, "fullname"),
    "a list of parties": ("phonecall", {"to": MARIA}, "to"),
    "a regarding lookup": ("phonecall", {"regardingobjectid": MARIA}, "regardingobjectid"),
    "a choice by its label": ("incident", {"prioritycode": "High"}, "prioritycode"),
    "a boolean by a word": ("phonecall", {"directioncode": "Incoming"}, "directioncode"),
    "a date by words": ("contact", {"birthdate": "tomorrow"}, "birthdate"),
    "a long text": ("contact", {"firstname": "x" * 51}, "firstname"),
    "a script": ("contact", {"lastname": "<script>1</script>"}, "lastname"),
    "another table's form": ("contact", {"formid": ACCOUNT.form}, "formid"),
    "a lookup by its name": (
        "incident",
        {"primarycontactid": "Maria", "primarycontactidname": "Maria"},
        "primarycontactid",
    ),
    "a lookup without name": ("incident", {"primarycontactid": MARIA}, "primarycontactid"),
    "a simple lookup with type": (
        "incident",
        {
            "primarycontactid": MARIA,
            "primarycontactidname": "Maria",
            "primarycontactidtype": "contact",
        },
        "primarycontactidtype",
    ),
    "a customer without type": (
        "incident",
        {"customerid": MARIA, "customeridname": "Maria"},
        "customerid",
    ),
    "a name without its lookup": ("incident", {"customeridname": "Maria"}, "customeridname"),
}


@pytest.mark.parametrize(("table", "defaults", "column"), NO_DEFAULTS.values(), ids=NO_DEFAULTS)
def test_a_bad_default_value_is_refused_by_its_column(
    crm: TestClient, table: str, defaults: dict[str, str], column: str
) -> None:
    answer = crm.get(f"/main.aspx?{form(table, **defaults)}")
    assert answer.status_code == 400
    assert f'data-parameter="extraqs" data-column="{column}"' in answer.text


@pytest.mark.parametrize("extraqs", ["lastname%3DA%26B", "lastname%3D5%25", "lastname%3DA%25FF"])
def test_default_values_that_were_encoded_once_are_refused(crm: TestClient, extraqs: str) -> None:
    query = f"{APP}&pagetype=entityrecord&etn=contact&extraqs={extraqs}"
    assert crm.get(f"/main.aspx?{query}").status_code == 400


@pytest.mark.parametrize("written", [MARIA, f"%7B{MARIA}%7D", MARIA.upper()])
def test_a_record_is_shown_with_every_parameter(crm: TestClient, written: str) -> None:
    answer = crm.get(f"/main.aspx?{APP}&pagetype=entityrecord&etn=contact&id={written}&histKey=7")
    assert answer.status_code == 200
    assert f'data-table="contact" data-id="{MARIA}"' in answer.text
    assert "Maria Weber" in answer.text
    for name in ("appid", "pagetype", "etn", "id", "histKey"):
        assert f'<tr data-name="{name}"' in answer.text
    assert answer.text.count("not used") == 1
    assert f"<code>{written}</code>" in answer.text


def test_default_values_are_decoded_twice(crm: TestClient) -> None:
    answer = crm.get(f"/main.aspx?{form('contact', lastname='A=B&C', telephone1='+49 30')}")
    assert answer.status_code == 200
    assert "<td>A=B&amp;C</td><td><code>A%3DB%26C</code></td>" in answer.text
    assert "<td>+49 30</td>" in answer.text


def test_a_phone_number_encoded_once_has_lost_its_plus(crm: TestClient) -> None:
    query = f"{APP}&pagetype=entityrecord&etn=contact&extraqs=telephone1%3D%2B4930"
    assert "<td> 4930</td>" in crm.get(f"/main.aspx?{query}").text


def test_good_default_values_of_every_kind_are_taken(crm: TestClient) -> None:
    case = {
        "title": "New case",
        "prioritycode": "1",
        "customerid": MARIA,
        "customeridname": "Maria Weber",
        "customeridtype": "contact",
        "primarycontactid": MARIA,
        "primarycontactidname": "Maria Weber",
        "formid": "4a63c8f9-6c1e-48ec-9db4-3e6c7155334c",
    }
    assert crm.get(f"/main.aspx?{form('incident', **case)}").status_code == 200
    call = {"subject": "Ring", "directioncode": "false", "scheduledend": "01/31/11"}
    assert crm.get(f"/main.aspx?{form('phonecall', **call)}").status_code == 200


def test_a_value_cannot_write_into_the_page(crm: TestClient) -> None:
    answer = crm.get(f"/main.aspx?{form('contact', lastname='<b onclick=x>')}&%3Ci%3E=%3Ci%3E")
    assert "<b onclick" not in answer.text
    assert "<i>" not in answer.text


def test_a_list_shows_its_rows(crm: TestClient) -> None:
    answer = crm.get(
        f"/main.aspx?{APP}&pagetype=entitylist&etn=contact&viewid=%7B{PEOPLE}%7D&viewtype=1039"
    )
    assert answer.status_code == 200
    assert all(str(escape(row.name)) in answer.text for row in samples.CONTACTS)


@pytest.mark.parametrize("text", ["weber", "2312 5101", "+493023125101"])
def test_a_search_finds_names_and_numbers(crm: TestClient, text: str) -> None:
    answer = crm.get("/main.aspx", params={"pagetype": "search", "searchText": text})
    assert answer.status_code == 200
    assert ">Maria Weber</a>" in answer.text


def test_the_dashboard_frames_the_connector_with_the_adapters_address(crm: TestClient) -> None:
    answer = crm.get("/")
    assert answer.status_code == 200
    assert f"id={DASHBOARD_ID}" in str(answer.url)
    assert f'src="/WebResources/screenpop_/connector.html?data={quote(ADAPTER, safe="")}"' in (
        answer.text
    )


def test_nobody_may_frame_dynamics_unless_the_admin_says_so(crm: TestClient) -> None:
    default = crm.get("/main.aspx").headers["content-security-policy"]
    assert default.endswith("frame-ancestors 'self' https://*.powerapps.com")
    with_adapter = TestClient(dynamics_app(adapter_url=ADAPTER, framed_by=[ADAPTER]))
    assert with_adapter.get("/main.aspx").headers["content-security-policy"].endswith(ADAPTER)


def test_only_the_connector_is_a_web_resource(crm: TestClient) -> None:
    assert (
        crm.get("/WebResources/screenpop_/connector.js")
        .headers["content-type"]
        .startswith("text/javascript")
    )
    for name in ("secrets.js", "..%2f..%2fsettings.py", "panel%2fmain.js"):
        assert crm.get(f"/WebResources/screenpop_/{name}").status_code == 404


def test_every_link_of_every_page_leads_to_a_page(crm: TestClient) -> None:
    seen, waiting = set[str](), ["/"]
    while waiting:
        url = waiting.pop()
        answer = crm.get(url)
        assert answer.status_code == 200, url
        for part in answer.text.split('href="')[1:]:
            link = part.partition('"')[0].replace("&amp;", "&")
            if link not in seen:
                seen.add(link)
                waiting.append(link.partition("#")[0])
    assert len(seen) > len(samples.ROWS)
