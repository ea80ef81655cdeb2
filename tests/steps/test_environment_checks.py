"""What the environment would refuse is told when steps are saved; what it would take is saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapter.connections import AccountDesk, Clients
from adapter.demo.simulated.dataverse.schema import Column, Kind
from adapter.demo.simulated.faults import Fault, Kind as FaultKind
from adapter.demo.simulated.serving import Simulation
from adapter.environments import Environments
from adapter.errors import InvalidSettings
from adapter.events import ContactEvent, Stage
from adapter.step_desk import NOT_CHECKED, StepDesk
from adapter.store import settings as stored_settings
from adapter.store.database import Database
from adapter.tenants import DEFAULT
from tests import journal_rows
from tests.steps.settings import created, default_document, ended, found, put_in_force

CONTACT = "7a1c0001-53b2-ed11-83ff-000d3a020001"


async def faults(desk: StepDesk, *steps: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as raised:
        await desk.check(DEFAULT, list(steps))
    return {place.at: place.detail for place in raised.value.places}


async def hints(desk: StepDesk, *steps: dict[str, Any]) -> dict[str, str]:
    checked = await desk.check(DEFAULT, list(steps))
    assert checked.unchecked == ()
    return {place.at: place.detail for place in checked.hints}


async def test_the_default_steps_fit_the_documented_tables(desk: StepDesk) -> None:
    checked = await desk.check(DEFAULT, default_document())
    assert checked.unchecked == ()
    assert not any("column" in hint.detail for hint in checked.hints)


@pytest.mark.parametrize(
    ("body", "at", "says"),
    [
        ({"phonenumbre": "x"}, "phonenumbre", "no such column (did you mean phonenumber?)"),
        ({"Subject": "x"}, "Subject", "no such column (did you mean subject?)"),
        (
            {"regardingobjectid_contct@odata.bind": f"/contacts({CONTACT})"},
            "regardingobjectid_contct@odata.bind",
            "no navigation property regardingobjectid_contct (did you mean",
        ),
        (
            {"regardingobjectid@odata.bind": f"/contacts({CONTACT})"},
            "regardingobjectid@odata.bind",
            "write regardingobjectid_account_phonecall or regardingobjectid_contact_phonecall",
        ),
        (
            {"regardingobjectid_contact@odata.bind": "/contacts{{STEP6-Response.contactid}}"},
            "regardingobjectid_contact@odata.bind",
            "stands in parentheses: /contacts(…)",
        ),
        (
            {"regardingobjectid_contact@odata.bind": f"/accounts({CONTACT})"},
            "regardingobjectid_contact@odata.bind",
            "leads to a contact, not to one of accounts",
        ),
        (
            {"regardingobjectid_contact@odata.bind": f"/contact({CONTACT})"},
            "regardingobjectid_contact@odata.bind",
            "write the entity set: /contacts(…)",
        ),
        (
            {"regardingobjectid_contact@odata.bind": f"/contcts({CONTACT})"},
            "regardingobjectid_contact@odata.bind",
            "no table of this environment (did you mean contacts?)",
        ),
        ({"regardingobjectid": CONTACT}, "regardingobjectid", "is a lookup: write"),
        ({"_regardingobjectid_value": CONTACT}, "_regardingobjectid_value", "can only be read"),
        ({"directioncode": "yes"}, "directioncode", "takes true or false, without quotes"),
        ({"actualdurationminutes": "long"}, "actualdurationminutes", "takes a number"),
        ({"prioritycode": 7}, "prioritycode", "7 is none of its choices: 0, 1, 2"),
        ({"actualstart": "yesterday"}, "actualstart", "takes a date and time"),
        ({"subject": 5}, "subject", "put the value in quotes"),
        ({"activityid": "c-42"}, "activityid", "takes a record id"),
        ({"parties": []}, "parties", "no navigation property of this name"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_a_table_does_not_take_is_a_fault(
    desk: StepDesk, body: dict[str, Any], at: str, says: str
) -> None:
    looked = found("?$select=contactid&$filter=mobilephone eq '{{CustomerEndpoint}}'")
    place = f"/steps/1/body/{at}"
    told = await faults(desk, {**looked, "number": 6}, {**created(body), "stage": "answered"})
    assert list(told) == [place]
    assert says in told[place]


async def test_a_state_and_its_reason_belong_together(desk: StepDesk) -> None:
    told = await faults(desk, created({}), ended({"statecode": 1, "statuscode": 3}))
    assert told == {"/steps/1/body/statuscode": "3 belongs to statecode 2, not to 1"}
    assert await hints(desk, created({}), ended({"statecode": 1, "statuscode": 4})) == {}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?$select=contactid,fullnam", "no column fullnam (did you mean fullname?)"),
        ("?$select=contactid&$orderby=createdonn desc", "no column createdonn"),
        ("?$filter=mobile eq '{{CustomerEndpoint}}'", "no column mobile"),
        ("?$filter=contains(telefone1,'{{CustomerEndpoint}}')", "no column telefone1"),
    ],
)
async def test_a_column_that_a_query_names_must_be_there(
    desk: StepDesk, query: str, says: str
) -> None:
    told = await faults(desk, found(query))
    assert says in told["/steps/0/query_string"]


@pytest.mark.parametrize(
    "bare",
    ["{{CustomerEndpoint}}", "{{STEP6-Response.mobilephone}}", "STEP6-Response.mobilephone"],
)
async def test_a_text_is_compared_with_a_text_in_apostrophes(desk: StepDesk, bare: str) -> None:
    looked = found("?$select=mobilephone&$filter=statecode eq 0")
    later = {**looked, "number": 7}
    options = f"?$select=contactid&$filter=mobilephone eq {bare}"
    told = await faults(desk, looked, {**later, "query_string": options})
    says = f"mobilephone is a text column: put apostrophes around {bare}"
    assert told == {"/steps/1/query_string": says}
    options = options.replace(bare, f"'{bare}' and statecode eq 0")
    checked = await desk.check(DEFAULT, [looked, {**later, "query_string": options}])
    assert checked.unchecked == ()


async def test_a_query_that_the_table_answers_is_saved(desk: StepDesk) -> None:
    query = (
        "?$select=contactid,fullname,_parentcustomerid_value&$orderby=createdon desc&$top=1"
        "&$filter=mobilephone eq '{{CustomerEndpoint}}' or startswith(telephone1,'a eq b')"
    )
    assert await hints(desk, found(query)) == {}


async def test_a_response_field_must_come_with_the_response(desk: StepDesk) -> None:
    def opening(field: str) -> dict[str, Any]:
        page = {"etn": "contact", "id": "{{STEP6-Response." + field + "}}"}
        return {"number": 3, "query_string": page}

    looked = found("?$select=contactid&$filter=mobilephone eq '{{CustomerEndpoint}}'")
    told = await faults(desk, looked, opening("fullname"))
    assert told == {
        "/steps/1/query_string/id": "step 6 does not ask for fullname: add it to its $select"
    }
    everything = found("?$filter=mobilephone eq '{{CustomerEndpoint}}'")
    told = await faults(desk, everything, opening("contctid"))
    assert "no contctid (did you mean contactid?)" in told["/steps/1/query_string/id"]
    told = await faults(desk, everything, opening("value.0.parentcustomerid"))
    assert "answers with _parentcustomerid_value" in told["/steps/1/query_string/id"]
    for good in ("contactid", "value.0.contactid", "_parentcustomerid_value", "fullname"):
        assert await hints(desk, everything, opening(good)) == {}


async def test_what_is_cut_off_or_ignored_is_a_hint(desk: StepDesk) -> None:
    told = await hints(
        desk,
        created(
            {
                "subject": "x" * 201 + "{{Channel}}",
                "createdon": "2026-01-01T00:00:00Z",
                "actualdurationminutes": "{{DurationMinutes}}",
                "prioritycode": "1",
            }
        ),
    )
    assert "201 characters or more; subject takes 200" in told["/steps/0/body/subject"]
    assert "not take this column" in told["/steps/0/body/createdon"]
    assert "leave the quotes" in told["/steps/0/body/actualdurationminutes"]
    assert "leave the quotes" in told["/steps/0/body/prioritycode"]


async def test_parties_and_both_spellings_of_a_lookup_are_saved(desk: StepDesk) -> None:
    body = {
        "phonecall_activity_parties": [
            {"partyid_contact@odata.bind": f"/contacts({CONTACT})", "participationtypemask": 1}
        ],
        "regardingobjectid_contact@odata.bind": f"/contacts({CONTACT})",
        "ownerid@odata.bind": f"/systemusers({CONTACT})",
    }
    assert await hints(desk, created(body)) == {}
    long = {"regardingobjectid_contact_phonecall@odata.bind": f"/contacts({CONTACT})"}
    assert await hints(desk, created(long)) == {}


async def test_a_table_that_is_not_there_is_a_fault_with_the_near_one(desk: StepDesk) -> None:
    told = await faults(desk, {**created({}), "table": "phonecals", "id_column": "activityid"})
    assert told == {"/steps/0/table": "'phonecals' is no table of this environment"}
    told = await faults(desk, {**found("?$top=1"), "table": "appointments"})
    assert "appointments is no table of this environment" in told["/steps/0/table"]


async def test_an_account_that_is_not_there_is_a_fault_with_the_near_one(desk: StepDesk) -> None:
    told = await faults(desk, created({}, account="mian"))
    assert told == {"/steps/0/account": "there is no account 'mian' (did you mean main?)"}
    assert await hints(desk, created({}, account="MAIN")) == {}


async def test_a_column_that_was_added_since_is_found(
    desk: StepDesk, database: Database, dynamics: Simulation
) -> None:
    step = created({"new_reason": "x"})
    assert "no such column" in (await faults(desk, step))["/steps/0/body/new_reason"]
    calls = dynamics.world.database.catalog.table("phonecall")
    assert calls is not None
    calls.columns["new_reason"] = Column("new_reason", Kind.STRING, "Reason")  # type: ignore[index]
    try:
        earlier = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1_000_000)
        with database.transaction() as cursor:
            cursor.execute("UPDATE environment_tables SET read=?", (earlier,))
        assert await hints(desk, step) == {}
    finally:
        del calls.columns["new_reason"]  # type: ignore[attr-defined]


async def test_an_attribute_that_no_contact_has_had_is_a_hint_until_one_has(
    desk: StepDesk, database: Database
) -> None:
    step = created({"subject": "{{Reason}} {{Details.Kind}}"})
    assert "no contact has had the attribute" in (await hints(desk, step))["/steps/0/body/subject"]
    event = ContactEvent(
        source="s",
        id="1",
        contact="c-1",
        time=datetime.now(UTC),
        stage=Stage.CREATED,
        attributes={"Reason": "moving", "Details": {"Kind": "house"}},
    )
    with journal_rows.batch(database, event.time) as batch:
        journal_rows.keep(batch, DEFAULT, event)
    assert await hints(desk, step) == {}


@pytest.mark.parametrize(
    "trouble",
    [
        Fault(FaultKind.STATUS, status=503, path=r"EntityDefinitions|batch", count=20),
        Fault(FaultKind.STATUS, status=403, path=r"EntityDefinitions|batch", count=20),
        Fault(FaultKind.DROP_BEFORE, path=r"EntityDefinitions|batch", count=20),
    ],
    ids=["unavailable", "denied", "cut"],
)
async def test_an_environment_that_cannot_be_asked_stops_nobody(
    desk: StepDesk, dynamics: Simulation, trouble: Fault
) -> None:
    dynamics.world.faults.plan(trouble)
    version, checked = await desk.save(DEFAULT, [created({"new_column": "x"})], who="test")
    assert version == 1
    assert len(checked.unchecked) == 1
    assert checked.unchecked[0].startswith(NOT_CHECKED)
    assert checked.hints[0].detail == checked.unchecked[0]


async def test_an_outage_does_not_forget_the_names_of_tables_that_were_read_before(
    desk: StepDesk, database: Database, dynamics: Simulation
) -> None:
    step = {**created({}), "table": "appmodules", "body": {"name": "x"}}
    assert await hints(desk, step) == {}
    with database.transaction() as cursor:
        cursor.execute("UPDATE environment_tables SET read=1")
    dynamics.world.faults.plan(
        Fault(FaultKind.STATUS, status=503, path=r"EntityDefinitions|batch", count=20)
    )
    checked = await desk.check(DEFAULT, [{**step, "body": {"new_column": "x"}}])
    assert checked.unchecked
    assert checked.steps.requests[0].table.id_column == "appmoduleid"


async def test_without_an_account_steps_are_saved_with_the_reason(
    desk: StepDesk, accounts: AccountDesk, clients: Clients
) -> None:
    accounts.remove(DEFAULT, "main", who="test")
    clients.refresh()
    checked = await desk.check(DEFAULT, default_document())
    assert checked.unchecked == (f"{NOT_CHECKED}: There is no integration account in force.",)


async def test_each_step_is_held_against_the_environment_of_its_own_account(
    desk: StepDesk, accounts: AccountDesk, clients: Clients, fields: dict[str, Any]
) -> None:
    older = {**fields, "api_version": "v9.1"}
    await put_in_force(accounts, "emea", older)
    clients.refresh()
    told = await faults(
        desk,
        created({"one": 1}),
        {**found("?$select=two"), "account": "emea"},
    )
    assert set(told) == {"/steps/0/body/one", "/steps/1/query_string"}


async def test_what_the_environment_has_lost_is_found_later_without_asking(
    desk: StepDesk, environments: Environments, database: Database, dynamics: Simulation
) -> None:
    _, checked = await desk.save(DEFAULT, [created({"category": "x"})], who="test")
    assert desk.findings(DEFAULT, checked.steps).faults == ()
    calls = dynamics.world.database.catalog.table("phonecall")
    assert calls is not None
    lost = calls.columns.pop("category")  # type: ignore[attr-defined]
    try:
        with database.transaction() as cursor:
            cursor.execute("UPDATE environment_tables SET read=1")
        await environments.look_at(DEFAULT, [(None, "phonecalls")])
    finally:
        calls.columns["category"] = lost  # type: ignore[index]
    (fault,) = desk.findings(DEFAULT, checked.steps).faults
    assert fault.at == "/steps/0/body/category"
    assert stored_settings.all_settings(database)
