from __future__ import annotations

import httpx
import pytest

from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.serving import Simulation
from tests.simulated.conftest import MARIA, Api, refusal


def test_no_token_is_challenged_with_the_directory(
    web: httpx.Client, simulation: Simulation
) -> None:
    response = web.get(f"{simulation.api_url}/WhoAmI")
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer authorization_uri=")
    assert simulation.world.directory.id in challenge
    assert f"resource_id={simulation.url}/" in challenge


def test_a_forged_expired_or_foreign_token_is_refused(api: Api) -> None:
    world = api.simulation.world
    good = world.directory.key.read(api.client.headers["Authorization"].removeprefix("Bearer "))
    assert good is not None
    for changed in ({"aud": "https://other.example"}, {"exp": 1}, {"tid": "x"}):
        token = world.directory.key.sign({**good, **changed})
        response = api("GET", "WhoAmI", Authorization=f"Bearer {token}")
        assert response.status_code == 401
        assert "error=invalid_token" in response.headers["WWW-Authenticate"]
    tampered = api.client.headers["Authorization"][:-4] + "AAAA"
    assert api("GET", "WhoAmI", Authorization=tampered).status_code == 401


def test_tokens_end_with_the_clock(api: Api) -> None:
    assert api("GET", "WhoAmI").status_code == 200
    api.control("POST", "clock", {"advance": 3700})
    assert api("GET", "WhoAmI").status_code == 401


def test_an_application_that_is_no_user_is_no_member(api: Api) -> None:
    api.control("POST", "application-user", {"present": False})
    response = api("GET", "contacts")
    assert refusal(response) == (403, "0x80072560")
    assert response.json()["error"]["message"] == "The user is not a member of the organization."
    api.control("POST", "application-user", {"present": True})
    assert api("GET", "contacts").status_code == 200


@pytest.mark.parametrize(
    ("privilege", "method", "path", "body"),
    [
        ("prvReadContact", "GET", "contacts", None),
        ("prvReadAccount", "GET", "contacts?$expand=parentcustomerid_account", None),
        ("prvCreateActivity", "POST", "phonecalls", {"subject": "x"}),
        ("prvWriteContact", "PATCH", f"contacts({MARIA})", {"jobtitle": "x"}),
        ("prvDeleteContact", "DELETE", f"contacts({MARIA})", None),
        ("prvAppendActivity", "POST", "phonecalls",
         {"regardingobjectid_contact@odata.bind": f"/contacts({MARIA})"}),
        ("prvAppendToContact", "POST", "phonecalls",
         {"regardingobjectid_contact@odata.bind": f"/contacts({MARIA})"}),
        ("prvAssignContact", "PATCH", f"contacts({MARIA})",
         {"ownerid@odata.bind": f"/systemusers({seeding.user_id('bob')})"}),
        ("prvCreateNote", "POST", "annotations", {"notetext": "x"}),
    ],
)  # fmt: skip
def test_a_missing_privilege_is_named(
    api: Api, privilege: str, method: str, path: str, body: object
) -> None:
    api.control("POST", "roles", {"revoke": [privilege]})
    response = api(method, path, body)
    assert refusal(response) == (403, "0x80040220")
    assert f"is missing {privilege} privilege" in response.json()["error"]["message"]
    api.control("POST", "roles", {"grant": [privilege]})
    assert api(method, path, body).is_success


def test_impersonation_makes_rows_of_the_agent_and_remembers_the_sender(api: Api) -> None:
    bob = api.simulation.description()["users"]
    assert isinstance(bob, dict)
    response = api("POST", "phonecalls", {"subject": "x"}, CallerObjectId=bob["bob"])
    row = api.get(response.headers["OData-EntityId"])
    user = api.get("WhoAmI")["UserId"]
    assert row["_createdby_value"] == row["_ownerid_value"] == seeding.user_id("bob")
    assert row["_createdonbehalfby_value"] == user
    legacy = api.get("WhoAmI", MSCRMCallerID=seeding.user_id("carol"))
    assert legacy["UserId"] == seeding.user_id("carol")


def test_impersonation_needs_its_privilege_and_gives_no_more_than_both_have(api: Api) -> None:
    bob = seeding.object_id("bob")
    api.control("POST", "roles", {"user": "bob", "revoke": ["prvCreateActivity"]})
    denied = api("POST", "phonecalls", {"subject": "x"}, CallerObjectId=bob)
    assert refusal(denied) == (403, "0x80040220")
    api.control("POST", "roles", {"revoke": ["prvActOnBehalfOfAnotherUser"]})
    denied = api("POST", "phonecalls", {"subject": "x"}, CallerObjectId=bob)
    assert refusal(denied) == (403, "0x8004a110")
    stranger = api("GET", "WhoAmI", CallerObjectId="00000000-0000-0000-0000-00000000dead")
    assert refusal(stranger) == (403, "0x80072560")
