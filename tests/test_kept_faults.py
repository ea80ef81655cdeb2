"""Keep an event that a fault of ours keeps from being handled, and go on with the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter import app, contacts, pipeline, settings
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.events import ContactEvent, Decoded, Entry, Stage
from adapter.pipeline import Receipt
from adapter.services import Services
from adapter.store import journal
from adapter.store.times import moment
from adapter.tenants import DEFAULT, ContactKey
from tests.server import Server

HERE = DEFAULT
SPOILT = "c-2"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A server's services, in whose process the state of one contact cannot be advanced."""
    advance = contacts.advance

    def with_fault(contact: Contact | None, event: ContactEvent) -> Contact:
        if event.contact == SPOILT:
            raise AttributeError("a fault of ours")
        return advance(contact, event)

    monkeypatch.setattr(contacts, "advance", with_fault)
    made = served(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[Services]:
    """A server's services, in whose process everything can be handled as yet."""
    made = served(tmp_path)
    yield made
    made.database.close()


def served(folder: Path) -> Services:
    server = Server(folder)
    server.make_keys()  # with which there is a tenant
    return app.create_services(settings.load(data_dir=server.folder))


def restarted(services: Services) -> Services:
    """Give the services of a process that has nothing but the files."""
    services.database.close()
    return app.create_services(services.settings)


def spoil(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    """Let a fault of ours come up wherever a function of a module is called."""

    def with_fault(*_: object, **__: object) -> None:
        raise AttributeError("a fault of ours")

    monkeypatch.setattr(module, name, with_fault)


async def accept(services: Services, *events: ContactEvent) -> Receipt:
    decoded = Decoded(tuple(Entry(index, (event,)) for index, event in enumerate(events)))
    return await services.committer.submit(
        lambda batch: pipeline.accept(batch, HERE, decoded, moment(9))
    )


EVENTS = [
    ContactEvent("urn:pbx", f"e-{n}", f"c-{n}", moment(n), Stage.OFFERED, agent="alice")
    for n in (1, 2, 3)
]


def told(services: Services) -> list[str | None]:
    """Give the contacts that the messages so far are about."""
    cursor = services.database.raw.cursor()
    return [each.subject for each in journal.messages_after(cursor, HERE, None, 0, limit=10)]


def kept(services: Services) -> list[str | None]:
    """Give why each kept event of the spoilt contact was not handled."""
    cursor = services.database.raw.cursor()
    return [each.failure for each in journal.events_of(cursor, ContactKey(HERE, SPOILT))]


def failures(services: Services) -> float | None:
    return services.metrics.registry.get_sample_value(
        "screenpop_events_total", {"result": "failed"}
    )


async def test_it_is_kept_with_the_reason_and_the_others_of_its_batch_go_on(
    services: Services,
) -> None:
    assert await accept(services, *EVENTS) == Receipt(3, 0, 0, ())
    services.committer.upkeep.catch_up()
    assert told(services) == ["c-1", "c-3"]
    assert kept(services) == ["AttributeError('a fault of ours')"]


async def test_it_is_counted_and_a_duplicate_when_it_comes_again(services: Services) -> None:
    assert failures(services) == 0
    await accept(services, *EVENTS)
    assert failures(services) == 1
    assert await accept(services, *EVENTS) == Receipt(0, 3, 0, ())
    assert failures(services) == 1


async def test_what_its_contact_does_later_is_handled(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accept(services, *EVENTS)
    monkeypatch.undo()  # the fault is mended
    later = ContactEvent("urn:pbx", "e-9", SPOILT, moment(5), Stage.ENDED, agent="alice")
    assert await accept(services, later) == Receipt(1, 0, 0, ())
    services.committer.upkeep.catch_up()
    assert told(services) == ["c-1", "c-3", SPOILT]
    assert kept(services) == ["AttributeError('a fault of ours')", None]


@pytest.mark.parametrize("in_one", [True, False])
async def test_what_a_contact_began_with_stays_in_its_story_though_it_could_not_be_handled(
    sound: Services, monkeypatch: pytest.MonkeyPatch, *, in_one: bool
) -> None:
    advance = contacts.advance

    def with_fault(contact: Contact | None, event: ContactEvent) -> Contact:
        if event.id.startswith("bad"):
            raise AttributeError("a fault of ours")
        return advance(contact, event)

    monkeypatch.setattr(contacts, "advance", with_fault)
    events = [
        ContactEvent("urn:pbx", id_, SPOILT, moment(2), Stage.OFFERED, agent="alice")
        for id_ in ("bad-1", "bad-2", "bad-3", "e-9")
    ]
    if in_one:
        await accept(sound, *events)
    else:
        for event in events:
            await accept(sound, event)
    again = restarted(sound)
    cursor = again.database.raw.cursor()
    state = journal.contact(cursor, ContactKey(HERE, SPOILT))
    story = kept(again)
    again.database.close()
    assert state is not None
    assert state.stage is Stage.OFFERED
    assert story == [*["AttributeError('a fault of ours')"] * 3, None]


async def test_what_cannot_be_handled_is_left_out_of_its_contact_whatever_the_fault(
    sound: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accept(sound, EVENTS[1])
    advance = contacts.advance

    def with_fault(contact: Contact | None, event: ContactEvent) -> Contact:
        if event.id == "e-9":
            raise AttributeError("a fault of ours")
        return advance(contact, event)

    monkeypatch.setattr(contacts, "advance", with_fault)
    spoilt = ContactEvent("urn:pbx", "e-9", SPOILT, moment(5), Stage.ENDED, agent="alice")
    await accept(sound, spoilt)
    again = restarted(sound)
    cursor = again.database.raw.cursor()
    state = journal.contact(cursor, ContactKey(HERE, SPOILT))
    again.database.close()
    assert state is not None
    assert not state.ended


@pytest.mark.parametrize("late", [(pipeline, "_pop_at_stage"), (Batch, "put_event")])
async def test_a_fault_after_the_message_was_staged_leaves_contact_and_message_whole(
    sound: Services, monkeypatch: pytest.MonkeyPatch, late: tuple[object, str]
) -> None:
    await accept(sound, EVENTS[0])
    with monkeypatch.context() as patched:
        spoil(patched, *late)
        assert await accept(sound, EVENTS[1]) == Receipt(1, 0, 0, ())
    assert await accept(sound, EVENTS[1], EVENTS[2]) == Receipt(1, 1, 0, ())
    key = ContactKey(HERE, SPOILT)
    state = await sound.committer.submit(lambda batch: batch.contact(key))
    assert state is not None
    assert state.agent == "alice"
    again = restarted(sound)
    try:
        assert journal.contact(again.database.raw.cursor(), key) == state
        later = ContactEvent("urn:pbx", "e-9", SPOILT, moment(5), Stage.ENDED, agent="alice")
        assert await accept(again, later, EVENTS[1]) == Receipt(1, 1, 0, ())
        again.committer.upkeep.catch_up()
        assert told(again) == ["c-1", SPOILT, "c-3", SPOILT]
        assert kept(again) == ["AttributeError('a fault of ours')", None]
    finally:
        again.database.close()
