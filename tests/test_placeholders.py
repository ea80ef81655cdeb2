"""Values land where they belong, whatever callers are called."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from adapter.placeholders import (
    JsonTemplate,
    MissingValue,
    Reference,
    TemplateFault,
    UnfitValue,
    UrlTemplate,
    Values,
    encode,
    hints,
    split,
)

ROW = "91330924-802a-4b0d-a900-34fd9d790829"
AFTER_STEP_2 = Values(responses={2: {"activityid": ROW}})

hostile = st.one_of(
    st.text(),
    st.text(alphabet="'\"\\{}()[]%_&?#/=+;,$ \n\r\t\x00<>|\u2018\u2019“”\u2028\ud800é😀"),
    st.sampled_from(
        [
            '","ownerid":"x',
            "' or 1 eq 1 or name eq '",
            "%27 or 1 eq 1",
            "{{STEP2-Response.activityid}}",
            "objectUrl",
            "')/Microsoft.Dynamics.CRM.Delete",
            "a&$top=1",
            "+4930123456",
        ]
    ),
)


def meant(value: str) -> str:
    """What can be sent of a text: half a surrogate pair is no character."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def body(text: str, **attributes: Any) -> Any:
    return JsonTemplate.parse(text).render(Values(attributes=attributes))


def url(text: str, **attributes: Any) -> tuple[str, str]:
    return UrlTemplate.parse(text).render(Values(attributes=attributes))


def test_both_spellings_of_a_reference_are_the_same() -> None:
    braces = split("{{STEP2-Response.activityid}}")
    bare = split("(STEP2-Response.activityid)")
    reference = Reference("STEP2-Response.activityid", 2, "activityid")
    assert braces == (reference,)
    assert bare == ("(", reference, ")")


def test_object_url_is_filled_without_braces_and_other_words_are_not() -> None:
    template = '{"description":"Your Recording URI is objectUrl","subject":"from Username"}'
    assert body(template, objectUrl="https://r/1", Username="alice") == {
        "description": "Your Recording URI is https://r/1",
        "subject": "from Username",
    }


@pytest.mark.parametrize("text", ["myobjectUrl", "objectUrls", "x.objectUrl", "STEP2-Responses.x"])
def test_a_word_that_only_contains_a_placeholder_is_a_word(text: str) -> None:
    assert split(text) == (text,)


def test_bare_words_that_look_like_attributes_give_a_hint() -> None:
    known = {"CustomerEndpoint", "Channel", "Queue.Name"}
    found = [
        place.detail
        for place in hints("Call between Username and CustomerEndpoint on a Channel", known)
    ]
    assert [detail.split()[0] for detail in found] == ["Username", "CustomerEndpoint"]
    assert "{{Username}}" in found[0]
    assert not list(hints("{{CustomerEndpoint}} called; objectUrl", known))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{CustomerEndpoint", "no other half"),
        ("CustomerEndpoint}}", "no other half"),
        ("{{CustomerEndpoint}", "no other half"),
        ("{{ }}", "names nothing"),
        ("{{STEP2-Response}}", "needs a field"),
        ("see STEP2-Response", "needs a field"),
    ],
)
def test_a_broken_placeholder_is_named_when_it_is_saved(text: str, says: str) -> None:
    with pytest.raises(TemplateFault, match=says):
        split(text)


@settings(deadline=None)
@given(hostile)
def test_a_value_never_breaks_out_of_a_json_string(value: str) -> None:
    template = JsonTemplate.parse('{"a":"x {{V}} y","b":{"c":["{{V}}"]},"d":true}')
    sent = encode(template.render(Values(attributes={"V": value})))
    assert json.loads(sent) == {
        "a": f"x {meant(value)} y",
        "b": {"c": [meant(value)]},
        "d": True,
    }


@settings(deadline=None)
@given(hostile)
def test_a_value_never_breaks_out_of_an_odata_literal(value: str) -> None:
    key, query = url(
        "(number='{{V}}')?$filter=name eq '{{V}}' and x eq 1&$top=2&note={{V}}", V=value
    )
    literal = meant(value).replace("'", "''")
    address = httpx.URL(f"https://contoso.crm4.dynamics.com/api/data/v9.2/accounts{key}?{query}")
    sent = address.raw_path.decode()
    assert sent == f"/api/data/v9.2/accounts{key}?{query}", "what is shown is what is sent"
    parts = urlsplit(f"https://h{sent}")
    assert unquote(parts.path) == f"/api/data/v9.2/accounts(number='{literal}')"
    assert parts.path.count("/") == 4
    assert parse_qsl(parts.query, keep_blank_values=True) == [
        ("$filter", f"name eq '{literal}' and x eq 1"),
        ("$top", "2"),
        ("note", meant(value)),
    ]
    assert not parts.fragment


@settings(deadline=None)
@given(hostile)
def test_a_value_in_contains_finds_itself_and_not_everything(value: str) -> None:
    _, query = url("?$filter=contains(fullname,'{{V}}')", V=value)
    decoded = unquote_plus(query)
    pattern = decoded.removeprefix("$filter=contains(fullname,'").removesuffix("')")
    assert re.sub(r"\[([%_\[])\]", r"\1", pattern.replace("''", "'")) == meant(value)
    assert "%" not in re.sub(r"\[%\]", "", pattern)


@settings(deadline=None)
@given(hostile)
def test_only_a_record_id_stands_alone_in_parentheses(value: str) -> None:
    with pytest.raises(UnfitValue, match=r"record id|is empty"):
        url("({{V}})", V=value)


@settings(deadline=None)
@given(hostile)
def test_only_a_plain_literal_stands_in_an_option_without_apostrophes(value: str) -> None:
    try:
        _, query = url("?$filter=x eq {{V}}", V=value)
    except UnfitValue:
        return
    assert re.fullmatch(r"\$filter=x%20eq%20[\w.:%+-]+", query)


@settings(deadline=None)
@given(st.text(alphabet="{}\"\\'():,STEP2-Response.objectUrl&?$=% \n", max_size=60))
def test_any_text_is_a_template_or_a_named_fault(text: str) -> None:
    for parse in (JsonTemplate.parse, UrlTemplate.parse):
        with contextlib.suppress(TemplateFault):
            parse(text)


def test_an_id_is_written_bare_and_in_lower_case() -> None:
    values = Values(responses={2: {"activityid": "{" + ROW.upper() + "}"}})
    assert UrlTemplate.parse("(STEP2-Response.activityid)").render(values) == (f"({ROW})", "")


def test_a_plus_and_an_apostrophe_arrive_as_themselves() -> None:
    assert url("$filter=telephone1 eq '{{P}}'", P="+49 30 O'Hara") == (
        "",
        "$filter=telephone1%20eq%20'%2B49%2030%20O''Hara'".replace("''", "%27%27"),
    )


def test_what_is_encoded_already_is_not_encoded_twice() -> None:
    assert url("?$filter=telephone1%20eq%20%27{{P}}%27", P="a'b")[1] == (
        "$filter=telephone1%20eq%20'a%27%27b'"
    )
    assert url("?$filter=name eq 'A&B+C'")[1] == "$filter=name%20eq%20'A%26B%2BC'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("STEP2-Response.activityid", r"in parentheses: \(STEP2-Response.activityid\)"),
        ("{{STEP2-Response.activityid}}", "in parentheses"),
        ("(STEP2-Response.activityid", "not closed"),
        ("(abc)", "no record id"),
        ("()", "no record id"),
        ("?$filter=name eq 'x", "apostrophe is not closed"),
        (f"({ROW})/Delete", "out of place"),
        (f"({ROW})({ROW})", "out of place"),
    ],
)
def test_a_query_string_that_cannot_work_is_refused(text: str, says: str) -> None:
    with pytest.raises(TemplateFault, match=says):
        UrlTemplate.parse(text)


def test_quotes_make_text_and_their_absence_makes_a_number_or_a_boolean() -> None:
    template = '{"text":"{{N}}","number":{{N}},"flag":{{F}},"none":{{Z}}}'
    assert body(template, N=42, F="False", Z="null") == {
        "text": "42",
        "number": 42,
        "flag": False,
        "none": None,
    }
    with pytest.raises(UnfitValue, match="put the placeholder in quotes") as raised:
        body(template, N='1,"x":2', F="true", Z="null")
    assert raised.value.place == "body/number"
    assert "x" not in str(raised.value).replace("text", ""), "a value is not repeated"


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ('{"a":}', "line 1 column 6", "not JSON"),
        ('{"a":"b" "c":1}', "line 1 column 10", "not JSON"),
        ('{\n"a":"{{X"}', "/a", "no other half"),
        ('{"{{X}}":1}', "/{{X}}", "name cannot be filled"),
        ('{"a":1,"a":2}', "", "there twice"),
        ("[1]", "", "must be a JSON object"),
        ('{"a":"\\u0000"}', "/a", "U+0000"),
        ('{"a":NaN}', "", "no JSON number"),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_its_place(text: str, at: str, says: str) -> None:
    with pytest.raises(TemplateFault) as raised:
        JsonTemplate.parse(text)
    assert [(place.at, says in place.detail) for place in raised.value.places] == [(at, True)]


def test_a_missing_value_is_named_with_its_place() -> None:
    with pytest.raises(MissingValue) as raised:
        body('{"subject":"Call from {{Name}}"}', Other=1)
    assert (raised.value.placeholder, raised.value.place) == ("{{Name}}", "body/subject")
    assert str(raised.value) == "{{Name}} in body/subject: the contact has no such attribute"
    assert [place.at for place in raised.value.places] == ["body/subject"]


def test_a_fallback_stands_in_for_what_is_missing_only() -> None:
    template = '{"phonenumber":"{{CustomerEndpoint|withheld}}"}'
    assert body(template) == {"phonenumber": "withheld"}
    assert body(template, CustomerEndpoint=None) == {"phonenumber": "withheld"}
    assert body(template, CustomerEndpoint="") == {"phonenumber": ""}


def test_an_attribute_is_found_by_exact_name_then_dots_then_any_case() -> None:
    template = '{"a":"{{Customer.Id}}"}'
    assert body(template, **{"Customer.Id": 1, "customer": {"id": 2}}) == {"a": "1"}
    assert body(template, Customer={"Id": 2}) == {"a": "2"}
    assert body(template, customer={"ID": 3}) == {"a": "3"}
    with pytest.raises(MissingValue, match="several spellings"):
        body('{"a":"{{NAME}}"}', name="x", Name="y")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (Values(), "step 2 has not answered yet"),
        (Values(failures={2: "prvCreateActivity is missing"}), "step 2 failed: prvCreateActivity"),
        (Values(responses={2: {}}), "response has no activityid"),
        (Values(responses={2: {"activityid": None}}), "response has no activityid"),
        (Values(responses={2: {"value": []}}), "found 0 rows"),
        (Values(responses={2: {"value": [{}, {}]}}), "found 2 rows, not one"),
    ],
)
def test_a_response_that_is_not_there_says_why(values: Values, says: str) -> None:
    with pytest.raises(MissingValue, match=says):
        UrlTemplate.parse("(STEP2-Response.activityid)").render(values)


def test_one_row_that_a_query_found_is_the_response() -> None:
    values = Values(responses={2: {"value": [{"contactid": ROW}]}})
    assert UrlTemplate.parse("({{STEP2-Response.contactid}})").render(values)[0] == f"({ROW})"
    assert UrlTemplate.parse("({{STEP2-Response.value.0.contactid}})").render(values)[0] == (
        f"({ROW})"
    )


def test_the_app_id_comes_from_the_account() -> None:
    template = JsonTemplate.parse('{"appid":"{{appid}}"}')
    assert template.render(Values(app_id=ROW, attributes={"appid": "x"})) == {"appid": ROW}
    with pytest.raises(MissingValue):
        template.render(Values())


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    values = Values(attributes={"Name": "{{Secret}} objectUrl", "Secret": "s", "objectUrl": "u"})
    assert JsonTemplate.parse('{"a":"{{Name}}"}').render(values) == {"a": "{{Secret}} objectUrl"}
