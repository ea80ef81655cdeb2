"""Previews and dry runs go by each step's own account, with our own links, and send nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapter import steps
from adapter.connections import AccountDesk, Clients
from adapter.demo.simulated.serving import Simulation
from adapter.errors import NotFound
from adapter.events import ContactEvent, Recording, Stage
from adapter.step_desk import StepDesk
from adapter.store.database import Database
from adapter.tenants import DEFAULT, ContactKey
from tests import journal_rows
from tests.steps.settings import ORIGIN, default_document, put_in_force

START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
WAV = Recording("recording", "https://recordings.example/c-1.wav")


def event(stage: str, minute: int, **said: Any) -> ContactEvent:
    return ContactEvent(
        source="s",
        id=f"{stage}-{minute}",
        contact="c-1",
        time=START + timedelta(minutes=minute),
        stage=Stage(stage),
        **said,
    )


@pytest.fixture
def recorded(database: Database) -> ContactKey:
    """Store a whole contact: created, answered, ended, recorded."""
    story = [
        event("created", 0, channel="voice", customer={"phone": "+4930123456"}),
        event("answered", 1, agent="Alice"),
        event("ended", 5),
        event("recorded", 9, recording=WAV),
    ]
    with journal_rows.batch(database, START) as batch:
        for each in story:
            assert journal_rows.keep(batch, DEFAULT, each)
    return ContactKey(DEFAULT, "c-1")


async def test_each_step_leads_where_its_own_account_does(
    desk: StepDesk, accounts: AccountDesk, clients: Clients, fields: dict[str, Any]
) -> None:
    await put_in_force(accounts, "emea", {**fields, "api_version": "v9.1", "app_id": APP})
    clients.refresh()
    document = default_document()
    document["steps"][1] |= {"account": "emea"}
    document["steps"][2] |= {"account": "emea", "impersonate": True}
    document["steps"][3] |= {"account": "gone"}
    wanted = steps.parse_steps(document)
    _, shown = desk.preview(DEFAULT, wanted, None)
    first, opened, other, gone = shown
    assert "/api/data/v9.2/phonecalls" in (first.request or "")
    assert APP in (opened.request or "")
    assert "/api/data/v9.1/phonecalls(" in (other.request or "")
    assert "CallerObjectId: (the user of alice@contoso.com)" in (other.request or "")
    assert "CallerObjectId" not in (first.request or "")
    assert gone.fault == "There is no integration account gone in force."


async def test_a_preview_shows_our_own_link_and_the_dry_run_the_same(
    desk: StepDesk, recorded: ContactKey, dynamics: Simulation
) -> None:
    before = len(dynamics.world.log)
    _, shown = desk.preview(DEFAULT, steps.default_steps(), recorded.id)
    link = str(shown[3].request).partition(f"{ORIGIN}/r/")[2].partition('"')[0]
    assert len(link) == 22
    run = desk.dry_run(DEFAULT, steps.default_steps(), recorded.id)
    assert f"{ORIGIN}/r/{link}" in run[-1].text
    assert "recordings.example" not in str((shown, run))
    assert len(dynamics.world.log) == before, "nothing is sent"
    _, sample = desk.preview(DEFAULT, steps.default_steps(), None)
    assert f"{ORIGIN}/r/sample-recording-token" in str(sample[3].request)


async def test_a_preview_and_a_dry_run_show_what_sending_adds(
    desk: StepDesk, recorded: ContactKey
) -> None:
    document = default_document()
    document["steps"][0] |= {
        "want_response": False,
        "body": {"phonenumber": "{{CustomerEndpoint}}", "subject": "x" * 300},
    }
    document["steps"][2]["body"] = {"category": "{{STEP2-Response.subject}}"}
    checked = await desk.check(DEFAULT, {**document, "owner": "agent"})
    _, shown = desk.preview(DEFAULT, checked.steps, recorded.id)
    run = desk.dry_run(DEFAULT, checked.steps, recorded.id)
    told = {each.key.partition("/")[0]: each.text for each in run}
    for created, ended in ((shown[0].request, shown[2].request), (told["2"], told["4"])):
        assert created
        assert ended
        assert f'"{"x" * 199}…"' in created, "no text is longer than its column"
        assert "Prefer: return=representation" in created, "a later step names a field"
        assert '"ownerid@odata.bind":"/systemusers(' in ended
    assert "ownerid" not in (shown[3].request or "")


async def test_a_dry_run_replays_the_whole_contact_step_by_step(
    desk: StepDesk, recorded: ContactKey
) -> None:
    document = default_document()
    document["steps"][2]["account"] = "gone"
    run = desk.dry_run(DEFAULT, steps.parse_steps(document), recorded.id)
    assert [(each.event, each.key.partition("/")[0]) for each in run] == [
        ("created-0 (created)", "2"),
        ("answered-1 (answered)", "pop"),
        ("ended-5 (ended)", "4"),
        ("recorded-9 (recorded)", "5"),
    ]
    assert run[2].fault == "There is no integration account gone in force."
    assert run[3].fault is None


async def test_a_contact_that_nobody_reported_is_not_there(desk: StepDesk) -> None:
    for attempt in (desk.preview, desk.dry_run):
        with pytest.raises(NotFound, match="there is no contact c-9"):
            attempt(DEFAULT, steps.default_steps(), "c-9")
