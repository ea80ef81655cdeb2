"""Pop policies, the decision what an agent is shown, and requests to pop now."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter import main_aspx, pops
from adapter.errors import InvalidSettings, MalformedInput, Place
from adapter.events import Stage
from adapter.pops import PopPolicy

ORG = "https://contoso.crm4.dynamics.com"
DEMO = "http://contoso.localhost:8000"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
ID = "91330924-802a-4b0d-a900-34fd9d790829"

WRITTEN: dict[str, Any] = {
    "stages": ["answered", "made"],
    "channels": ["voice"],
    "directions": ["inbound", "outbound"],
    "organisation": ORG,
    "appid": APP,
    "table": "contact",
    "attribute": "crmId",
    "target": "tab",
    "stale_after": 20,
}
POLICY = PopPolicy(
    stages=(Stage.ANSWERED, Stage.MADE),
    channels=("voice",),
    directions=("inbound", "outbound"),
    organisation=ORG,
    appid=APP,
    table="contact",
    attribute="crmId",
    target="tab",
    stale_after=20,
)
MINIMUM = {"organisation": ORG, "appid": APP, "table": "contact", "attribute": "crmId"}


def policy(**changes: Any) -> PopPolicy | None:
    written = WRITTEN | changes
    given = {name: value for name, value in written.items() if value is not ...}
    return pops.parse_policy(json.dumps(given))


def decide(stage: Stage = Stage.ANSWERED, policy: PopPolicy | None = POLICY, **view: Any) -> Any:
    contact: dict[str, Any] = {
        "agent_id": "alice",
        "channel": "voice",
        "direction": "inbound",
        "attributes": {"crmId": ID},
    }
    return pops.decide(policy, stage, **(contact | view))


def faults(document: str | bytes, **arguments: Any) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as refused:
        pops.parse_policy(document, **arguments)
    return {place.at: place.detail for place in refused.value.places}


def faults_with(**changes: Any) -> dict[str, str]:
    return faults(json.dumps({k: v for k, v in (WRITTEN | changes).items() if v is not ...}))


# --- The policy


def test_a_policy_is_read_from_its_canonical_names() -> None:
    assert policy() == POLICY


def test_what_a_policy_leaves_out_has_a_default() -> None:
    read = pops.parse_policy(json.dumps(MINIMUM).encode())
    assert read == PopPolicy(organisation=ORG, appid=APP, table="contact", attribute="crmId")
    assert (read.stages, read.channels, read.directions, read.target, read.stale_after) == (
        (Stage.ANSWERED, Stage.MADE),
        (),
        (),
        "host",
        30,
    )


@pytest.mark.parametrize("nothing", ["{}", "null", b" {}\n", b"\xef\xbb\xbf{}"])
def test_an_empty_policy_is_no_policy(nothing: str | bytes) -> None:
    assert pops.parse_policy(nothing) is None
    assert pops.parse_policy(pops.dump(None)) is None


@pytest.mark.parametrize(
    ("canonical", "spelling"),
    [
        ("organisation", "organization"),
        ("organisation", "org"),
        ("organisation", "organisationUrl"),
        ("organisation", "environment-url"),
        ("appid", "app_id"),
        ("appid", "appId"),
        ("appid", "app"),
        ("table", "etn"),
        ("table", "entity"),
        ("attribute", "record_attribute"),
        ("attribute", "Record-Id-Attribute"),
        ("attribute", "id attribute"),
        ("stages", "stage"),
        ("channels", "channel"),
        ("directions", "direction"),
        ("stale_after", "staleAfterSeconds"),
    ],
)
def test_other_spellings_of_a_setting_are_understood(canonical: str, spelling: str) -> None:
    assert policy(**{canonical: ..., spelling: WRITTEN[canonical]}) == POLICY


def test_one_value_stands_for_a_list_of_it_and_a_star_for_all() -> None:
    assert policy(channels="Voice", stages=["Answered", "MADE", "made"]) == POLICY
    everything = policy(channels="*", directions=["all"])
    assert everything is not None
    assert (everything.channels, everything.directions) == ((), ())


def test_whole_seconds_may_be_written_with_a_point() -> None:
    assert policy(stale_after=20.0) == POLICY


def test_ids_and_hosts_of_a_policy_are_made_canonical() -> None:
    assert (
        policy(
            appid=f"{{{APP.upper()}}}", organisation="HTTPS://Contoso.api.crm4.dynamics.com:443/"
        )
        == POLICY
    )


def test_a_loopback_organisation_needs_to_be_configured() -> None:
    document = json.dumps(MINIMUM | {"organisation": DEMO})
    assert "is not https" in faults(document)["/organisation"]
    read = pops.parse_policy(document, allow_hosts=[DEMO])
    assert read is not None
    assert decide(policy=read).url.startswith(f"{DEMO}/main.aspx?appid={APP}&")


@pytest.mark.parametrize(
    ("changes", "at", "fault"),
    [
        ({"organisation": ...}, "/organisation", "is missing"),
        ({"organisation": None}, "/organisation", "is missing"),
        ({"organisation": "https://evil.example"}, "/organisation", "is no host of a Dynamics"),
        ({"organisation": 7}, "/organisation", "must be text"),
        ({"appid": ...}, "/appid", "is missing (or appname)"),
        ({"appid": ""}, "/appid", "is empty"),
        ({"appid": "x"}, "/appid", "'x' is not a GUID"),
        ({"appname": "x"}, "/appname", "cannot be there with appid"),
        ({"table": ...}, "/table", "is missing"),
        ({"table": "contacts"}, "/table", "use 'contact'"),
        ({"attribute": ...}, "/attribute", "is missing"),
        ({"attribute": " "}, "/attribute", "is empty"),
        ({"attribute": 7}, "/attribute", "must be text"),
        ({"stages": []}, "/stages", "is empty"),
        ({"stages": ["answered", "ended"]}, "/stages/1", "offered, made or answered"),
        ({"stages": "ringing"}, "/stages", "offered, made or answered"),
        ({"channels": ["voice", 3]}, "/channels/1", "must be text"),
        ({"channels": ["vo ice"]}, "/channels/0", "is no channel"),
        ({"directions": ["in"]}, "/directions/0", "inbound or outbound"),
        ({"target": "popup"}, "/target", "host, embedded or tab"),
        ({"stale_after": -1}, "/stale_after", "0 to 86400"),
        ({"stale_after": 0.5}, "/stale_after", "must be a whole number of seconds"),
        ({"stale_after": True}, "/stale_after", "0 to 86400"),
        ({"stale_after": "30"}, "/stale_after", "0 to 86400"),
        ({"stale_after": 10**400}, "/stale_after", "0 to 86400"),
        ({"colour/~": 1}, "/colour~1~0", "is unknown; known are stages,"),
        ({"etn": "contact"}, "/etn", "says the same as /table"),
    ],
)
def test_a_fault_in_a_policy_is_named_with_its_place(
    changes: dict[str, Any], at: str, fault: str
) -> None:
    assert fault in faults_with(**changes)[at]


def test_all_faults_of_a_policy_are_named_at_once() -> None:
    assert faults_with(table="x y", target=1, stages=["x", "y"]).keys() == {
        "/table",
        "/target",
        "/stages/0",
        "/stages/1",
    }


@pytest.mark.parametrize(
    ("document", "at", "fault"),
    [
        ("", "line 1", "there is nothing in it"),
        ('{\n "table": }', "line 2 column 11", "is not JSON"),
        (b"\xff{}", "byte 0", "is not UTF-8"),
        ("[]", "", "must be a JSON object"),
        ("3", "", "must be a JSON object"),
        ('{"table": "a", "table": "b"}', "", "'table' is there twice"),
        ('{"stale_after": NaN}', "", "NaN is no JSON number"),
        ("[" * 100_000, "", "is nested too deeply"),
    ],
)
def test_a_document_that_is_no_policy_at_all_says_where_it_breaks(
    document: str | bytes, at: str, fault: str
) -> None:
    assert fault in faults(document)[at]


policies = st.builds(
    PopPolicy,
    organisation=st.just(ORG),
    table=st.sampled_from(["contact", "new_thing"]),
    attribute=st.from_regex(r"[a-zA-Z][a-zA-Zé.]{0,10}", fullmatch=True),
    appid=st.just(APP),
    appname=st.none(),
    stages=st.lists(st.sampled_from(["offered", "made", "answered"]), min_size=1, unique=True).map(
        lambda stages: tuple(Stage(stage) for stage in stages)
    ),
    channels=st.lists(st.sampled_from(["voice", "chat"]), unique=True).map(tuple),
    directions=st.lists(st.sampled_from(["inbound", "outbound"]), unique=True).map(tuple),
    target=st.sampled_from(["host", "embedded", "tab"]),
    stale_after=st.integers(0, 86_400),
)


@given(policies)
def test_a_policy_is_read_as_it_was_dumped(policy: PopPolicy) -> None:
    assert pops.parse_policy(pops.dump(policy)) == policy
    assert pops.dump(pops.parse_policy(pops.dump(policy))) == pops.dump(policy)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(sorted(WRITTEN)) | st.text(max_size=5), inner, max_size=4
            )
        ),
    ).map(json.dumps)
)
def test_strangers_text_is_a_policy_or_an_invalid_setting(document: str) -> None:
    try:
        read = pops.parse_policy(document)
    except InvalidSettings as refused:
        names_a_fault = bool(refused.places)
    else:
        names_a_fault = read is None or pops.parse_policy(pops.dump(read)) == read
    assert names_a_fault


# --- The decision


def test_an_answered_call_pops_the_record_that_its_attribute_names() -> None:
    decision = decide()
    assert decision.kind == "record"
    assert decision.url == main_aspx.record_url(ORG, "contact", ID, appid=APP)
    assert (decision.table, decision.record_id, decision.target) == ("contact", ID, "tab")
    assert decision.reason == "answered: attribute crmId names a record of contact"


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ({"policy": None}, "no pop policy is set"),
        ({"agent_id": None}, "no agent has the contact"),
        ({"agent_id": ""}, "no agent has the contact"),
        ({"ended": True}, "the contact has ended"),
        ({"stage": Stage.OFFERED}, "stage offered is not in the policy"),
        ({"channel": "chat"}, "channel chat is not in the policy"),
        ({"channel": None}, "the channel is not known, and the policy has only voice"),
        ({"attributes": {}}, "attribute crmId is missing"),
        ({"attributes": {"crmId": ""}}, "attribute crmId is empty"),
        ({"attributes": {"crmId": None}}, "attribute crmId is empty"),
        ({"attributes": {"crmId": "+4930123456"}}, "attribute crmId is not a record id (GUID)"),
        ({"attributes": {"crmId": 42}}, "attribute crmId is not a record id (GUID)"),
        ({"attributes": {"crmId": [ID]}}, "attribute crmId is not a record id (GUID)"),
        ({"attributes": {"crmId": f"{ID}&etn=x"}}, "attribute crmId is not a record id (GUID)"),
        (
            {"attributes": {"crmId": "00000000-0000-0000-0000-000000000000"}},
            "attribute crmId is the empty GUID, which names no record",
        ),
        (
            {"attributes": {"CRMID": ID, "crmid": APP}},
            "attribute crmId is there in several spellings with different values",
        ),
    ],
)
def test_nothing_pops_without_a_reason_in_plain_words(view: dict[str, Any], reason: str) -> None:
    decision = decide(**view)
    assert decision == pops.Decision(kind="none", reason=reason)


def test_a_direction_outside_the_policy_does_not_pop() -> None:
    inbound_only = dataclasses.replace(POLICY, directions=("inbound",))
    refused = decide(policy=inbound_only, direction="outbound")
    assert refused.reason == "direction outbound is not in the policy"
    # An agent made it, so it goes out even where the source does not say so.
    assert decide(Stage.MADE, policy=inbound_only, direction=None).reason == refused.reason
    assert decide(policy=inbound_only, direction="Inbound").kind == "record"


def test_a_policy_without_channels_and_directions_takes_every_contact() -> None:
    anything = dataclasses.replace(POLICY, channels=(), directions=())
    assert decide(policy=anything, channel=None, direction=None).kind == "record"
    assert decide(policy=anything, channel="chat", direction="outbound").kind == "record"


def test_an_outbound_call_pops_when_it_is_made_and_not_again_when_it_is_answered() -> None:
    assert decide(Stage.MADE, direction="outbound").kind == "record"
    answered = decide(Stage.ANSWERED, direction="outbound", popped={Stage.MADE})
    assert answered.reason == "it has already popped to this agent (made)"


def test_an_outbound_call_that_nobody_saw_being_made_pops_when_it_is_answered() -> None:
    assert decide(Stage.ANSWERED, direction="outbound").kind == "record"
    answered_only = dataclasses.replace(POLICY, stages=(Stage.ANSWERED,))
    assert decide(Stage.MADE, policy=answered_only, direction="outbound").kind == "none"
    assert decide(Stage.ANSWERED, policy=answered_only, direction="outbound").kind == "record"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("crmId", {"crmId": f" {{{ID.upper()}}} "}),
        ("crmId", {"CRMID": ID}),
        ("crmId", {"CRMID": ID, "crmid": ID}),
        ("crmId", {"CRMID": APP, "crmId": ID}),
        ("customer.crmId", {"customer": {"crmId": ID}}),
        ("customer.crmId", {"customer.crmId": ID, "customer": {"crmId": APP}}),
        ("customer.crmId", {"customer": {"crmId": ID}, "Customer": {"crmid": APP}}),
        ("customer.crmId", {"Customer": {"CRMid": ID}, "customer": "x"}),
        ("a.b.c", {"A.b": {"C": ID}}),
    ],
)
def test_an_attribute_is_found_exactly_or_else_in_any_case_and_behind_dots(
    name: str, attributes: dict[str, Any]
) -> None:
    named = dataclasses.replace(POLICY, attribute=name)
    assert decide(policy=named, attributes=attributes).record_id == ID


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.just(ID),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["crmId", "CRMID", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_whatever_an_attribute_holds_only_a_record_of_the_organisation_pops(value: Any) -> None:
    decision = decide(attributes={"crmId": value})
    assert decision.reason
    if decision.kind == "record":
        page = main_aspx.parse(decision.url)
        assert (page.org, page.etn, page.id, page.extra) == (ORG, "contact", decision.record_id, ())
    else:
        assert decision.url is None


# --- Requests to pop now


def request(body: Any, **arguments: Any) -> pops.PopRequest:
    options: dict[str, Any] = {"allowed": [ORG], "policy": POLICY} | arguments
    return pops.parse_pop_request(json.dumps(body), **options)


URL = f"{ORG}/main.aspx?etn=contact&pagetype=entityrecord&id=%7B{ID}%7D"


def test_a_request_by_url_keeps_the_url_and_knows_its_record() -> None:
    read = request({"agent": " alice ", "contact": "c-1", "url": URL, "reason": "callback"})
    assert read == pops.PopRequest(
        agent="alice",
        contact="c-1",
        url=URL,
        table="contact",
        record_id=ID,
        target="tab",
        reason="callback",
    )


@pytest.mark.parametrize("query", ["pagetype=entityrecord&etn=contact", f"pagetype=x&id={ID}"])
def test_a_page_that_is_no_record_pops_without_one(query: str) -> None:
    read = request({"agent": "alice", "url": f"{ORG}/main.aspx?{query}"}, policy=None)
    assert (read.table, read.record_id, read.target) == (None, None, "host")
    assert read.reason == "asked for by a program (POST /v1/pops)"


@pytest.mark.parametrize(
    "record",
    [
        {"table": "contact", "id": ID},
        {"etn": "Contact", "record_id": f"{{{ID.upper()}}}"},
        {"record": {"table": "contact", "id": ID}},
    ],
)
def test_a_request_by_table_and_id_takes_the_rest_from_the_policy(record: dict[str, Any]) -> None:
    read = request({"agent": "alice", "target": "embedded", **record})
    assert read.url == main_aspx.record_url(ORG, "contact", ID, appid=APP)
    assert (read.table, read.record_id, read.target) == ("contact", ID, "embedded")


def test_a_request_may_name_organisation_and_app_itself() -> None:
    body = {"agent": "a", "table": "contact", "id": ID, "org": DEMO, "appname": "new_App"}
    read = request(body, allowed=[ORG, DEMO], policy=None)
    assert read.url.startswith(f"{DEMO}/main.aspx?appname=new_App&")


@pytest.mark.parametrize(
    ("body", "at", "fault"),
    [
        ({"url": URL}, "/agent", "is missing"),
        ({"agent": "  ", "url": URL}, "/agent", "is empty"),
        ({"agent": 3, "url": URL}, "/agent", "must be text"),
        ({"agent": "a" * 257, "url": URL}, "/agent", "is longer than 256"),
        ({"agent": "a\n", "url": URL}, "/agent", "has the control character"),
        ({"agent": "*", "url": URL}, "/agent", "* means every agent"),
        ({"agent": "a\u202eb", "url": URL}, "/agent", "may not hold U+202E"),
        ({"agent": "a"}, "/url", "is missing (or table and id)"),
        ({"agent": "a", "url": ""}, "/url", "is empty"),
        ({"agent": "a", "url": 3}, "/url", "must be text"),
        ({"agent": "a", "url": "https://evil.example/main.aspx"}, "/url", "is no host"),
        ({"agent": "a", "url": "javascript:alert(1)"}, "/url", "is no web address"),
        (
            {"agent": "a", "url": "https://fabrikam.crm4.dynamics.com/main.aspx"},
            "/url",
            "is no environment of this tenant",
        ),
        ({"agent": "a", "url": f"{ORG}/main.aspx?id="}, "/url", "id: is empty"),
        ({"agent": "a", "url": URL + "&x=" + "x" * 2000}, "/url", "over 2000"),
        ({"agent": "a", "url": URL, "id": ID}, "/id", "cannot be there with url"),
        ({"agent": "a", "table": "contact"}, "/id", "is missing"),
        ({"agent": "a", "id": ID}, "/table", "is missing"),
        ({"agent": "a", "table": "contact", "id": ""}, "/id", "is empty"),
        ({"agent": "a", "etn": "contacts", "id": ID}, "/etn", "use 'contact'"),
        ({"agent": "a", "table": "contact", "id": ID, "appid": "x"}, "/appid", "not a GUID"),
        (
            {"agent": "a", "table": "contact", "id": ID, "org": "https://x.crm.dynamics.com"},
            "/org",
            "is no environment of this tenant",
        ),
        ({"agent": "a", "record": ID}, "/record", "must be an object"),
        ({"agent": "a", "record": {"table": "contact", "name": 1}}, "/record/name", "is unknown"),
        (
            {"agent": "a", "table": "contact", "record": {"etn": "lead", "id": ID}},
            "/record/etn",
            "says the same as /table",
        ),
        ({"agent": "a", "url": URL, "target": "x"}, "/target", "host, embedded or tab"),
        ({"agent": "a", "url": URL, "reason": "x" * 501}, "/reason", "is longer than 500"),
        ({"agnet": "a", "url": URL}, "/agnet", "is unknown; known are agent,"),
        ([], "", "must be a JSON object"),
        (None, "/agent", "is missing"),
    ],
)
def test_a_fault_in_a_request_is_named_with_its_place(body: Any, at: str, fault: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        request(body)
    assert not isinstance(refused.value, InvalidSettings)
    assert fault in {place.at: place.detail for place in refused.value.places}[at]


def test_without_a_policy_a_request_by_id_needs_organisation_and_app() -> None:
    body = {"agent": "a", "table": "contact", "id": ID}
    for named, at in ((body, "/organisation"), (body | {"organisation": ORG}, "/appid")):
        with pytest.raises(MalformedInput) as refused:
            request(named, policy=None)
        assert [place.at for place in refused.value.places] == [at]


def test_a_request_that_is_no_json_says_where_it_breaks() -> None:
    with pytest.raises(MalformedInput) as refused:
        pops.parse_pop_request(b"{", allowed=[ORG])
    assert isinstance(refused.value.places[0], Place)
    assert refused.value.places[0].at == "line 1 column 2"


@given(st.text(max_size=30))
def test_no_url_leads_away_from_the_tenants_environments(text: str) -> None:
    for url in (f"https://contoso.crm4.dynamics.com{text}", f"https://{text}/main.aspx", text):
        try:
            read = request({"agent": "a", "url": url})
        except MalformedInput:
            continue
        assert read.url.startswith(f"{ORG}/main.aspx?")
