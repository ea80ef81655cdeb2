from __future__ import annotations

import pytest

from tests.simulated.conftest import ADATUM, MARIA, NOBODY, Api, refusal


def test_a_create_answers_204_with_the_entity_id_and_no_body(api: Api) -> None:
    response = api("POST", "phonecalls", {"subject": "Call"})
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(response.headers["OData-EntityId"])["subject"] == "Call"


def test_return_representation_answers_201_with_the_row_and_no_entity_id(api: Api) -> None:
    response = api(
        "POST", "phonecalls?$select=subject", {"subject": "Call"}, Prefer="return=representation"
    )
    assert response.status_code == 201
    assert response.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in response.headers
    assert set(response.json()) == {"@odata.context", "@odata.etag", "subject", "activityid"}


def test_a_phone_call_is_outgoing_unless_it_says_otherwise(api: Api) -> None:
    assert api.get(api.create("phonecalls", {"subject": "x"}))["directioncode"] is True
    inbound = api.create("phonecalls", {"subject": "x", "directioncode": False})
    assert api.get(inbound)["directioncode"] is False


def test_an_id_chosen_by_the_client_makes_one_row_however_often_it_is_sent(api: Api) -> None:
    body = {"activityid": NOBODY.upper(), "subject": "x"}
    assert api("POST", "phonecalls", body).status_code == 204
    assert refusal(api("POST", "phonecalls", body)) == (412, "0x80040237")
    assert api.get(f"phonecalls({NOBODY})")["activityid"] == NOBODY


def test_a_key_that_is_taken_refuses_a_second_row(api: Api) -> None:
    api.create("phonecalls", {"subject": "x", "screenpop_contactid": "c-1"})
    again = api("POST", "phonecalls", {"subject": "y", "screenpop_contactid": "C-1"})
    assert refusal(again) == (412, "0x80060892")
    assert "screenpop_phonecall_contact" in again.json()["error"]["message"]


def test_patch_makes_the_row_unless_if_match_forbids_it(api: Api) -> None:
    ghost = f"contacts({NOBODY})"
    refused = api("PATCH", ghost, {"lastname": "Ghost"}, If_Match="*")
    assert refusal(refused) == (404, "0x80040217")
    made = api("PATCH", ghost, {"lastname": "Ghost"})
    assert made.status_code == 204
    assert made.headers["OData-EntityId"].endswith(ghost)
    assert api.get(ghost)["fullname"] == "Ghost"


def test_if_none_match_star_makes_and_never_changes(api: Api) -> None:
    where = "phonecalls(screenpop_contactid='c-1')"
    assert api("PATCH", where, {"subject": "a"}, If_None_Match="*").status_code == 204
    second = api("PATCH", where, {"subject": "b"}, If_None_Match="*")
    assert refusal(second) == (412, "0x80040237")
    row = api.get(where)
    assert (row["subject"], row["screenpop_contactid"]) == ("a", "c-1")


def test_an_upsert_by_alternate_key_changes_the_row_that_is_there(api: Api) -> None:
    where = "contacts(emailaddress1='o''hara%2Fx@x.com')"
    assert api("PATCH", where, {"lastname": "O'Hara"}).status_code == 204
    assert api("PATCH", where, {"jobtitle": "Boss"}).status_code == 204
    row = api.get(where)
    assert row["emailaddress1"] == "o'hara/x@x.com"
    assert (row["lastname"], row["jobtitle"]) == ("O'Hara", "Boss")


def test_columns_that_are_no_key_cannot_name_a_row(api: Api) -> None:
    response = api("GET", "contacts(lastname='Weber')")
    assert refusal(response) == (400, "0x80060888")
    assert "The key in the request URI is not valid" in response.json()["error"]["message"]


def test_values_of_a_key_that_no_row_has_are_not_found(api: Api) -> None:
    assert refusal(api("GET", "phonecalls(screenpop_contactid='c-9')")) == (404, "0x80060891")


def test_an_old_etag_refuses_a_change_and_the_current_one_allows_it(api: Api) -> None:
    old = api.get(f"contacts({MARIA})")["@odata.etag"]
    assert api("PATCH", f"contacts({MARIA})", {"jobtitle": "A"}, If_Match=old).status_code == 204
    stale = api("PATCH", f"contacts({MARIA})", {"jobtitle": "B"}, If_Match=old)
    assert refusal(stale) == (412, "0x80060882")
    assert refusal(api("DELETE", f"contacts({MARIA})", If_Match=old)) == (412, "0x80060882")
    assert api.get(f"contacts({MARIA})")["jobtitle"] == "A"


def test_only_the_current_etag_answers_not_modified(api: Api) -> None:
    etag = api.get(f"contacts({MARIA})")["@odata.etag"]
    assert api("GET", f"contacts({MARIA})", If_None_Match=etag).status_code == 304
    assert api("GET", f"contacts({MARIA})", If_None_Match="null").status_code == 200


def test_update_with_representation_answers_200(api: Api) -> None:
    response = api(
        "PATCH",
        f"contacts({MARIA})?$select=jobtitle",
        {"jobtitle": "Boss"},
        If_Match="*",
        Prefer="return=representation",
    )
    assert (response.status_code, response.json()["jobtitle"]) == (200, "Boss")


def test_delete_removes_the_row_and_what_hangs_on_it(api: Api) -> None:
    call = api.create(
        "phonecalls",
        {
            "subject": "x",
            "phonecall_activity_parties": [
                {"partyid_contact@odata.bind": f"/contacts({MARIA})", "participationtypemask": 1}
            ],
        },
    )
    record = call.rpartition("(")[2].rstrip(")")
    note = api.create(
        "annotations",
        {"notetext": "n", "objectid_phonecall@odata.bind": f"/phonecalls({record})"},
    )
    assert api("DELETE", call).status_code == 204
    assert refusal(api("DELETE", call)) == (404, "0x80040217")
    assert refusal(api("GET", note)) == (404, "0x80040217")
    assert api.get("activityparties")["value"] == []


def test_parties_and_regarding_are_bound_and_read_back(api: Api) -> None:
    call = api.create(
        "phonecalls",
        {
            "subject": "x",
            "regardingobjectid_contact_phonecall@odata.bind": f"/contacts({MARIA})",
            "phonecall_activity_parties": [
                {"partyid_contact@odata.bind": f"/contacts({MARIA})", "participationtypemask": 1},
                {"addressused": "+4930", "participationtypemask": 2},
            ],
        },
    )
    row = api.get(call + "?$expand=phonecall_activity_parties", Prefer=_ANNOTATED)
    assert row["_regardingobjectid_value"] == MARIA
    assert row["_regardingobjectid_value@" + _FORMATTED] == "Maria Weber"
    assert row["_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "contact"
    parties = {party["participationtypemask"]: party for party in row["phonecall_activity_parties"]}
    assert parties[1]["_partyid_value"] == MARIA
    assert parties[2]["addressused"] == "+4930"


_FORMATTED = "OData.Community.Display.V1.FormattedValue"
_ANNOTATED = 'odata.include-annotations="*"'


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"nosuch": 1}, "0x80048d19", "Invalid property 'nosuch'"),
        ({"subject": "x" * 201}, "0x80044331", "maximum allowed length of '200'"),
        ({"subject": 5}, "0x80048d19", "Cannot convert the literal '5'"),
        ({"directioncode": 1}, "0x80048d19", "'Edm.Boolean'"),
        ({"prioritycode": "1"}, "0x80048d19", "'Edm.Int32'"),
        ({"prioritycode": 9}, "0x8004431a", "Accepted Values: 0,1,2"),
        ({"actualdurationminutes": -1}, "0x8004432f", "outside the valid range"),
        ({"actualstart": "yesterday"}, "0x80048d19", "'Edm.DateTimeOffset'"),
        ({"_regardingobjectid_value": MARIA}, "0x80048d19", "Use Navigation properties"),
        ({"regardingobjectid@odata.bind": "/contacts(x)"}, "0x80048d19", "undeclared property"),
        ({"statuscode": 2}, "0x80048408", "not a valid status code for state code"),
        ({"statecode": 1, "statuscode": 2}, "0x80048408", "PhoneCallState.Open"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_that_does_not_fit_is_refused(
    api: Api, body: dict[str, object], code: str, says: str
) -> None:
    response = api("POST", "phonecalls", body)
    assert refusal(response) == (400, code)
    assert says in response.json()["error"]["message"]
    assert len(api.get("phonecalls")["value"]) == 4


def test_a_row_that_is_bound_must_be_there(api: Api) -> None:
    body = {"regardingobjectid_contact@odata.bind": f"/contacts({NOBODY})"}
    assert refusal(api("POST", "phonecalls", body)) == (404, "0x80040217")


def test_a_failed_child_undoes_the_whole_create(api: Api) -> None:
    body = {"subject": "x", "phonecall_activity_parties": [{"nosuch": 1}]}
    assert api("POST", "phonecalls", body).status_code == 400
    assert len(api.get("phonecalls")["value"]) == 4


def test_state_and_status_are_set_together_and_then_the_row_is_read_only(api: Api) -> None:
    call = api.create("phonecalls", {"subject": "x"})
    wrong = api("PATCH", call, {"statecode": 1, "statuscode": 1}, If_Match="*")
    assert refusal(wrong) == (400, "0x80048408")
    done = api("PATCH", call, {"description": "d", "statecode": 1, "statuscode": 4}, If_Match="*")
    assert done.status_code == 204
    row = api.get(call)
    assert (row["statecode"], row["statuscode"], row["description"]) == (1, 4, "d")
    late = api("PATCH", call, {"screenpop_recordingurl": "https://r.example"}, If_Match="*")
    assert refusal(late) == (400, "0x8004022e")


def test_a_closed_row_can_be_reopened_and_have_notes(api: Api) -> None:
    call = api.create("phonecalls", {"subject": "x"})
    api("PATCH", call, {"statecode": 1, "statuscode": 2}, If_Match="*")
    name = call.rpartition("/")[2]
    api.create("annotations", {"notetext": "link", "objectid_phonecall@odata.bind": f"/{name}"})
    assert api("PATCH", call, {"statecode": 0, "statuscode": 1}, If_Match="*").status_code == 204
    assert api("PATCH", call, {"subject": "y"}, If_Match="*").status_code == 204


def test_the_state_alone_gives_its_default_status(api: Api) -> None:
    call = api.create("phonecalls", {"subject": "x"})
    api("PATCH", call, {"statecode": 1})
    assert api.get(call)["statuscode"] == 2


def test_one_property_is_read_set_and_emptied_alone(api: Api) -> None:
    where = f"contacts({MARIA})/jobtitle"
    assert api("PUT", where, {"value": "Boss"}).status_code == 204
    assert api.get(where)["value"] == "Boss"
    assert api("DELETE", where).status_code == 204
    assert api("GET", where).status_code == 204


def test_a_lookup_is_followed_set_and_emptied_by_its_navigation(api: Api) -> None:
    where = f"contacts({MARIA})/parentcustomerid_account"
    assert api.get(where)["accountid"] == ADATUM
    assert api("DELETE", f"{where}/$ref").status_code == 204
    assert api("GET", where).status_code == 204
    body = {"@odata.id": f"{api.simulation.api_url}/accounts({ADATUM})"}
    assert api("PUT", f"{where}/$ref", body).status_code == 204
    people = api.get(f"accounts({ADATUM})/contact_customer_accounts?$select=fullname")
    assert {"Maria Weber", "Jonas Krüger"} == {row["fullname"] for row in people["value"]}


def test_a_wrong_set_name_is_not_found(api: Api) -> None:
    for path in ("contact", "Contacts", f"contact({MARIA})", "NoSuchFunction()"):
        assert refusal(api("GET", path)) == (404, "0x8006088a"), path


def test_every_version_from_9_0_is_answered_with_its_own_links(api: Api) -> None:
    for version in ("v9.0", "v9.1", "v9.2"):
        url = f"{api.simulation.url}/api/data/{version}"
        made = api("POST", f"{url}/tasks", {"subject": "x"})
        assert made.headers["OData-EntityId"].startswith(f"{url}/tasks(")
    assert api("GET", f"{api.simulation.url}/api/data/v8.2/contacts").status_code == 404


def test_a_body_that_is_no_json_object_is_refused(api: Api) -> None:
    for content in (b"{", b"[]", b"\xff"):
        url = f"{api.simulation.api_url}/contacts"
        assert refusal(api.client.post(url, content=content)) == (400, "0x80048d19")
