"""`main.aspx` URLs: what Microsoft documents, and what strangers' values may never do."""

from __future__ import annotations

import contextlib
import dataclasses
import string
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies as st

from adapter.dynamics import hosts
from adapter.main_aspx import MAX_LENGTH, list_url, parse, record_url, search_url

ORG = "https://contoso.crm4.dynamics.com"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
ID = "91330924-802a-4b0d-a900-34fd9d790829"
FORM = "690b4a80-6a5a-4c0f-8b5b-0b5c4b5c4b5d"
DEMO = "http://contoso.localhost:8000"
REGIONS = ["", *(str(number) for number in range(2, 23))]


def record(**arguments: Any) -> str:
    return record_url(**({"org": ORG, "etn": "contact", "appid": APP} | arguments))


def test_a_record_opens_by_app_page_type_table_and_id_in_this_order() -> None:
    assert record(id=ID) == f"{ORG}/main.aspx?appid={APP}&pagetype=entityrecord&etn=contact&id={ID}"


def test_without_an_id_the_form_of_a_new_record_opens_with_its_defaults() -> None:
    url = record(etn="account", defaults={"name": "A=B&C"})
    # The string is the one that Microsoft documents.
    assert url.endswith("&etn=account&extraqs=name%3DA%253DB%2526C")
    assert "&id=" not in url


def test_the_form_goes_first_into_extraqs_and_the_bars_stand_last() -> None:
    url = record(id=ID, formid=FORM, defaults=[("firstname", "New")], navbar="off", cmdbar=False)
    assert url.endswith(
        f"&id={ID}&extraqs=formid%3D{FORM}%26firstname%3DNew&navbar=off&cmdbar=false"
    )


def test_spaces_are_never_written_as_plus() -> None:
    url = record(defaults={"name": "New Account + Co"})
    assert "New%2520Account%2520%252B%2520Co" in url
    assert "+" not in url + search_url(ORG, "a b+c", appid=APP)


def test_a_view_opens_as_system_view_unless_it_is_said_to_be_personal() -> None:
    url = list_url(ORG, "contact", viewid=ID, appname="msdyn_SolutionHealthHub", navbar="entity")
    assert url == (
        f"{ORG}/main.aspx?appname=msdyn_SolutionHealthHub&pagetype=entitylist&etn=contact"
        f"&viewid={ID}&viewtype=1039&navbar=entity"
    )
    assert "viewtype=4230" in list_url(ORG, "contact", viewid=ID, viewtype=4230, appid=APP)


def test_a_search_keeps_every_character_of_its_text() -> None:
    url = search_url(ORG, "+49 30 & Söhne", appid=APP)
    assert url.endswith("&pagetype=search&searchText=%2B49%2030%20%26%20S%C3%B6hne&searchType=0")
    assert parse(url).search == "+49 30 & Söhne"


@pytest.mark.parametrize(
    "spelling", [ID.upper(), f"{{{ID}}}", f"%7B{ID.upper()}%7D", f"%7b{ID}%7d"]
)
def test_every_spelling_of_a_guid_is_written_bare_and_lower_case(spelling: str) -> None:
    assert record(id=spelling, appid=spelling) == record(id=ID, appid=ID)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (-1.5, "-1.5"),
        (1e16, "10000000000000000"),
        (Decimal("0.10"), "0.10"),
        (date(2011, 1, 31), "01/31/2011"),
        ([1, 3, 4], "[1,3,4]"),
        ("", ""),
    ],
)
def test_a_default_is_written_as_the_text_that_its_column_takes(value: Any, text: str) -> None:
    assert parse(record(defaults={"column": value})).defaults == (("column", text),)


def test_dates_and_multiselect_choices_are_encoded_as_documented() -> None:
    assert "estimatedclosedate%3D01%252F31%252F11" in record(
        defaults={"estimatedclosedate": "01/31/11"}
    )
    assert "hobbies%3D%255B1%252C3%252C4%255D" in record(defaults={"hobbies": [1, 3, 4]})


@pytest.mark.parametrize(
    "defaults",
    [
        {
            "customerid": f"{{{ID.upper()}}}",
            "customeridname": "Contoso",
            "customeridtype": "account",
        },
        {"ownerid": ID, "owneridname": "Ann", "owneridtype": "team"},
        {"primarycontactid": ID, "primarycontactidname": "Yvonne"},
        {"new_source_id": ID},
    ],
)
def test_a_lookup_with_all_that_it_needs_is_written(defaults: dict[str, str]) -> None:
    assert ID in dict(parse(record(defaults=defaults)).defaults).values()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": ""}, "id: is empty"),
        ({"id": "42"}, "id: '42' is not a GUID"),
        ({"id": f"{{{ID}"}, "id: .* is not a GUID"),
        ({"id": ID + "\n"}, "id: has the control character"),
        ({"id": "00000000-0000-0000-0000-000000000000"}, "id: is the empty GUID"),
        ({"etn": "contacts"}, "etn: 'contacts' .* use 'contact'"),
        ({"etn": "case"}, "use 'incident'"),
        ({"etn": "phone call"}, "etn: .* no logical name"),
        ({"etn": None}, "etn: must be text"),
        ({"appid": None}, "appid: is missing"),
        ({"appname": "x"}, "appid: and appname cannot both"),
        ({"appid": None, "appname": "a&b=c"}, "appname: .* no unique name"),
        ({"navbar": "OFF"}, "navbar: 'OFF' is not on, off or entity"),
        ({"cmdbar": "no"}, "cmdbar: 'no' is not true or false"),
        ({"formid": "x"}, "formid: 'x' is not a GUID"),
        ({"defaults": {"formid": FORM}}, "defaults: formid is an argument"),
        ({"defaults": {"first name": "x"}}, "defaults: 'first name' is no logical name"),
        ({"defaults": {"_x": "x"}}, "defaults: '_x' is no logical name"),
        ({"defaults": {"FirstName": "x"}}, r"defaults: FirstName: .* \(firstname\)"),
        ({"defaults": [("a", "1"), ("a", "2")]}, "defaults: a is there twice"),
        ({"defaults": "name=x"}, "defaults: must be pairs"),
        ({"defaults": {"name": "a\x00"}}, r"defaults: name: has the control character U\+0000"),
        ({"defaults": {"name": "a\r\nb"}}, r"defaults: name: has the control character U\+000D"),
        ({"defaults": {"name": "\ud800"}}, r"defaults: name: has the control character U\+D800"),
        ({"defaults": {"name": "\u2028"}}, r"defaults: name: has the control character U\+2028"),
        ({"defaults": {"name": None}}, "defaults: name must be text, a boolean"),
        ({"defaults": {"n": float("nan")}}, "defaults: n must be text, a boolean"),
        ({"defaults": {"n": [True]}}, "defaults: n must be text, a boolean"),
        ({"defaults": {"at": datetime(2011, 1, 31)}}, "defaults: at: .* only dates"),  # noqa: DTZ001
        ({"defaults": {"regardingobjectid": ID}}, "defaults: regardingobjectid cannot be set"),
        ({"defaults": {"to": ID}}, "defaults: to cannot be set"),
        ({"defaults": {"customerid": ID}}, "defaults: customerid .* needs customeridname and"),
        ({"defaults": {"customeridname": "Contoso"}}, "missing: customerid, customeridtype"),
        (
            {"defaults": {"ownerid": ID, "owneridname": "x", "owneridtype": "contact"}},
            "defaults: owneridtype must be systemuser or team",
        ),
        (
            {"defaults": {"customerid": "x", "customeridname": "x", "customeridtype": "contact"}},
            "defaults: customerid: 'x' is not a GUID",
        ),
        ({"defaults": {"accountid": ID}}, "defaults: accountid .* missing: accountidname"),
        (
            {"defaults": {"accountid": ID, "accountidname": "x", "accountidtype": "account"}},
            "takes no accountidtype",
        ),
        ({"defaults": {"name": "x" * MAX_LENGTH}}, "url: is [0-9]+ characters long, over 2000"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record(**arguments)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: list_url(ORG, "contact", viewid="x", appid=APP), "viewid: 'x' is not a GUID"),
        (lambda: list_url(ORG, "contact", viewid=ID, viewtype=1, appid=APP), "viewtype: '1' is"),
        (lambda: list_url(ORG, "contact", viewid=ID), "appid: is missing"),
        (lambda: search_url(ORG, "", appid=APP), "text: is empty"),
        (lambda: search_url(ORG, "a\tb", appid=APP), "text: has the control character"),
    ],
)
def test_views_and_searches_name_their_arguments_too(
    write: Callable[[], str], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        write()


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_is_known_and_its_api_host_means_the_same_organisation(region: str) -> None:
    here = f"https://contoso.crm{region}.dynamics.com"
    assert record(org=here).startswith(f"{here}/main.aspx?")
    assert record(org=f"https://contoso.api.crm{region}.dynamics.com/") == record(org=here)


@pytest.mark.parametrize(
    "suffix",
    [
        "crm.microsoftdynamics.us",
        "crm.appsplatform.us",
        "crm.dynamics.cn",
        "crm.microsoftdynamics.de",
    ],
)
def test_sovereign_clouds_are_known(suffix: str) -> None:
    assert record(org=f"HTTPS://Contoso.{suffix}:443").startswith(f"https://contoso.{suffix}/")
    assert record(org=f"https://contoso.api.{suffix}").startswith(f"https://contoso.{suffix}/")


@pytest.mark.parametrize(
    "org",
    [
        "",
        "contoso.crm4.dynamics.com",
        "http://contoso.crm4.dynamics.com",
        "javascript://contoso.crm4.dynamics.com",
        "https://contoso.crm4.dynamics.com.evil.example",
        "https://evil.example/contoso.crm4.dynamics.com",
        "https://contosocrm4.dynamics.com",
        "https://contoso.notcrm4.dynamics.com",
        "https://contoso.crm4.dynamics.com.",
        "https://crm4.dynamics.com",
        "https://.crm4.dynamics.com",
        "https://api.crm4.dynamics.com",
        "https://globaldisco.crm.dynamics.com",
        "https://a.b.crm4.dynamics.com",
        "https://contoso.api.api.crm4.dynamics.com",
        "https://contoso.crm04.dynamics.com",
        "https://contoso.crm4xdynamics.com",
        "https://contoso.crm4.dynamics.cn",
        "https://-contoso.crm4.dynamics.com",
        "https://contoso_x.crm4.dynamics.com",
        "https://conto\u017fo.crm4.dynamics.com",
        "https://contoso.crm٤.dynamics.com",
        "https://contoso.crm4.dynamics.com:8443",
        "https://contoso.crm4.dynamics.com:",
        "https://contoso.crm4.dynamics.com@evil.example",
        "https://evil.example@contoso.crm4.dynamics.com",
        "https://contoso.crm4.dynamics.com/api/data/v9.2",
        "https://contoso.crm4.dynamics.com?x",
        "https://contoso.crm4.dynamics.com#x",
        "https://contoso.crm4.dynamics.com\\@evil.example",
        "https://evil.example\\.contoso.crm4.dynamics.com",
        "https://contoso.crm4.dynamics.com\n",
        " https://contoso.crm4.dynamics.com",
        "https://contoso .crm4.dynamics.com",
        "https://192.0.2.1",
        "https://[::1]",
        DEMO,
    ],
)
def test_an_organisation_anywhere_else_is_refused(org: str) -> None:
    with pytest.raises(ValueError, match=r"^org: "):
        record(org=org)


def test_an_origin_that_the_operator_configured_is_allowed_exactly() -> None:
    assert record(org=DEMO + "/", allow_hosts=[DEMO]).startswith(f"{DEMO}/main.aspx?")
    assert parse(record(org=DEMO, allow_hosts=[DEMO]), allow_hosts=[DEMO]).org == DEMO
    for other in ("http://contoso.localhost", "https://contoso.localhost:8000", f"{DEMO}1"):
        with pytest.raises(ValueError, match=r"^org: "):
            record(org=other, allow_hosts=[DEMO])
    with pytest.raises(ValueError, match=r"^allow_hosts: "):
        record(org=DEMO, allow_hosts=["http://contoso.localhost:8000/x"])


@pytest.mark.parametrize(
    ("origin", "loopback"),
    [
        (DEMO, True),
        ("https://localhost", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost.evil.example", False),
        ("http://evillocalhost", False),
        (ORG, False),
    ],
)
def test_loopback_origins_are_known_by_their_whole_name(origin: str, loopback: bool) -> None:
    assert hosts.is_loopback(origin) is loopback


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("appname=msdyn_SolutionHealthHub", {"appname": "msdyn_SolutionHealthHub"}),
        (f"appid={APP}", {"appid": APP}),
        (
            "etn=account&pagetype=entityrecord&id=%7B91330924-802A-4B0D-A900-34FD9D790829%7D",
            {"etn": "account", "pagetype": "entityrecord", "id": ID},
        ),
        (
            f"etn=contact&pagetype=entitylist&viewid={{{ID}}}&viewtype=1039&navbar=off&cmdbar=false",
            {"viewid": ID, "viewtype": 1039, "navbar": "off", "cmdbar": False},
        ),
        # The stray line end is in Microsoft's own example.
        (f"extraqs=formid%3D{FORM}%0D%0A&pagetype=entityrecord", {"formid": FORM}),
        # URLSearchParams, as in Microsoft's newest example, makes a plus of a space.
        ("extraqs=name%3DNew%2BAccount", {"defaults": (("name", "New Account"),)}),
        ("pagetype=search&searchText=a+b&searchType=0", {"search": "a b", "extra": ()}),
        ("forceUCI=1&searchType=1", {"extra": (("forceUCI", "1"), ("searchType", "1"))}),
        ("", {"pagetype": None, "id": None}),
    ],
)
def test_a_documented_or_copied_url_is_taken_apart(query: str, expected: dict[str, Any]) -> None:
    page = dataclasses.asdict(parse(f"{ORG}/main.aspx?{query}"))
    assert {name: page[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{ORG}/main.aspx?id=", "id: is empty"),
        (f"{ORG}/main.aspx?id=%7B{ID}", "id: .* is not a GUID"),
        (f"{ORG}/main.aspx?id={ID}&ID={APP}", "url: 'ID' is there twice"),
        (f"{ORG}/main.aspx?appid={APP}&appname=x", "appid: and appname"),
        (f"{ORG}/main.aspx?extraqs=name%3DA%3DB%26C", "extraqs: 'C' has no value .*twice"),
        (f"{ORG}/main.aspx?extraqs=a%3D1%26a%3D2", "extraqs: 'a' is there twice"),
        (f"{ORG}/main.aspx?extraqs=a%3D%2500", "extraqs: has the control character"),
        (f"{ORG}/main.aspx?x=%ff", "url: .* is not UTF-8"),
        (f"{ORG}/main.aspx?x=%f", "url: has a %"),
        (f"{ORG}/main.aspx?searchText=%00", "searchtext: has the control character"),
        (f"{ORG}/main.aspx?x", "url: 'x' has no value"),
        (f"{ORG}/main.aspx?viewtype=7", "viewtype: "),
        (f"{ORG}/main.aspx?etn=contacts", "etn: .*use 'contact'"),
        (f"{ORG}/main.aspx#x", "url: "),
        (f"{ORG}/main.aspxx?etn=contact", "url: .* is not /main.aspx"),
        (f"{ORG}/x/../main.aspx", "url: .* is not /main.aspx"),
        (f"{ORG}\\main.aspx", "url: "),
        (f"{ORG}/main.aspx?a=b c", "url: .* unencoded"),
        (f"{ORG}/main.aspx?a=é", "url: .* unencoded"),
        ("https://evil.example/main.aspx", "url: 'evil.example' is no host"),
        ("javascript:alert(1)", "url: .* is no web address"),
        (f"{DEMO}/main.aspx", "url: .* is not https"),
    ],
)
def test_a_url_that_is_none_is_refused_by_what_is_wrong(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        parse(url)


def test_what_is_no_text_is_no_url() -> None:
    nothing: Any = None
    with pytest.raises(ValueError, match=r"^url: must be text"):
        parse(nothing)


def test_a_page_of_another_type_can_be_read_and_not_written() -> None:
    page = parse(f"{ORG}/main.aspx?appid={APP}&pagetype=dashboard&id={ID}&type=system")
    assert (page.pagetype, page.extra) == ("dashboard", (("type", "system"),))
    with pytest.raises(ValueError, match=r"^pagetype: 'dashboard' cannot be written"):
        page.url()


# Whatever a caller is named, short enough that the URL stays under its limit.
values = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")) | st.sampled_from("&=%+#?/\"'<>"),
    max_size=20,
)
plain_columns = st.text(string.ascii_lowercase, min_size=1, max_size=12).map(lambda end: "x" + end)
guids = st.uuids().map(str).filter(lambda guid: guid.strip("0-"))
bars = {
    "navbar": st.none() | st.sampled_from(["on", "off", "entity"]),
    "cmdbar": st.none() | st.booleans(),
}
apps = st.builds(lambda guid: {"appid": guid}, guids) | st.just({"appname": "new_App"})


@given(
    org=st.sampled_from([ORG, "https://x.crm.dynamics.cn"]),
    etn=st.sampled_from(["contact", "new_thing9"]),
    id=st.none() | guids,
    formid=st.none() | guids,
    defaults=st.dictionaries(plain_columns, values, max_size=3),
    app=apps,
    bars=st.fixed_dictionaries(bars),
)
def test_a_record_url_parses_into_what_it_was_written_from(  # noqa: PLR0917
    org: str,
    etn: str,
    id: str | None,  # noqa: A002
    formid: str | None,
    defaults: dict[str, str],
    app: dict[str, str],
    bars: dict[str, Any],
) -> None:
    url = record_url(org, etn, id, formid=formid, defaults=defaults, **app, **bars)
    page = parse(url)
    assert (page.org, page.etn, page.id, page.formid) == (org, etn, id, formid)
    assert dict(page.defaults) == defaults
    assert (page.navbar, page.cmdbar, page.extra) == (bars["navbar"], bars["cmdbar"], ())
    assert record_url(**page.arguments()) == page.url() == url


@given(name=values, other=values)
def test_no_value_breaks_out_of_its_parameter(name: str, other: str) -> None:
    url = record(id=ID, defaults={"name": name, "other": other}, navbar="off")
    assert set(url) <= set(string.ascii_letters + string.digits + ":/?&=%-._~")
    split = urlsplit(url)
    assert (split.scheme, split.netloc, split.path, split.fragment) == (
        "https",
        "contoso.crm4.dynamics.com",
        "/main.aspx",
        "",
    )
    outer = parse_qsl(split.query, strict_parsing=True, keep_blank_values=True)
    assert [key for key, _ in outer] == ["appid", "pagetype", "etn", "id", "extraqs", "navbar"]
    inner = parse_qsl(dict(outer)["extraqs"], strict_parsing=True, keep_blank_values=True)
    assert inner == [("name", name), ("other", other)]


@given(text=values.filter(bool))
def test_no_search_breaks_out_of_its_parameter(text: str) -> None:
    url = search_url(ORG, text, appid=APP)
    outer = parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True)
    assert outer[1:] == [("pagetype", "search"), ("searchText", text), ("searchType", "0")]
    assert parse(url).url() == url


@given(
    viewid=guids, viewtype=st.sampled_from([1039, 4230]), app=apps, bars=st.fixed_dictionaries(bars)
)
def test_a_view_url_parses_into_what_it_was_written_from(
    viewid: str, viewtype: int, app: dict[str, str], bars: dict[str, Any]
) -> None:
    url = list_url(ORG, "contact", viewid=viewid, viewtype=viewtype, **app, **bars)
    page = parse(url)
    assert (page.viewid, page.viewtype) == (viewid, viewtype)
    assert list_url(**page.arguments()) == page.url() == url


@given(st.text() | st.text().map(lambda rest: f"{ORG}/main.aspx?{rest}"))
def test_parsing_strangers_text_gives_a_page_of_an_organisation_or_a_value_error(text: str) -> None:
    page = None
    with contextlib.suppress(ValueError):
        page = parse(text)
    assert page is None or page.org == ORG


@given(st.text(max_size=40))
def test_an_origin_ends_in_a_suffix_that_only_microsoft_gives_away(name: str) -> None:
    for url in (f"https://{name}.crm4.dynamics.com", f"https://contoso.crm4.dynamics.com{name}"):
        try:
            origin = hosts.origin(url)
        except ValueError:
            continue
        host = urlsplit(origin).hostname
        assert host is not None
        assert host.endswith(".crm4.dynamics.com")
        assert urlsplit(origin).username is None
