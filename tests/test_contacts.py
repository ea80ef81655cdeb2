"""Advance contacts: whatever order their events come in, and however often, the state is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from adapter import contacts
from adapter.contacts import Contact
from adapter.events import ContactEvent, Recording, Stage
from adapter.registers import Bounds

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

pack = msgspec.msgpack.encode


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def event(stage: Stage | None = None, seconds: float = 0, **said: Any) -> ContactEvent:
    """Make an event whose identity is its content."""
    identity = f"{stage}-{seconds}-{sorted(said)}"
    return ContactEvent(
        source="urn:pbx", id=identity, contact="c-1", time=at(seconds), stage=stage, **said
    )


def after(*events: ContactEvent) -> Contact:
    found = reduce(contacts.advance, events, None)
    assert found is not None
    return found


def view(*events: ContactEvent) -> Any:
    """Give the state as JSON shows it, with times as `at` makes them."""
    state = after(*events)
    found = msgspec.json.decode(msgspec.json.encode(contacts.view(state, agent=state.agent)))
    times = {stage: datetime.fromisoformat(time) for stage, time in found["stages"].items()}
    return {**found, "stages": times}


# Few values on purpose: equal times, stages and ids must meet often.
MOMENTS = st.integers(0, 3).map(at)
WORDS = st.sampled_from(["alice", "bob", "carol"])
VALUES = st.one_of(WORDS, st.integers(-(2**63), 2**64 - 1), st.none(), st.lists(st.booleans()))
EVENTS = st.builds(
    ContactEvent,
    source=st.sampled_from(["urn:a", "urn:b"]),
    id=st.integers(0, 10**9).map(str),
    contact=st.just("c-1"),
    time=MOMENTS,
    stage=st.one_of(st.none(), st.sampled_from(Stage)),
    channel=st.one_of(st.none(), st.sampled_from(["voice", "chat"])),
    direction=st.one_of(st.none(), st.sampled_from(["inbound", "outbound"])),
    agent=st.one_of(st.none(), WORDS),
    agent_left=st.booleans(),
    customer=st.dictionaries(st.sampled_from(["phone", "name"]), WORDS),
    queue=st.one_of(st.none(), WORDS),
    attributes=st.dictionaries(st.sampled_from(["A", "B"]), VALUES),
    links=st.lists(st.sampled_from(["c-1", "c-2", "c-3", ""])).map(tuple),
    recording=st.one_of(
        st.none(),
        st.builds(Recording, st.sampled_from(["recording", "transcript"]), WORDS, st.booleans()),
    ),
    witnessed=st.dictionaries(st.sampled_from(Stage), MOMENTS),
)
SETS = st.lists(EVENTS, min_size=1, max_size=8, unique_by=lambda each: (each.source, each.id))


@given(events=SETS, data=st.data())
def test_any_order_and_any_duplication_of_the_same_events_give_the_same_state(
    events: list[ContactEvent], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events)))
    shuffled = data.draw(st.permutations([*events, *again]))
    assert after(*shuffled) == after(*events)
    assert contacts.encode(after(*shuffled)) is not None


@given(events=SETS, split=st.integers(0, 8))
def test_a_state_that_was_stored_in_between_goes_on_as_if_it_had_not_been(
    events: list[ContactEvent], split: int
) -> None:
    state: Contact | None = None
    for index, each in enumerate(events):
        state = contacts.advance(state, each)
        if index == split:
            state = contacts.decode(contacts.encode(state))
    assert state == after(*events)


@given(events=SETS)
def test_each_value_is_that_of_the_latest_event_which_said_one(events: list[ContactEvent]) -> None:
    def stamp(each: ContactEvent) -> tuple[datetime, int, str, str]:
        rank = -1 if each.stage is None else list(Stage).index(each.stage)
        return each.time, rank, each.source, each.id

    said = [each for each in events if each.agent or each.agent_left]
    last = max(said, key=stamp, default=None)
    expected = None if last is None or last.agent_left else last.agent
    assert after(*events).agent == expected


@given(events=SETS)
def test_nothing_that_was_shown_or_reported_changes_when_the_contact_goes_on(
    events: list[ContactEvent],
) -> None:
    state: Contact | None = None
    seen: list[tuple[Any, bytes]] = []
    for each in events:
        state = contacts.advance(state, each)
        seen += [(shown, pack(shown)) for shown in (each, contacts.view(state, agent=None))]
    assert all(pack(shown) == before for shown, before in seen)


FORMER = bytes.fromhex("""
    89a26964a3632d31a77363616c61727384a76368616e6e656c9294d6ff6b0187c101a775726e3a706278a265
    31a5766f696365a9646972656374696f6e9294d6ff6b0187c101a775726e3a706278a26531a7696e626f756e
    64a56167656e749294d6ff6b0187c204a775726e3a706278a26532c0a571756575659294d6ff6b0187c204a7
    75726e3a706278a26532a553616c6573a8637573746f6d657282a570686f6e659294d6ff6b0187c101a77572
    6e3a706278a26531a52b34393330a46e616d659294d6ff6b0187c204a775726e3a706278a26532a641646120
    4c2eaa6174747269627574657382a1419294d7ff773594006b0187c905a775726e3a706278a26533a178a142
    9294d6ff6b0187c101a775726e3a706278a26531920181a163c0a673746167657383a5656e646564d7ff7735
    94006b0187c9a76f666665726564d6ff6b0187c1ab7472616e73666572726564d6ff6b0187c2a56c696e6b73
    91a3632d30aa7265636f7264696e67739183a46b696e64a97265636f7264696e67a375726ca968747470733a
    2f2f61a87265646163746564c3af637573746f6d65725f626f756e647381a3656e64a27a7ab0617474726962
    7574655f626f756e647381a8686561766965737481a14109
""")
"""A state of three events as it was stored when each value had its stamp beside it."""


def test_a_state_of_the_former_form_is_read_and_goes_on() -> None:
    def said(name: str, seconds: float, stage: Stage, **values: Any) -> ContactEvent:
        return msgspec.structs.replace(event(stage, seconds, **values), id=name)

    offered = said(
        "e1",
        1,
        Stage.OFFERED,
        channel="voice",
        direction="inbound",
        agent="alice",
        customer={"phone": "+4930", "name": "Ada"},
        attributes={"A": "longer", "B": [1, {"c": None}]},
        links=("c-0",),
    )
    left = said(
        "e2", 2, Stage.TRANSFERRED, agent_left=True, queue="Sales", customer={"name": "Ada L."}
    )
    file = Recording("recording", "https://a", True)
    ended = said("e3", 9.5, Stage.ENDED, recording=file, attributes={"A": "x"})

    state = contacts.decode(FORMER)
    assert state.customer_registers.bounds.end == "zz"  # as if such a name had found no room
    unbounded = msgspec.structs.replace(state.customer_registers, bounds=Bounds())
    assert after(ended, offered, left) == msgspec.structs.replace(
        state, customer_registers=unbounded
    )
    assert list(state.stages) == ["offered", "transferred", "ended"]
    assert contacts.decode(contacts.encode(state)) == state
    assert contacts.advance(state, said("e0", 1.5, Stage.ANSWERED, agent="bob")).agent is None


def test_the_stage_is_the_furthest_reached_whatever_came_in_last() -> None:
    found = view(event(Stage.ENDED, 9), event(Stage.ANSWERED, 5), event(Stage.CREATED, 1))
    assert found["stage"] == "ended"
    assert found["stages"] == {"created": at(1), "answered": at(5), "ended": at(9)}
    assert list(found["stages"]) == ["created", "answered", "ended"]


def test_a_recording_after_the_end_is_the_stage_then() -> None:
    assert view(event(Stage.RECORDED, 99), event(Stage.ENDED, 9))["stage"] == "recorded"


def test_a_stage_reported_twice_keeps_its_earliest_time() -> None:
    events = event(Stage.ANSWERED, 5), event(Stage.ANSWERED, 3), event(Stage.ANSWERED, 7)
    assert view(*events)["stages"] == {"answered": at(3)}


def test_stages_that_an_event_proves_count_with_their_times() -> None:
    record = event(Stage.ENDED, 9, witnessed={Stage.CREATED: at(1), Stage.ANSWERED: at(4)})
    found = view(record)
    assert found["stages"] == {"created": at(1), "answered": at(4), "ended": at(9)}


def test_a_transfer_gives_the_contact_to_the_next_agent_also_when_it_comes_in_first() -> None:
    answered = event(Stage.ANSWERED, 1, agent="alice")
    transferred = event(Stage.TRANSFERRED, 2, agent="bob")
    assert view(answered, transferred)["agent"] == "bob"
    assert view(transferred, answered)["agent"] == "bob"


def test_a_contact_sent_back_to_a_queue_has_no_agent_until_the_next_answers() -> None:
    answered = event(Stage.ANSWERED, 1, agent="alice")
    left = event(Stage.TRANSFERRED, 2, agent_left=True, queue="sales")
    assert view(left, answered)["agent"] is None
    assert view(left, answered)["queue"] == "sales"
    assert view(event(Stage.ANSWERED, 3, agent="bob"), left, answered)["agent"] == "bob"


def test_an_event_that_says_nothing_of_a_value_leaves_it() -> None:
    first = event(
        Stage.CREATED, 1, channel="voice", customer={"phone": "+49301"}, attributes={"A": 1}
    )
    found = view(first, event(None, 2, customer={"name": "Ada"}, attributes={"B": [1]}))
    assert found["channel"] == "voice"
    assert found["customer"] == {"phone": "+49301", "name": "Ada"}
    assert found["attributes"] == {"A": 1, "B": [1]}
    assert found["stage"] == "created"


def test_at_the_same_time_the_later_stage_has_the_word() -> None:
    offered = event(Stage.OFFERED, 1, agent="alice")
    answered = event(Stage.ANSWERED, 1, agent="bob")
    assert view(offered, answered)["agent"] == view(answered, offered)["agent"] == "bob"


def test_links_and_recordings_are_gathered_once_and_in_one_order() -> None:
    loud, quiet = Recording("recording", "https://b"), Recording("recording", "https://a", True)
    events = [
        event(Stage.CREATED, 1, links=("c-3", "c-1", "c-2")),
        event(Stage.RECORDED, 2, recording=loud),
        event(Stage.RECORDED, 3, recording=quiet, links=("c-2",)),
    ]
    found = view(*events)
    assert found == view(*reversed(events))
    assert found["linked"] == ["c-2", "c-3"]  # never itself
    assert found["recordings"] == [
        {"kind": "recording", "url": "https://a", "redacted": True},
        {"kind": "recording", "url": "https://b", "redacted": False},
    ]


def test_the_view_has_every_member_of_the_contract_also_when_nothing_is_known() -> None:
    assert view(event()) == {
        "id": "c-1",
        "channel": None,
        "direction": None,
        "agent": None,
        "customer": {},
        "queue": None,
        "stage": None,
        "stages": {},
        "attributes": {},
        "linked": [],
        "recordings": [],
    }


# --- limits ---


def test_a_source_that_never_stops_does_not_make_the_contact_grow() -> None:
    state = None
    sizes = []
    for n in range(40):
        said = {f"attribute_{n}_{i}": "x" * 600 for i in range(95)}
        customer = {f"field_{n}_{i}": "x" * 600 for i in range(64)}
        links = tuple(f"c-{n}-{i}" for i in range(32))
        left = Recording("recording", f"https://files.example/{n:04}")
        state = contacts.advance(
            state,
            event(None, n, attributes=said, customer=customer, links=links, recording=left),
        )
        sizes.append(len(msgspec.json.encode(contacts.view(state, agent=None))))
    assert state is not None
    assert max(sizes) < 150_000
    assert len(state.attributes) > 95  # what fits stays
    assert len(state.links) == 256


def test_recordings_and_links_are_bounded_in_a_fixed_order() -> None:
    events = [
        event(
            None,
            n,
            links=(f"c-{n:03}",),
            recording=Recording("recording", f"https://files.example/{n:03}"),
        )
        for n in range(10, 300)
    ]
    state = after(*events)
    assert state == after(*reversed(events))
    assert state.links == tuple(f"c-{n:03}" for n in range(10, 266))
    assert [each.url[-3:] for each in state.recordings] == [f"{n:03}" for n in range(10, 74)]
    others = tuple(f"d-{n}" for n in range(999))  # who links to it is bounded in the view, too
    assert len(contacts.view(state, agent=None, linked=others)["linked"]) == 256


def test_short_names_stay_where_not_all_have_room() -> None:
    long = {f"note_{n:04}": n for n in range(300)}
    state = after(event(None, 1, attributes=long), event(None, 2, attributes={"Queue": "Sales"}))
    assert state.attributes["Queue"] == "Sales"
    assert len(state.attributes) == 256
    assert "note_0000" in state.attributes
    assert "note_0299" not in state.attributes
    assert state == contacts.decode(contacts.encode(state))
