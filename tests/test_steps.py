"""Steps are saved with their faults named, and sent exactly as they are shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from adapter import contacts, steps
from adapter.errors import InvalidSettings
from adapter.events import ContactEvent, Recording, Stage
from adapter.placeholders import MissingValue, UnfitValue
from adapter.steps import Column, Environment, Metadata, PopStep, RequestStep, Sofar, Table
from adapter.steps.planning import PlannedRequest

ROW = "91330924-802a-4b0d-a900-34fd9d790829"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CONTOSO = Environment(
    url="https://contoso.crm4.dynamics.com",
    api_url="https://contoso.api.crm4.dynamics.com/api/data/v9.2/",
    app_id=APP,
)

# As the ConnectPath page prints them, broken lines and backslashes included.
CREATED_BODY = r"""{\"phonenumber\":\"{{CustomerEndpoint}}\",\"actualstart\":\"{{InitiationTimestamp}}\",\"subject\":\"Call
between Username and CustomerEndpoint\"}"""  # noqa: E501
ANSWERED_QUERY = r"""Query String: { \"appid\": \"{{appid}}\", \"pagetype\":
\"entityrecord\", \"etn\": \"phonecall\", \"id\":
\"{{STEP2-Response.activityid}}\"}"""
ENDED_BODY = r"""Request Body: {\"category\": \"{{Channel}}\"}"""
ENDED_QUERY = "Query String: (STEP2-Response.activityid)"
RECORDED_BODY = r"""Request Body: {\"description\": \"Your Recording URI is objectUrl\"}"""

PASTED: list[dict[str, Any]] = [
    {
        "number": 2,
        "method": "POST",
        "table": "phonecalls",
        "body": CREATED_BODY,
        "want_response": True,
    },
    {"number": 3, "query_string": ANSWERED_QUERY},
    {
        "number": 4,
        "method": "PATCH",
        "table": "phonecalls",
        "query_string": ENDED_QUERY,
        "body": ENDED_BODY,
    },
    {
        "number": 5,
        "method": "PATCH",
        "table": "phonecalls",
        "query_string": ENDED_QUERY,
        "body": RECORDED_BODY,
    },
]


def contact(**said: Any) -> dict[str, Any]:
    event = ContactEvent(
        source="s",
        id="1",
        contact="c-42",
        time=START,
        stage=Stage.CREATED,
        channel="voice",
        **{"customer": {"phone": "+4930123456"}, **said},
    )
    state = contacts.advance(None, event)
    return contacts.view(state, agent=state.agent)


def request(number: int, found: steps.Steps | None = None) -> RequestStep:
    step = (found or steps.default_steps()).request(number)
    assert step is not None
    return step


def changed(**more: Any) -> list[dict[str, Any]]:
    """The pasted steps with members of step `number` changed."""
    number = more.pop("number", 2)
    return [{**step, **(more if step["number"] == number else {})} for step in PASTED]


def faults(document: Any, **known: Any) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as raised:
        steps.parse_steps(document, **known)
    return {place.at: place.detail for place in raised.value.places}


def hints(document: Any, **known: Any) -> list[tuple[str, str]]:
    return [(place.at, place.detail) for place in steps.parse_with_hints(document, **known)[1]]


def test_the_printed_examples_are_the_default_steps() -> None:
    pasted = steps.parse_steps(PASTED)
    found = hints(PASTED)
    for written, default in zip(pasted.steps, steps.default_steps().steps, strict=True):
        assert type(written) is type(default)
        if isinstance(written, RequestStep) and isinstance(default, RequestStep):
            assert json.loads(written.body) == json.loads(default.body)
            assert msgspec.structs.replace(written, body=default.body) == default
        elif isinstance(written, PopStep):
            assert json.loads(written.query_string) == json.loads(default.query_string)
    notes = dict.fromkeys(at for at, _ in found)
    assert {"/steps/0/body", "/steps/1/query_string", "/steps/2/body"} <= notes.keys()
    assert ("/steps/0/body", "escaped quotes replaced") in found
    assert ("/steps/0/body", "line break inside a text replaced by a space") in found
    words = [detail.split()[0] for at, detail in found if at == "/steps/0/body/subject"]
    assert words == ["Username", "CustomerEndpoint"], "bare words stay, with a hint"


def test_the_printed_examples_stand_in_the_page_that_they_were_retyped_from() -> None:
    shared = Path(__file__).parents[1] / ".." / "shared" / "seeds"
    found = sorted(shared.glob("003_*.txt"))
    if not found:
        pytest.skip("the page is not here")
    page = found[0].read_text(encoding="utf-8")
    for printed in (CREATED_BODY, ANSWERED_QUERY, ENDED_BODY, ENDED_QUERY, RECORDED_BODY):
        assert printed in page


def test_the_created_step_is_sent_as_the_preview_shows_it() -> None:
    view = contact()
    step = request(2, steps.parse_steps(PASTED))
    row = steps.plan(steps.default_steps(), view, Stage.CREATED, {}, tenant="default")[0].row_id
    assert steps.preview(step, view, CONTOSO) == (
        "POST https://contoso.api.crm4.dynamics.com/api/data/v9.2/phonecalls\n"
        "Accept: application/json\n"
        "OData-MaxVersion: 4.0\n"
        "OData-Version: 4.0\n"
        "If-None-Match: null\n"
        "Content-Type: application/json\n"
        "Prefer: return=representation\n"
        "\n"
        '{"phonenumber":"+4930123456","actualstart":"2026-11-21T20:00:00Z",'
        f'"subject":"Call between Username and CustomerEndpoint","activityid":"{row}"}}'
    )


def test_the_answered_step_opens_the_record_that_step_2_made() -> None:
    found = steps.opening(
        steps.parse_steps(PASTED), contact(), CONTOSO, Sofar(responses={2: {"activityid": ROW}})
    )
    assert found is not None
    assert (found.kind, found.table, found.record_id) == ("open", "phonecall", ROW)
    assert found.url == (
        f"https://contoso.crm4.dynamics.com/main.aspx?appid={APP}"
        f"&pagetype=entityrecord&etn=phonecall&id={ROW}"
    )
    step = steps.default_steps().pop
    assert step is not None
    assert steps.preview(step, contact(), CONTOSO, {2: {"activityid": ROW}}) == found.url


@pytest.mark.parametrize(
    ("sofar", "kind", "says"),
    [
        (Sofar(), "wait", "step 2 has not answered yet"),
        (Sofar(failures={2: "no privilege"}), "search", "step 2 failed: no privilege"),
        (Sofar(responses={2: {}}), "search", "response has no activityid"),
        (Sofar(responses={2: {"activityid": ""}}), "search", "is empty"),
    ],
)
def test_no_id_never_pops_and_the_card_says_why(sofar: Sofar, kind: str, says: str) -> None:
    found = steps.opening(steps.default_steps(), contact(), CONTOSO, sofar)
    assert found is not None
    assert found.kind == kind
    assert says in found.reason
    assert found.record_id is None
    if kind == "search":
        assert found.url is not None
        assert "searchText=%2B4930123456" in found.url


def test_the_ended_step_updates_that_record_and_never_makes_one() -> None:
    responses = {2: {"activityid": ROW}}
    text = steps.preview(request(4, steps.parse_steps(PASTED)), contact(), CONTOSO, responses)
    assert text.startswith(f"PATCH {CONTOSO.api_url}phonecalls({ROW})\n")
    assert "\nIf-Match: *\n" in text
    assert text.endswith('\n\n{"category":"voice"}')


def test_the_recording_step_writes_our_link() -> None:
    view = contact(recording=Recording("recording", "https://s3/x.wav"))
    text = steps.preview(
        request(5, steps.parse_steps(PASTED)),
        view,
        CONTOSO,
        {2: {"activityid": ROW}},
        link=lambda file: f"https://pop.example/r/{file.kind}",
    )
    assert text.endswith('{"description":"Your Recording URI is https://pop.example/r/recording"}')


def test_the_shown_address_is_the_one_that_a_client_sends() -> None:
    lookup = "?$select=fullname&$filter=contains(mobilephone,'{{CustomerEndpoint}}')"
    document = [
        {
            "number": 6,
            "stage": "created",
            "method": "GET",
            "table": "contact",
            "query_string": lookup,
        }
    ]
    step = request(6, steps.parse_steps(document))
    line = steps.preview(step, contact(), CONTOSO).splitlines()[0]
    address = line.removeprefix("GET ")
    assert str(httpx.URL(address)) == address
    assert address.endswith(
        "contacts?$select=fullname&$filter=contains(mobilephone,'%2B4930123456')"
    )


@settings(deadline=None)
@given(st.text())
def test_a_hostile_name_stays_one_column_of_one_row(name: str) -> None:
    document = changed(body='{"subject":"{{Customer.Name}}","directioncode":false}')
    view = contact(customer={"name": name or "x"})
    planned = PlannedRequest(key="2", step=request(2, steps.parse_steps(document)), row_id=ROW)
    sent = steps.render(planned, view, CONTOSO)
    assert sent.body is not None
    assert json.loads(sent.body) == {
        "subject": name or "x",
        "directioncode": False,
        "activityid": ROW,
    }
    assert sent.target == "phonecalls"


def test_a_missing_value_is_named_with_its_column() -> None:
    with pytest.raises(MissingValue) as raised:
        steps.preview(request(2), contact(customer={}), CONTOSO)
    assert str(raised.value).startswith("{{CustomerEndpoint}} in body/phonenumber: ")
    with pytest.raises(UnfitValue, match=r"is not a record id"):
        steps.preview(request(4), contact(), CONTOSO, {2: {"activityid": "x) or (1"}})


def test_what_a_source_said_itself_counts_before_what_is_derived() -> None:
    view = contact(attributes={"Channel": "VOICE", "customerendpoint": "+1"})
    found = steps.attributes(view)
    assert found["Channel"] == "VOICE"
    assert "CustomerEndpoint" not in found
    assert found["InitiationTimestamp"] == "2026-11-21T20:00:00Z"
    through_json = msgspec.json.decode(msgspec.json.encode(view))
    assert steps.attributes(through_json) == found


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("{“category”: “{{Channel}}”}", '{"category": "{{Channel}}"}'),
        ('{"a":"one\n  two"}', '{"a":"one two"}'),
        ('{"a":"b",}', '{"a":"b"}'),
        ('{\u00a0"a":"b"}', '{ "a":"b"}'),
        ('```json\n{"a":"b"}\n```', '{"a":"b"}'),
        (r"{\"a\":\"say \\\"hi\\\"\"}", r'{"a":"say \"hi\""}'),
        (r'"{\"a\":\"b\"}"', '{"a":"b"}'),
        ("(STEP2-Response.\nactivityid)", "(STEP2-Response.activityid)"),
        ("(name=\u2018x\u2019)", "(name='x')"),
        (r"\(STEP2-Response.activityid\)", "(STEP2-Response.activityid)"),
    ],
)
def test_what_pasting_broke_is_mended_with_a_note(text: str, repaired: str) -> None:
    found, notes = steps.repair(text)
    assert found == repaired
    assert notes


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"say \\"hi\\" to “Bob”"}',
        '{"a":"C:\\\\calls,}"}',
        '{"a": {{N}}}',
        '{"a":"{{broken"}',
        "(STEP2-Response.activityid)",
        "?$filter=name eq 'x'",
        "",
    ],
)
def test_what_is_right_is_not_touched(text: str) -> None:
    assert steps.repair(text) == (text, ())


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_any_escaped_example_is_mended_to_what_it_was(document: dict[str, str]) -> None:
    text = json.dumps({f"c{name.encode().hex()}": value for name, value in document.items()})
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    mended, _ = steps.repair(escaped)
    assert json.loads(mended) == json.loads(text)


@settings(deadline=None)
@given(st.text(alphabet='{}"\\:,“” \nab', max_size=30))
def test_any_text_can_be_pasted(text: str) -> None:
    mended, notes = steps.repair(text)
    assert steps.repair(mended)[0] == mended or notes


@pytest.mark.parametrize(
    ("document", "at", "says"),
    [
        ("{", "line 1 column 2", "not JSON"),
        ([{"method": "GET"}], "/steps/0/number", "is missing"),
        ([{"number": 1}], "/steps/0/number", "integration accounts"),
        ([{"number": 7, "method": "GET", "table": "contacts"}], "/steps/0/stages", "is missing"),
        (changed(colour="red"), "/steps/0/colour", "is unknown"),
        (changed(method="PUT"), "/steps/0/method", "is not GET"),
        (changed(table="calls"), "/steps/0/table", "is not known"),
        (changed(body="{"), "/steps/0/body", "line 1"),
        (changed(body='{"subject":"{{Name"}'), "/steps/0/body/subject", "no other half"),
        (changed(body=None), "/steps/0/body", "is missing"),
        (changed(query_string="(x)"), "/steps/0/query_string", "no record id"),
        (changed(query_string=f"({ROW})"), "/steps/0/query_string", "creates a record"),
        (changed(body='{"statecode":1,"statuscode":2}'), "/steps/0/body/statecode", "open"),
        (
            changed(number=4, query_string="STEP2-Response.activityid"),
            "/steps/2/query_string",
            "in parentheses",
        ),
        (changed(number=4, query_string=""), "/steps/2/query_string", "record to update"),
        (changed(number=4, body='{"statecode":1}'), "/steps/2/body/statecode", "statuscode"),
        (
            changed(number=2, body='{"subject":"{{STEP4-Response.category}}"}'),
            "/steps/0/body/subject",
            "comes later",
        ),
        (
            changed(number=4, query_string="(STEP3-Response.activityid)"),
            "/steps/2/query_string",
            "opens a record",
        ),
        (
            changed(number=4, query_string="(STEP9-Response.activityid)"),
            "/steps/2/query_string",
            "there is no step 9",
        ),
        (changed(enabled=False), "/steps/2/query_string", "is disabled"),
        (
            changed(number=3, query_string='{"etn":"phonecalls"}'),
            "/steps/1/query_string/etn",
            "use",
        ),
        (changed(number=3, query_string='{"entity":"x"}'), "/steps/1/query_string/entity", "unkn"),
        (changed(number=3, body="{}"), "/steps/1/body", "sends a request"),
        (changed(number=3, target="window"), "/steps/1/target", "is not host"),
        ([PASTED[0], PASTED[0]], "/steps/1/number", "same as"),
        ({"steps": PASTED, "completed": "never"}, "/completed", "is not note"),
        ({"steps": PASTED, "wait_hours": 0}, "/wait_hours", "whole number"),
    ],
)
def test_a_fault_is_named_when_steps_are_saved(document: Any, at: str, says: str) -> None:
    found = faults(document)
    assert at in found, found
    assert says in found[at]


def test_every_fault_is_named_at_once() -> None:
    document = changed(body='{"statecode":1,"statuscode":1,"a":"{{STEP5-Response.x}}"}')
    document[2]["query_string"] = ""
    assert faults(document).keys() == {
        "/steps/0/body/statecode",
        "/steps/0/body/a",
        "/steps/2/query_string",
    }


def test_a_step_that_cannot_be_read_hides_no_fault_of_the_others() -> None:
    document = changed(body='{"subject": x}')
    document[1]["query_string"] = '{"etn":"phonecalls"}'
    document[2]["query_string"] = ""
    document[3]["method"] = "DELETE"
    assert faults({"steps": document, "owner": "x"}).keys() == {
        "/steps/0/body",
        "/steps/1/query_string/etn",
        "/steps/2/query_string",
        "/steps/3/method",
        "/owner",
    }


def test_an_unknown_attribute_is_a_hint_with_what_was_meant() -> None:
    document = changed(body='{"phonenumber":"{{CustomerEndpont}}","subject":"{{Attributes.tier}}"}')
    found = dict(hints(document))
    assert "did you mean CustomerEndpoint?" in found["/steps/0/body/phonenumber"]
    assert "/steps/0/body/subject" not in found
    assert "/steps/0/body/phonenumber" not in dict(hints(document, attributes=["customerendpont"]))


def test_a_call_without_a_direction_is_a_hint() -> None:
    (hint,) = [detail for _, detail in hints(PASTED) if "directioncode" in detail]
    advised = '"directioncode": {{IsOutbound|false}}'
    assert advised in hint, "a source that says no direction holds nothing up"
    document = changed(body=f"{{{advised}}}")
    assert not any("directioncode" in detail for _, detail in hints(document))
    view = contact(direction="inbound")
    sent = steps.preview(request(2, steps.parse_steps(document)), view, CONTOSO)
    assert '"directioncode":false' in sent


def test_the_environment_decides_which_tables_and_columns_there_are() -> None:
    calls = Table(
        name="phonecall",
        entity_set="phonecalls",
        id_column="activityid",
        columns=tuple(
            Column(name=name)
            for name in ("activityid", "phonenumber", "actualstart", "subject", "category")
        ),
    )
    found = faults(PASTED, metadata=Metadata((calls,)))
    assert found == {"/steps/3/body/description": "phonecall has no such column"}
    assert (
        "no table of this environment"
        in faults(changed(table="new_calls"), metadata=Metadata((calls,)))["/steps/0/table"]
    )
    own = Table(name="new_call", entity_set="new_calls", id_column="new_callid")
    found_table = steps.parse_steps([changed(table="new_call")[0]], metadata=Metadata((own,)))
    assert request(2, found_table).table == own


def test_a_table_that_is_not_known_needs_its_id_column() -> None:
    step = changed(table="new_calls", id_column="new_callid", body='{"new_name":"x"}')[0]
    found = steps.parse_steps([step])
    assert request(2, found).table.name == "new_call"
    assert '"new_callid":"' in steps.preview(request(2, found), contact(), CONTOSO)


def test_an_account_that_is_not_there_is_named() -> None:
    found = faults(changed(account="emea"), accounts=["default"])
    assert found == {"/steps/0/account": "there is no account 'emea'"}


def test_what_is_written_is_read_again() -> None:
    found = steps.parse_steps(
        {"steps": PASTED, "completed": "reopen", "owner": "agent", "abandoned": "cancel"}
    )
    assert steps.parse_steps(steps.dump(found)) == found
    assert steps.parse_steps(json.dumps(PASTED)) == steps.parse_steps(PASTED)
    assert steps.parse_steps("{}") == steps.Steps()


def test_the_tab_toggle_chooses_where_the_record_opens() -> None:
    targets = [steps.parse_steps(changed(number=3, tab=tab)).pop for tab in (True, False)]
    assert [found.target for found in targets if found] == ["tab", "embedded"]


def test_a_body_may_be_written_as_an_object() -> None:
    found = steps.parse_steps(changed(body={"subject": "{{Queue}}"}))
    assert '"subject":"sales"' in steps.preview(request(2, found), contact(queue="sales"), CONTOSO)


def test_a_row_that_was_not_sent_back_still_has_its_id() -> None:
    planned = steps.plan(steps.default_steps(), contact(), Stage.CREATED, {}, tenant="t")[0]
    sent = steps.render(planned, contact(), CONTOSO)
    assert steps.response_of(sent, None) == {"activityid": planned.row_id}
    assert steps.response_of(sent, {"activityid": ROW, "subject": "x"})["activityid"] == ROW
    assert sent.read_back == f"phonecalls({planned.row_id})"


def test_samples_fill_every_response_that_a_step_names() -> None:
    found = steps.parse_steps(PASTED)
    view = contact(recording=Recording("recording", "https://s3/x.wav"))
    for step in found.steps:
        assert steps.preview(step, view, CONTOSO, steps.sample_responses(found))


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "steps.md"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)
    return [block for named, block in found if named == language]


def test_the_steps_on_the_page_are_steps_and_its_members_are_all_in_the_tables() -> None:
    (example,) = blocks("json")
    found = steps.parse_steps(example)
    assert json.loads(steps.dump(found)).keys() >= json.loads(example).keys()
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    written = json.loads(steps.dump(found))
    assert named >= {*written, *(name for step in written["steps"] for name in step)} - {"steps"}
    assert named >= set(steps.attributes(contact())) & {"ContactId", "CustomerEndpoint", "Channel"}


def test_the_faults_on_the_page_are_the_ones_that_are_reported() -> None:
    document = changed(body='{"subject":"{{STEP4-Response.category}}"}')
    reported = [f"{at}: {detail}" for at, detail in faults(document).items()]
    document = changed(number=4, query_string="STEP2-Response.activityid")
    reported += [f"{at}: {detail}" for at, detail in faults(document).items()]
    document = changed(number=4, body='{"statecode":1}')
    reported += [f"{at}: {detail}" for at, detail in faults(document).items()]
    assert blocks("")[0].splitlines() == reported
