"""Whatever stands in a template, checking it names faults and never breaks; texts always fit."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from adapter import steps
from adapter.errors import InvalidSettings, Place
from adapter.steps import Column, Metadata, Navigation, RenderedRequest, Table
from adapter.steps.lengths import MARK, cut, units

CALLS = Table(
    name="phonecall",
    entity_set="phonecalls",
    id_column="activityid",
    columns=(
        Column(name="activityid", kind="Uniqueidentifier"),
        Column(name="subject", kind="String", max_length=20),
        Column(name="directioncode", kind="Boolean"),
        Column(name="prioritycode", kind="Picklist", choices=(0, 1)),
        Column(name="statuscode", kind="Status", choices=(1, 4), states=((1, 0), (4, 1))),
        Column(name="actualstart", kind="DateTime"),
        Column(name="ownerid", kind="Owner"),
    ),
    navigations=(Navigation(name="parties", table="activityparty"),),
)
ENVIRONMENT = Metadata((CALLS,))
NAMES = st.sampled_from([each.name for each in CALLS.columns or ()]) | st.text(max_size=30)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
BODIES = st.dictionaries(
    NAMES | NAMES.map(lambda name: f"{name}@odata.bind"),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    max_size=6,
)
PIECES = (
    *("?", "$select=", "$filter=", "$orderby=", "$expand=", "contains(", "(", ")", "(a='", "'"),
    *("subject", "activityid", " eq ", "&", ",", "%27", "{{A}}", "STEP2-Response.x"),
)
QUERIES = st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(body=BODIES, query=QUERIES, method=st.sampled_from(["POST", "PATCH", "GET"]))
@settings(max_examples=300, deadline=None)
def test_any_step_is_saved_or_its_faults_are_named(
    body: dict[str, Any], query: str, method: str
) -> None:
    step = {"number": 6, "stage": "ended", "method": method, "table": "phonecalls"}
    step |= {"query_string": query} | ({} if method == "GET" else {"body": json.dumps(body)})
    refused: tuple[Place, ...] | None = None
    try:
        parsed, hints = steps.parse_with_hints([step], metadata=ENVIRONMENT, accounts=())
    except InvalidSettings as error:
        refused = error.places
    else:
        assert steps.read_steps(steps.dump(parsed)) == parsed
        assert all(hint.detail for hint in hints)
    assert refused is None or all(place.detail for place in refused)
    assert refused != ()


@given(text=st.text(st.characters(codec="utf-8"), max_size=60), most=st.integers(0, 40))
def test_a_text_is_cut_to_what_its_column_takes(text: str, most: int) -> None:
    short = cut(text, most)
    assert units(short) <= most
    if units(text) <= most:
        assert short == text
    elif most:
        assert short.endswith(MARK)
        assert text.startswith(short.removesuffix(MARK))
    short.encode()


@given(body=st.dictionaries(NAMES, LEAVES, max_size=6))
def test_only_texts_of_known_columns_are_shortened(body: dict[str, Any]) -> None:
    text = json.dumps(body)
    request = RenderedRequest(method="POST", path="phonecalls", body=text.encode())
    sent, notes = steps.fitted(request, CALLS)
    after = json.loads(sent.body or b"")
    changed = [name for name in body if after[name] != json.loads(text)[name]]
    assert set(changed) <= {"subject"}
    assert len(notes) == len(changed)
    if isinstance(body.get("subject"), str):
        assert units(after["subject"]) <= 20
