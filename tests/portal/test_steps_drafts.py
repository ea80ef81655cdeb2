"""Drafts take whatever is typed; addresses, comparisons and choices come out of them safely."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from adapter import steps
from adapter.dynamics.names import InvalidArgument
from adapter.errors import MalformedInput, Place
from adapter.web.portal import (
    dynamics_forms,
    steps_address,
    steps_changes,
    steps_drafts,
    steps_forms,
    steps_picker,
    steps_starts,
    steps_switching,
)
from adapter.web.portal.forms import Form
from adapter.web.portal.steps_drafts import Draft
from tests.server import RECORD

ORG = "https://contoso.crm4.dynamics.com"
APP = "99999999-2222-3333-4444-555555555555"
CALLS = {2: ("phonecall", "activityid")}
NAMES = (
    *("enabled", "stages", "method", "table", "id_column", "query_string", "body", "account"),
    *("want_response", "target", "patience", "completed", "wait_hours", "owner", "redacted"),
)
TYPED = st.dictionaries(
    st.sampled_from(NAMES),
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["1", "POST", "created", '{"x": "{{A}}"}', "(STEP2-Response.id)"]),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=150)
@given(fields=TYPED, number=st.integers(2, 99), opens=st.booleans())
def test_whatever_is_typed_can_be_kept_and_looked_at(
    fields: dict[str, tuple[str, ...]], number: int, opens: bool
) -> None:
    step, _ = steps_forms.read(number, Form(fields), opens=opens)
    options = steps_forms.read_options(4, Form(fields))
    draft = steps_drafts.with_step(Draft(options=options), number, step, who="x")
    kept = msgspec.json.decode(msgspec.json.encode(draft), type=Draft)
    assert kept == draft
    checked = steps_forms.check(draft)
    assert (checked.steps is None) == bool(checked.faults)
    shown = steps_forms.shown(number, draft.steps.get(number))
    assert shown.number == number
    if step is not None and shown.opens == opens:
        assert shown.values.get("body", "") == str(step.get("body", ""))


@pytest.mark.parametrize("start", ["examples", "complete", "empty", "current"])
def test_every_start_is_without_fault_and_survives_the_draft(start: str) -> None:
    wanted = steps_starts.steps_of(start, steps.default_steps())
    assert wanted is not None
    draft = steps_drafts.of_steps(wanted, base=1, who="x")
    assert steps_forms.check(draft).steps == wanted
    for number in draft.steps:
        fields = steps_forms.shown(number, draft.steps[number])
        typed: dict[str, tuple[str, ...]] = {
            name: (value,) for name, value in fields.values.items()
        }
        typed |= {"stages": fields.stages, "enabled": ("1",)}
        typed |= {"want_response": ("1",)} if fields.want_response else {}
        step, repairs = steps_forms.read(number, Form(typed), opens=fields.opens)
        draft = steps_drafts.with_step(draft, number, step, who="y")
        assert repairs == ()
    assert steps_forms.check(draft).steps == wanted


def test_an_unknown_start_is_none() -> None:
    assert steps_starts.steps_of("other", steps.default_steps()) is None


def query(address: str, **more: Any) -> steps_address.Filled:
    known: dict[str, Any] = {"created": CALLS, "app_id": APP, "organisation": ORG}
    return steps_address.query_string(address, **(known | more))


@pytest.mark.parametrize(
    ("asked", "expected", "notes"),
    [
        (
            f"pagetype=entityrecord&etn=phonecall&id={RECORD}&appid={APP}",
            {
                "appid": "{{appid}}",
                "pagetype": "entityrecord",
                "etn": "phonecall",
                "id": "{{STEP2-Response.activityid}}",
            },
            ("made_record",),
        ),
        (
            f"pagetype=entityrecord&etn=account&id={RECORD}",
            {
                "appid": "{{appid}}",
                "pagetype": "entityrecord",
                "etn": "account",
                "id": RECORD,
            },
            ("same_record",),
        ),
        (
            f"appid={RECORD}&pagetype=entitylist&etn=contact&viewid={RECORD}&viewtype=1039",
            {
                "appid": RECORD,
                "pagetype": "entitylist",
                "etn": "contact",
                "viewid": RECORD,
                "viewtype": 1039,
            },
            ("other_app",),
        ),
        (
            "appname=Sales&etn=lead&extraqs=subject%3Dcall&navbar=off&forceUCI=1",
            {
                "appname": "Sales",
                "pagetype": "entityrecord",
                "etn": "lead",
                "navbar": "off",
                "defaults": {"subject": "call"},
            },
            ("left_out",),
        ),
    ],
    ids=["made", "fixed", "list", "new"],
)
def test_an_address_becomes_a_query_string(
    asked: str, expected: dict[str, Any], notes: tuple[str, ...]
) -> None:
    filled = query(f"  {ORG}/main.aspx?{asked}\n")
    assert json.loads(filled.query_string) == expected
    assert filled.notes == notes
    pop = {"number": 3, "query_string": filled.query_string}
    make = {"number": 2, "method": "POST", "table": "phonecalls", "body": '{"subject": "x"}'}
    steps.parse_steps([make, pop])


def test_an_address_of_another_organisation_is_noticed() -> None:
    filled = query("https://fabrikam.crm.dynamics.com/main.aspx?etn=contact")
    assert "other_organisation" in filled.notes
    unknown = query("https://fabrikam.crm.dynamics.com/main.aspx?etn=contact", organisation=None)
    assert unknown.notes == ()


@given(st.one_of(st.text(max_size=80), st.text(max_size=60).map(f"{ORG}/main.aspx?".__add__)))
def test_any_paste_is_taken_apart_or_refused(text: str) -> None:
    try:
        filled = query(text)
    except InvalidArgument:
        return
    assert isinstance(json.loads(filled.query_string), dict)


def test_the_comparison_names_what_is_new_changed_and_gone() -> None:
    old = steps.default_steps()
    assert steps_changes.changes(old, old) == []
    document = json.loads(steps.dump(old))
    document["steps"][2]["body"] = '{"category": "{{Queue}}"}'
    document["steps"].pop(3)
    document["steps"].append(
        {
            "number": 9,
            "stages": ["ended"],
            "method": "GET",
            "table": "tasks",
            "query_string": "?$top=1",
        }
    )
    document["redacted"] = "never"
    found = steps_changes.changes(old, steps.parse_steps(document))
    assert [(each.number, each.what) for each in found] == [
        (4, "changed"),
        (5, "gone"),
        (9, "new"),
        (0, "changed"),
    ]
    changed = [(line.kind, line.text.strip()) for line in found[0].lines if line.kind != "same"]
    assert changed == [
        ("removed", '"category": "{{Channel}}"'),
        ("added", '"category": "{{Queue}}"'),
    ]


def test_attributes_of_late_contacts_come_before_the_documented_ones() -> None:
    view = {
        **steps.SAMPLE,
        "attributes": {"Zeta": "x" * 90, "alpha": None, "{bad}": 1, "Channel": 2},
    }
    calls = steps.default_steps().requests[0].table
    found = steps_picker.choices([view], {2: calls}, sample=steps.SAMPLE, files=True)
    texts = [each.text for each in found]
    assert texts[:5] == [
        "{{STEP2-Response.activityid}}",
        "{{objectUrl}}",
        "{{appid}}",
        "{{alpha}}",
        "{{Zeta}}",
    ]
    assert texts.count("{{Channel}}") == 1
    assert "{{{bad}}}" not in texts
    assert len(found[4].sample) == steps_picker.LONGEST_SAMPLE
    plain = steps_picker.choices([], {}, sample=steps.SAMPLE, files=False)
    assert "{{objectUrl}}" not in [each.text for each in plain]


def test_problems_are_sorted_to_steps_fields_and_rules() -> None:
    places = [
        Place("/steps/1/body/subject", "is wrong"),
        Place("/steps/10/body", "of another step"),
        Place("/steps/1", "opens a record already"),
        Place("/wait_hours", "is too long"),
    ]
    assert steps_forms.of_step(places, 1, str.upper) == [
        Place("body", "subject: IS WRONG"),
        Place("number", "OPENS A RECORD ALREADY"),
    ]
    assert steps_forms.of_options(places) == [Place("wait_hours", "is too long")]


def test_switching_leaves_the_other_steps_alone() -> None:
    known = steps.default_steps()
    off = steps_switching.switched(known, {5}, on=False)
    assert [step.enabled for step in off.steps] == [True, True, True, False]
    assert steps_switching.switched(off, {5}, on=True) == known


@pytest.mark.parametrize("body", [{}, {"fields": []}, {"fields": None}, {"fields": "x"}])
def test_a_script_that_sends_no_fields_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput):
        dynamics_forms.form_of_script(body)


@given(
    st.dictionaries(
        st.text(max_size=10), st.one_of(st.none(), st.integers(), st.lists(st.text(max_size=5)))
    )
)
def test_a_scripts_fields_are_texts(fields: dict[str, Any]) -> None:
    form = dynamics_forms.form_of_script({"fields": fields})
    assert all(isinstance(value, str) for name in form.fields for value in form.all(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("5", 5),
        ("99", 99),
        ("0", None),
        ("100", None),
        ("x", None),
        ("", None),
        ("²", None),
    ],
)
def test_the_number_of_a_page_is_read(text: str, expected: int | None) -> None:
    assert steps_forms.page_number(text) == expected
