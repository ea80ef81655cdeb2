"""The simulated Dynamics takes every kind of request that steps make, over real HTTPS."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapter import contacts, steps
from adapter.contacts import Contact
from adapter.demo.simulated.serving import Simulation, running
from adapter.events import ContactEvent, Recording, Stage
from adapter.steps import Environment, PlannedRequest, Progress, Sofar, Steps

START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
NAME = "O'Hara \"; {{x}} & <b>+%27\n')"
ENDED = (
    '{"category":"{{Channel}}","actualend":"{{DisconnectTimestamp}}","statecode":1,"statuscode":4}'
)


@pytest.fixture(scope="module")
def running_simulation() -> Iterator[Simulation]:
    with running() as simulation:
        yield simulation


@pytest.fixture
def office(running_simulation: Simulation) -> Iterator[Office]:
    simulation = running_simulation
    simulation.world.reset()
    context = ssl.create_default_context(cafile=str(simulation.ca_file))
    form = {
        "grant_type": "client_credentials",
        "client_id": simulation.world.application.client_id,
        "client_secret": simulation.world.client_secret,
        "scope": simulation.scope,
    }
    with httpx.Client(verify=context, trust_env=False, timeout=10) as client:
        answer = client.post(f"{simulation.authority}/oauth2/v2.0/token", data=form)
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield Office(client, simulation)


class Office:
    """Plans after each event, and sends at once what may be sent."""

    def __init__(self, client: httpx.Client, simulation: Simulation) -> None:
        self.client = client
        api_url = f"{simulation.api_url}/"
        self.environment = Environment(url="https://contoso.crm4.dynamics.com", api_url=api_url)
        self.history: dict[str, Progress] = {}
        self.sofar = Sofar()

    def run(self, configured: Steps, story: list[ContactEvent]) -> None:
        state: Contact | None = None
        waiting: list[PlannedRequest] = []
        for event in story:
            state = contacts.advance(state, event)
            view = contacts.view(state, agent=state.agent)
            planned = steps.plan(configured, view, event.stage, self.history, tenant="t")
            keys = {each.key for each in planned}
            waiting = [each for each in waiting if each.key not in keys] + planned
            for each in [each for each in waiting if not each.delay]:
                waiting.remove(each)
                self._send(each, view)
            self.history |= {each.key: "waiting" for each in waiting}

    def _send(self, each: PlannedRequest, view: dict[str, Any], *, again: bool = True) -> None:
        request = steps.render(each, view, self.environment, self.sofar)
        response = self._http(request)
        if again and request.row_id is not None:
            repeated = self._http(request)
            assert repeated.status_code == 412, "a create that is sent again makes no second row"
            assert self.get(request.read_back or "")[request.id_column] == request.row_id
        assert response.status_code < 300, response.text
        answer = response.json() if response.content else None
        self.history[each.key] = "done"
        if each.action == "owner":
            self.sofar.owners[each.owner or ""] = steps.owner_of(answer)
        elif each.action == "send":
            self.sofar.responses[each.step.number] = steps.response_of(request, answer)

    def _http(self, request: steps.RenderedRequest) -> httpx.Response:
        address = self.environment.api_url + request.target
        assert str(httpx.URL(address)) == address
        return self.client.request(
            request.method, address, headers=list(request.headers), content=request.body
        )

    def get(self, target: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(self.environment.api_url + target).json()
        return found

    def call(self) -> dict[str, Any]:
        return self.get(f"phonecalls({self.sofar.responses[2]['activityid']})")

    def notes(self) -> list[dict[str, Any]]:
        row = self.sofar.responses[2]["activityid"]
        found: list[dict[str, Any]] = self.get(f"annotations?$filter=_objectid_value eq {row}")[
            "value"
        ]
        return found


def event(stage: str, minute: int, **said: Any) -> ContactEvent:
    return ContactEvent(
        source="s",
        id=f"{stage}-{minute}",
        contact="c-42",
        time=START + timedelta(minutes=minute),
        stage=Stage(stage),
        **said,
    )


def story(agent: str) -> list[ContactEvent]:
    person = {"phone": "+4930123456", "name": NAME}
    wav = Recording("recording", "https://s3/call.wav")
    return [
        event("created", 0, channel="voice", direction="inbound", customer=person),
        event("answered", 1, agent=agent),
        event("ended", 5),
        event("recorded", 9, recording=wav),
    ]


def configured(**rules: Any) -> Steps:
    document = json.loads(steps.dump(steps.default_steps()))
    document["steps"][0]["body"] = (
        '{"phonenumber":"{{CustomerEndpoint}}","actualstart":"{{InitiationTimestamp}}",'
        '"subject":"Call from {{Customer.Name}}","directioncode":{{IsOutbound}}}'
    )
    document["steps"][2]["body"] = ENDED
    return steps.parse_steps(document | rules)


def test_the_default_steps_leave_one_whole_record(office: Office) -> None:
    office.run(steps.default_steps(), story("nobody"))
    row = office.call()
    assert row["phonenumber"] == "+4930123456"
    assert row["subject"] == "Call between Username and CustomerEndpoint"
    assert row["category"] == "voice"
    assert row["description"] == "Your Recording URI is https://s3/call.wav"


@pytest.mark.parametrize("completed", ["note", "wait", "reopen"])
def test_a_completed_call_gets_its_recording(office: Office, completed: str) -> None:
    user = office.get("systemusers?$top=1&$filter=isdisabled eq false and domainname ne null")
    person = user["value"][0]
    office.run(configured(completed=completed, owner="agent"), story(person["domainname"]))
    row = office.call()
    assert row["subject"] == f"Call from {NAME}"
    assert row["directioncode"] is False
    assert (row["statecode"], row["statuscode"]) == (1, 4)
    assert row["_ownerid_value"] == person["systemuserid"]
    link = "Your Recording URI is https://s3/call.wav"
    notes = [note["notetext"] for note in office.notes()]
    assert (row["description"], notes) == ((None, [link]) if completed == "note" else (link, []))


def test_an_abandoned_call_is_canceled(office: Office) -> None:
    created, _, ended, _ = story("nobody")
    office.run(configured(abandoned="cancel"), [created, ended])
    assert (office.call()["statecode"], office.call()["statuscode"]) == (2, 3)


def test_a_caller_is_found_by_number_and_the_call_is_about_them(office: Office) -> None:
    known = office.get("contacts?$top=1&$filter=mobilephone ne null")["value"][0]
    document = json.loads(steps.dump(configured()))["steps"]
    document[2]["body"] = {
        "regardingobjectid_contact@odata.bind": "/contacts({{STEP6-Response.contactid}})"
    }
    document.append(
        {
            "number": 6,
            "stage": "created",
            "method": "GET",
            "table": "contacts",
            "query_string": "?$select=contactid&$filter=mobilephone eq '{{CustomerEndpoint}}'",
        }
    )
    created, answered, ended, recorded = story("nobody")
    created = event(
        "created",
        0,
        customer={"phone": known["mobilephone"], "name": NAME},
        direction="inbound",
        channel="voice",
    )
    office.run(steps.parse_steps(document), [created, answered, ended, recorded])
    assert office.call()["_regardingobjectid_value"] == known["contactid"]
