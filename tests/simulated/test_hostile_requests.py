"""Send the Web API whatever strangers may: it answers or refuses, and never fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from adapter.demo.simulated.dataverse import seeding, tables
from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.messages import Answer, Request, refused
from adapter.demo.simulated.dataverse.refusals import Refusal
from adapter.demo.simulated.dataverse.security import Caller, every_right
from adapter.demo.simulated.dataverse.web_api import WebApi

MARIA = "7a1c0001-53b2-ed11-83ff-000d3a020001"


def environment() -> tuple[WebApi, Caller]:
    database = Database(tables.catalog())
    seeding.fill(database, organization=MARIA, client_id=MARIA, domain="contoso.example")
    caller = Caller(seeding.user_id("application"), frozenset(every_right(database.catalog)))
    return WebApi(database, MARIA, lambda: datetime(2026, 11, 21, tzinfo=UTC)), caller


def ask(api: WebApi, caller: Caller, request: Request) -> Answer:
    try:
        return api.handle(request, caller)
    except Refusal as refusal:
        return refused(refusal)


HEADERS = st.dictionaries(
    st.sampled_from(["if-match", "if-none-match", "prefer", "content-type"]),
    st.sampled_from(
        ["*", "null", 'W/"1"', "return=representation", 'odata.include-annotations="*"',
         "odata.maxpagesize=0", "odata.maxpagesize=x", "multipart/mixed; boundary=b", '"']
    ),
)  # fmt: skip
PIECES = st.sampled_from(
    ["contacts", "phonecalls", "EntityDefinitions", "$batch", "$count", "$ref", "$value",
     "fullname",
     f"({MARIA})", "(LogicalName='contact')", "(emailaddress1='x')", "(", ")", "'", "/", "$select=",
     "parentcustomerid_account", "Attributes", "Keys", "Microsoft.Dynamics.CRM.CreateMultiple",
     "WhoAmI()", "BulkDelete", "RetrieveMetadataChanges(Query=@p1)", "=", ","]
)  # fmt: skip
PATHS = st.lists(PIECES | st.text(max_size=5), max_size=5).map("".join)
QUERIES = st.dictionaries(
    st.sampled_from(["$select", "$filter", "$orderby", "$top", "$expand", "$skiptoken", "@p1"]),
    st.text(max_size=12)
    | st.sampled_from(
        ["fullname", "fullname eq null", "createdby($select=fullname)", "5", '{"Criteria":5}']
    ),
    max_size=3,
)
NAMES = st.sampled_from(
    ["subject", "lastname", "statecode", "statuscode", "directioncode", "prioritycode", "createdon",
     "activityid", "phonecall_activity_parties", "regardingobjectid_contact@odata.bind", "Targets",
     "ownerid@odata.bind", "value", "@odata.id", "regardingobjectid_contact", "QuerySet", "x"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([f"/contacts({MARIA})", "2026-01-01", MARIA, "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
BODIES = st.dictionaries(NAMES, VALUES, max_size=4).map(lambda body: json.dumps(body).encode())
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"])
API, CALLER = environment()


@settings(max_examples=500)
@given(METHODS, PATHS, QUERIES, HEADERS, BODIES | st.binary(max_size=20))
def test_any_request_is_answered_or_refused(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    request = Request(
        method, quote(path, safe="/()$'=,."), text, headers, body, "https://x/api/data/v9.2"
    )
    with API.database.transaction():
        answer = ask(API, CALLER, request)
    assert 200 <= answer.status < 300 or answer.status in {304, 400, 404, 405, 412, 501}
    if answer.status >= 400 and path != "$batch":
        error = json.loads(answer.body)["error"]
        assert error["code"].startswith("0x")
        assert error["message"]


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"]),
        max_size=100,
    )
)
def test_any_text_is_kept_as_it_was_sent(text: str) -> None:
    api, caller = API, CALLER
    body = json.dumps({"activityid": MARIA, "subject": text}).encode()
    base = "https://x/api/data/v9.2"
    with api.database.transaction():
        ask(api, caller, Request("PATCH", f"phonecalls({MARIA})", "", {}, body, base))
        read = ask(api, caller, Request("GET", f"phonecalls({MARIA})", "", {}, b"", base))
    assert json.loads(read.body)["subject"] == text


def test_a_text_that_is_no_text_is_refused() -> None:
    body = b'{"subject": "\\ud800"}'
    request = Request("POST", "phonecalls", "", {}, body, "https://x/api/data/v9.2")
    assert ask(API, CALLER, request).status == 400


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "RetrieveMetadataChanges(Query=@p1)", "@p1=5", b""),
        ("GET", "RetrieveMetadataChanges(Query=@p1)", '@p1={"Criteria":5}', b""),
        ("POST", "phonecalls", "", b'{"actualstart":"0001-01-01T00:00:00+14:00"}'),
        ("GET", "contacts", "$filter=createdon gt 9999-12-31T23:59:59-14:00", b""),
        ("GET", "contacts", "$filter=numberofchildren gt " + "9" * 5000, b""),
        ("GET", "contacts", "$filter=" + "(" * 5000, b""),
        ("GET", "contacts", "$top=\u00b2", b""),
        ("GET", "contacts", "$top=" + "9" * 5000, b""),
        ("POST", "EntityDefinitions(LogicalName='contact')/Keys", "",
         b'{"SchemaName":"x","KeyAttributes":[[]]}'),
        ("POST", "contacts", "", b"[" * 100_000),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_once_failed_is_refused(method: str, path: str, query: str, body: bytes) -> None:
    base = "https://x/api/data/v9.2"
    request = Request(method, path, quote(query, safe="=&"), {}, body, base)
    assert ask(API, CALLER, request).status == 400


@pytest.mark.parametrize("pattern", ["[z-a]", "[^]", "[", "]", "[]]", "%_"])
def test_any_pattern_is_searched_for(pattern: str) -> None:
    query = quote(f"$filter=contains(lastname,'{pattern}')", safe="=&")
    request = Request("GET", "contacts", query, {}, b"", "https://x/api/data/v9.2")
    assert ask(API, CALLER, request).status == 200
