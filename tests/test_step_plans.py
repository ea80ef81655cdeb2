"""Whatever the order in which a contact is told, its row in Dynamics ends the same."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from adapter import contacts, steps
from adapter.contacts import Contact
from adapter.errors import ScreenpopError
from adapter.events import ContactEvent, Recording, Stage
from adapter.placeholders import Unrenderable
from adapter.steps import Environment, PlannedRequest, Progress, RenderedRequest, Sofar, Steps

START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
CONTOSO = Environment(
    url="https://contoso.crm4.dynamics.com",
    api_url="https://contoso.api.crm4.dynamics.com/api/data/v9.2/",
    app_id="00001111-aaaa-2222-bbbb-3333cccc4444",
)
USERS = {
    "alice": "aaaaaaaa-0000-4000-8000-000000000001",
    "bob": "bbbbbbbb-0000-4000-8000-000000000002",
}
WAV = Recording("recording", "https://s3/call.wav")
REDACTED = Recording("recording", "https://s3/a-redacted.wav", redacted=True)
TEXT = Recording("transcript", "https://s3/a.json")


class ReadOnly(ScreenpopError):
    """What Dynamics says to an update of a completed row."""


class Dynamics:
    """Rows by table and id; refuses as Dataverse does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}

    def send(self, request: RenderedRequest) -> Any:
        body = json.loads(request.body or b"null")
        if request.method == "GET":
            name = re.search(r"'([^']*)'", unquote(request.query))
            found = USERS.get(name[1]) if name else None
            return {"value": [{"systemuserid": found}] if found else []}
        if request.method == "POST":
            row_id = body.pop(request.id_column)
            assert row_id == request.row_id
            assert "statecode" not in body
            self.rows.setdefault((request.path, row_id), {"statecode": 0, **body})
            return None
        assert ("If-Match", "*") in request.headers
        table, _, row_id = request.path.rstrip(")").partition("(")
        row = self.rows[table, row_id]
        if row["statecode"] and body.get("statecode") != 0:
            raise ReadOnly(request.path)
        assert ("statecode" in body) == ("statuscode" in body)
        row.update(body)
        return None

    def table(self, name: str) -> list[dict[str, Any]]:
        return [row for (table, _), row in self.rows.items() if table == name]


class Office:
    """What surrounds the plan: an outbox that is worked off after each event, or later."""

    def __init__(self, configured: Steps) -> None:
        self.steps = configured
        self.dynamics = Dynamics()
        self.contact: Contact | None = None
        self.history: dict[str, Progress] = {}
        self.outbox: list[PlannedRequest] = []
        self.sofar = Sofar()
        self.sent: list[str] = []

    @property
    def view(self) -> dict[str, Any]:
        assert self.contact is not None
        return contacts.view(self.contact, agent=self.contact.agent)

    def take(self, event: ContactEvent) -> list[str]:
        self.contact = contacts.advance(self.contact, event)
        planned = steps.plan(self.steps, self.view, event.stage, self.history, tenant="t")
        for each in planned:
            packed = msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=PlannedRequest)
            assert packed == each, "what is planned can be stored"
            self.outbox = [waiting for waiting in self.outbox if waiting.key != each.key]
            self.outbox.append(each)
            self.history[each.key] = "waiting"
        return [each.key for each in planned]

    def work(self, hours: float = 0) -> None:
        due = [each for each in self.outbox if each.delay <= hours * 3600]
        for each in due:
            try:
                request = steps.render(each, self.view, CONTOSO, self.sofar)
            except Unrenderable:
                return  # held, with all that comes after it
            answer = self.dynamics.send(request)
            self.outbox.remove(each)
            self.history[each.key] = "done"
            self.sent.append(each.key)
            if each.action == "owner":
                self.sofar.owners[each.owner or ""] = steps.owner_of(answer)
            elif each.action == "send":
                self.sofar.responses[each.step.number] = steps.response_of(request, answer)

    def call(self) -> dict[str, Any]:
        (row,) = self.dynamics.table("phonecalls")
        return row


def event(stage: str | None, minute: int, **said: Any) -> ContactEvent:
    return ContactEvent(
        source="s",
        id=f"{stage}-{minute}-{said.get('recording')}",
        contact="c-42",
        time=START + timedelta(minutes=minute),
        stage=None if stage is None else Stage(stage),
        **said,
    )


CREATED = event("created", 0, channel="voice", customer={"phone": "+4930123456"})
ANSWERED = event("answered", 1, agent="alice")
TRANSFERRED = event("transferred", 2, agent="bob")
ENDED = event("ended", 5)
RECORDED = event("recorded", 9, recording=WAV)
STORY = [CREATED, ANSWERED, TRANSFERRED, ENDED, RECORDED]

ENDED_AND_COMPLETED = '{"category":"{{Channel}}","statecode":1,"statuscode":4}'


def configured(ended: str = ENDED_AND_COMPLETED, **rules: Any) -> Steps:
    document = json.loads(steps.dump(steps.default_steps()))
    document["steps"][2]["body"] = ended
    return steps.parse_steps(document | rules)


def run(found: Steps, story: Sequence[ContactEvent], *, hours: float = 0) -> Office:
    office = Office(found)
    for each in story:
        office.take(each)
        office.work()
    office.work(hours)
    return office


def test_a_contact_is_created_updated_and_given_its_recording_in_that_order() -> None:
    office = Office(steps.default_steps())
    planned = [(each.stage, office.take(each)) for each in STORY]
    assert [stage for stage, keys in planned if keys] == ["created", "ended", "recorded"]
    office.work()
    assert [key.partition("/")[0] for key in office.sent] == ["2", "4", "5"]
    assert office.call() == {
        "statecode": 0,
        "phonenumber": "+4930123456",
        "actualstart": "2026-11-21T20:00:00Z",
        "subject": "Call between Username and CustomerEndpoint",
        "category": "voice",
        "description": "Your Recording URI is https://s3/call.wav",
    }


def test_the_row_of_a_contact_has_the_same_id_each_time_and_another_per_tenant() -> None:
    view = contacts.view(contacts.advance(None, CREATED), agent=None)
    ids = [
        steps.plan(steps.default_steps(), view, Stage.CREATED, {}, tenant=tenant)[0].row_id
        for tenant in ("a", "a", "b")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_create_that_is_sent_again_makes_one_row() -> None:
    office = Office(steps.default_steps())
    office.take(CREATED)
    (create,) = office.outbox
    for _ in range(2):
        office.dynamics.send(steps.render(create, office.view, CONTOSO))
    assert len(office.dynamics.table("phonecalls")) == 1


def test_an_event_that_comes_twice_plans_nothing_the_second_time() -> None:
    office = Office(configured())
    for each in STORY:
        office.take(each)
        assert office.take(each) == []


def test_a_recording_that_is_reported_twice_is_written_once() -> None:
    office = run(steps.default_steps(), STORY)
    again = event("recorded", 30, recording=WAV)
    assert office.take(again) == []


@pytest.mark.parametrize("completed", ["note", "wait", "reopen"])
@settings(deadline=None)
@given(order=st.permutations(STORY), lazy=st.lists(st.booleans(), min_size=5, max_size=5))
def test_any_order_of_events_and_of_sending_ends_in_the_same_row(
    completed: str, order: list[ContactEvent], lazy: list[bool]
) -> None:
    office = Office(configured(completed=completed, owner="agent"))
    for each, later in zip(order, lazy, strict=True):
        office.take(each)
        if not later:
            office.work()
    office.work(hours=1000)
    row = office.call()
    link = "Your Recording URI is https://s3/call.wav"
    notes = [note["notetext"] for note in office.dynamics.table("annotations")]
    assert row["phonenumber"] == "+4930123456"
    assert row["category"] == "voice"
    assert row["ownerid@odata.bind"] == f"/systemusers({USERS['bob']})"
    assert (row["statecode"], row["statuscode"]) == (1, 4)
    assert (row.get("description") == link) != (notes == [link]), "written once, here or there"
    if completed == "reopen":
        assert row.get("description") == link


def test_a_recording_on_a_completed_row_becomes_a_note() -> None:
    office = run(configured(completed="note"), STORY)
    (note,) = office.dynamics.table("annotations")
    assert note["subject"] == "Recording"
    assert note["notetext"] == "Your Recording URI is https://s3/call.wav"
    ((_, row_id),) = [key for key in office.dynamics.rows if key[0] == "phonecalls"]
    assert note["objectid_phonecall@odata.bind"] == f"/phonecalls({row_id})"
    assert "description" not in office.call()


def test_a_row_may_be_completed_only_when_its_recording_is_there() -> None:
    office = run(configured(completed="wait"), STORY[:-1])
    assert office.call()["statecode"] == 0
    assert office.call()["category"] == "voice"
    office.take(RECORDED)
    office.work()
    assert office.sent[-1] == "4:complete"
    assert (office.call()["statecode"], office.call()["statuscode"]) == (1, 4)
    assert office.call()["description"].endswith("call.wav")


def test_a_row_whose_recording_never_comes_is_completed_after_the_wait() -> None:
    office = run(configured(completed="wait", wait_hours=24), STORY[:-1], hours=23)
    assert office.call()["statecode"] == 0
    office.work(hours=24)
    assert office.call()["statecode"] == 1
    office.take(RECORDED)
    office.work()
    assert len(office.dynamics.table("annotations")) == 1, "too late: it is a note"


def test_a_row_may_be_reopened_for_its_recording_and_is_completed_again() -> None:
    office = run(configured(completed="reopen"), STORY)
    assert [key.rpartition(":")[2] for key in office.sent[-3:] if ":" in key] == ["open", "close"]
    assert office.call()["description"].endswith("call.wav")
    assert (office.call()["statecode"], office.call()["statuscode"]) == (1, 4)


def test_the_dynamics_of_these_tests_refuses_to_update_a_completed_row() -> None:
    office = run(configured(), [CREATED, ENDED])
    ((_, row),) = office.dynamics.rows
    update = RenderedRequest(
        method="PATCH",
        path=f"phonecalls({row})",
        headers=(("If-Match", "*"),),
        body=b'{"category":"x"}',
    )
    with pytest.raises(ReadOnly):
        office.dynamics.send(update)


def test_the_owner_is_the_last_agent() -> None:
    office = run(configured(owner="agent", ended='{"category":"{{Agent}}"}'), STORY)
    assert office.call()["ownerid@odata.bind"] == f"/systemusers({USERS['bob']})"
    assert office.call()["category"] == "bob"


def test_a_transfer_that_is_reported_after_the_end_still_changes_the_owner() -> None:
    office = run(configured(owner="agent"), [CREATED, ANSWERED, ENDED, TRANSFERRED])
    assert office.call()["ownerid@odata.bind"] == f"/systemusers({USERS['bob']})"
    assert office.call()["statecode"] == 1


def test_an_agent_without_a_user_leaves_the_owner_as_it_is() -> None:
    stranger = event("answered", 1, agent="mallory")
    office = run(configured(owner="agent"), [CREATED, stranger, ENDED])
    assert "ownerid@odata.bind" not in office.call()
    assert office.call()["statecode"] == 1


def test_an_agent_who_gets_the_contact_back_is_its_agent() -> None:
    found = steps.parse_steps(
        [
            *json.loads(steps.dump(steps.default_steps()))["steps"],
            {
                "number": 6,
                "stage": "answered",
                "method": "PATCH",
                "table": "phonecalls",
                "query_string": "(STEP2-Response.activityid)",
                "body": {"subcategory": "{{Agent}}"},
            },
        ]
    )
    back = [event("answered", minute, agent=agent) for minute, agent in enumerate("aba", start=1)]
    assert run(found, [CREATED, *back]).call()["subcategory"] == "a"


@pytest.mark.parametrize(
    ("abandoned", "category", "state"),
    [("same", "voice", (1, 4)), ("cancel", "voice", (2, 3)), ("skip", None, (0, None))],
)
def test_an_abandoned_call_ends_as_the_tenant_chose(
    abandoned: str, category: str | None, state: tuple[int, int | None]
) -> None:
    row = run(configured(abandoned=abandoned), [CREATED, ENDED]).call()
    assert row.get("category") == category
    assert (row["statecode"], row.get("statuscode")) == state


@pytest.mark.parametrize("abandoned", ["same", "cancel", "skip"])
def test_a_call_that_only_looked_abandoned_ends_as_any_other(abandoned: str) -> None:
    row = run(configured(abandoned=abandoned), [CREATED, ENDED, ANSWERED]).call()
    assert (row["category"], row["statecode"], row["statuscode"]) == ("voice", 1, 4)


def test_an_abandoned_row_that_is_canceled_does_not_wait_for_a_recording() -> None:
    row = run(configured(abandoned="cancel", completed="wait"), [CREATED, ENDED]).call()
    assert row["statecode"] == 2


def test_an_end_that_is_told_first_creates_the_row_and_waits_for_what_is_missing() -> None:
    office = Office(steps.default_steps())
    assert [key[0] for key in office.take(ENDED)] == ["2", "4"]
    office.work()
    assert office.dynamics.rows == {}, "the caller's number is not known yet"
    office.take(CREATED)
    office.work()
    assert office.call()["actualstart"] == "2026-11-21T20:00:00Z"


def test_a_late_step_leaves_alone_what_a_later_step_has_written() -> None:
    document = json.loads(steps.dump(steps.default_steps()))["steps"]
    document.append(
        {
            "number": 6,
            "stage": "answered",
            "method": "PATCH",
            "table": "phonecalls",
            "query_string": "({{STEP2-Response.activityid}})",
            "body": {"category": "talking", "subcategory": "{{Agent}}"},
        }
    )
    found = steps.parse_steps(document)
    for story in ([CREATED, ANSWERED, ENDED], [CREATED, ENDED, ANSWERED]):
        row = run(found, story).call()
        assert (row["category"], row["subcategory"]) == ("voice", "alice")


@settings(deadline=None)
@given(st.permutations([(WAV, "recorded"), (REDACTED, "recorded"), (TEXT, "transcribed")]))
def test_the_best_file_is_linked_whichever_comes_first(
    order: list[tuple[Recording, str]],
) -> None:
    files = [
        event(stage, 9 + number, recording=recording)
        for number, (recording, stage) in enumerate(order)
    ]
    for redacted, best in (("last", WAV), ("never", WAV), ("first", REDACTED), ("only", REDACTED)):
        office = run(configured("{}", redacted=redacted), [CREATED, ENDED, *files])
        assert office.call()["description"] == f"Your Recording URI is {best.url}"


def test_a_chat_has_only_its_transcript() -> None:
    office = run(steps.default_steps(), [CREATED, ENDED, event("transcribed", 9, recording=TEXT)])
    assert office.call()["description"] == "Your Recording URI is https://s3/a.json"


def test_a_recording_told_by_its_address_alone_is_one() -> None:
    told = event("recorded", 9, attributes={"objectUrl": "https://pbx/1.wav"})
    office = run(steps.default_steps(), [CREATED, ENDED, told])
    assert office.call()["description"] == "Your Recording URI is https://pbx/1.wav"


def test_a_step_that_creates_a_row_of_each_file_makes_one_of_each() -> None:
    document = json.loads(steps.dump(steps.default_steps()))["steps"][:1]
    document.append(
        {
            "number": 5,
            "method": "POST",
            "table": "annotations",
            "body": {"notetext": "objectUrl"},
        }
    )
    files = [event("recorded", 9, recording=WAV), event("transcribed", 10, recording=TEXT)]
    office = run(steps.parse_steps(document), [CREATED, ENDED, *files, *files])
    notes = [row["notetext"] for row in office.dynamics.table("annotations")]
    assert sorted(notes) == [TEXT.url, WAV.url]


def test_a_contact_that_began_before_the_steps_is_left_alone() -> None:
    view = contacts.view(contacts.advance(None, CREATED), agent=None)
    later = START + timedelta(seconds=1)
    found = steps.default_steps()
    assert steps.plan(found, view, Stage.CREATED, {}, tenant="t", since=later) == []
    assert steps.plan(found, view, Stage.CREATED, {}, tenant="t", since=START)


def test_where_no_step_is_due_nothing_is_planned_whatever_was_before() -> None:
    whole = steps.default_steps()
    found = msgspec.structs.replace(whole, steps=whole.steps[2:])  # the end, and the recording
    histories: tuple[dict[str, Progress], ...] = (
        {},
        {"4/0123456789abcdef": "done"},
        {"5:complete": "waiting"},
    )
    for happened in (CREATED, event("answered", 1, agent="alice"), event("transferred", 2)):
        view = _view(happened)
        assert steps.is_idle(found, view)
        for history in histories:
            assert steps.plan(found, view, happened.stage, history, tenant="t") == []
    for history in histories:
        assert not steps.is_idle(found, _view(ENDED))
        again = steps.plan(found, _view(ENDED), Stage.ENDED, history, tenant="t")
        assert any(each.step.number == 4 for each in again)


def test_a_disabled_step_is_not_planned() -> None:
    document = json.loads(steps.dump(steps.default_steps()))
    for step in document["steps"]:
        step["enabled"] = step["number"] == 2
    office = run(steps.parse_steps(document), STORY)
    assert office.sent == ["2"]


def test_a_failed_create_is_the_reason_of_what_follows() -> None:
    office = Office(steps.default_steps())
    for each in STORY:
        office.take(each)
    update = next(each for each in office.outbox if each.step.number == 4)
    sofar = Sofar(failures={2: "prvCreateActivity is missing"})
    with pytest.raises(Unrenderable, match="step 2 failed: prvCreateActivity is missing"):
        steps.render(update, office.view, CONTOSO, sofar)


def test_a_response_is_asked_for_where_a_later_step_needs_more_than_the_id() -> None:
    document = json.loads(steps.dump(steps.default_steps()))["steps"]
    document[0]["want_response"] = False
    planned = steps.plan(steps.parse_steps(document), _view(CREATED), Stage.CREATED, {}, tenant="t")
    assert not planned[0].represent
    document[2]["body"] = {"category": "{{STEP2-Response.subject}}"}
    planned = steps.plan(steps.parse_steps(document), _view(CREATED), Stage.CREATED, {}, tenant="t")
    assert planned[0].represent
    sent = steps.render(planned[0], _view(CREATED), CONTOSO)
    assert ("Prefer", "return=representation") in sent.headers


def test_a_dry_run_shows_every_request_of_a_recorded_contact_and_the_pop() -> None:
    shown = steps.dry_run(steps.default_steps(), STORY, CONTOSO)
    assert [(each.event.partition("-")[0], each.key[0]) for each in shown] == [
        ("created", "2"),
        ("answered", "p"),
        ("ended", "4"),
        ("recorded", "5"),
    ]
    assert all(each.fault is None for each in shown)
    (row,) = {found[0] for each in shown if (found := re.findall(r"\((\w{8}-[^)]*)\)", each.text))}
    assert shown[1].text.endswith(f"&etn=phonecall&id={row}")
    assert "call.wav" in shown[-1].text


def test_a_dry_run_says_what_could_not_be_sent() -> None:
    nobody = event("created", 0, channel="voice")
    shown = steps.dry_run(steps.default_steps(), [nobody, ANSWERED, ENDED], CONTOSO)
    faults = [each.fault or "" for each in shown]
    assert faults[0].startswith("{{CustomerEndpoint}} in body/phonenumber")
    assert all("step 2 failed" in fault for fault in faults[1:])
    assert len(faults) == 3


def _view(*story: ContactEvent) -> dict[str, Any]:
    state = None
    for each in story:
        state = contacts.advance(state, each)
    assert state is not None
    return contacts.view(state, agent=state.agent)
