"""Advance a contact's state: a pure function of the set of its events.

Every field is a last-writer-wins register and every collection a grow-only set, so that any
order, any duplication and any late arrival of the same events give the same state
(a state-based CRDT; Shapiro et al., "Conflict-free Replicated Data Types", 2011). Each is bounded
by a fixed order of its elements, which keeps that true: a source that never stops costs no more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from adapter import registers
from adapter.events import RANK, ContactEvent, Recording, Stage
from adapter.registers import UNBOUNDED, Bounds, Limit, Stamp

ATTRIBUTES = Limit(names=256, size=65_536)
CUSTOMER = Limit(names=64, size=65_536)
MOST_LINKS = 256
MOST_RECORDINGS = 64

_BY_NAME = {stage.value: stage for stage in Stage}
_NAMES = {stage: name for name, stage in _BY_NAME.items()}
"""The plain texts, which a state is stored with; an enumeration's `.value` costs a call."""

_ORDER = {name: rank for rank, name in enumerate(_BY_NAME)}.__getitem__
_UNSAID = (None, None)

UNSTAGED = -1
"""The rank of an event without a stage: it loses a tie against any stage."""


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one contact, each value with the stamp of the event that said it."""

    id: str
    scalars: dict[str, tuple[Stamp, str | None]] = {}
    """`channel`, `direction`, `agent` (the source's id), `queue`."""
    customer: dict[str, tuple[Stamp, str]] = {}
    attributes: dict[str, tuple[Stamp, Any]] = {}
    stages: dict[str, datetime] = {}
    """The earliest time at which each stage was reported."""
    links: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()
    customer_bounds: Bounds = UNBOUNDED
    attribute_bounds: Bounds = UNBOUNDED

    @property
    def agent(self) -> str | None:
        """The agent who has the contact, as the source names them."""
        return self.scalars.get("agent", _UNSAID)[1]

    @property
    def channel(self) -> str | None:
        """`voice`, `chat`, `task`, … where it is known."""
        return self.scalars.get("channel", _UNSAID)[1]

    @property
    def direction(self) -> str | None:
        """`inbound` or `outbound` where it is known."""
        return self.scalars.get("direction", _UNSAID)[1]

    @property
    def stage(self) -> Stage | None:
        """The furthest stage reached."""
        reached = _in_order(self.stages)
        return _BY_NAME[reached[-1]] if reached else None

    @property
    def ended(self) -> bool:
        """Whether the contact (not only a leg of it) is over."""
        return "ended" in self.stages


def advance(contact: Contact | None, event: ContactEvent) -> Contact:
    """Give the state after `event`; commutative, associative and idempotent in its events."""
    if contact is None:
        contact = Contact(id=event.contact)
    rank = UNSTAGED if event.stage is None else RANK[event.stage]
    stamp: Stamp = (event.time, rank, event.source, event.id)
    customer, customer_bounds = registers.bounded(
        contact.customer, contact.customer_bounds, event.customer, stamp, CUSTOMER
    )
    attributes, attribute_bounds = registers.bounded(
        contact.attributes, contact.attribute_bounds, event.attributes, stamp, ATTRIBUTES
    )
    return Contact(
        id=contact.id,
        scalars=_scalars(contact.scalars, event, stamp),
        customer=customer,
        attributes=attributes,
        stages=_stages(contact.stages, event),
        links=_links(contact, event),
        recordings=_recordings(contact.recordings, event.recording),
        customer_bounds=customer_bounds,
        attribute_bounds=attribute_bounds,
    )


def _scalars(
    known: dict[str, tuple[Stamp, str | None]], event: ContactEvent, stamp: Stamp
) -> dict[str, tuple[Stamp, str | None]]:
    said: dict[str, str | None] = {}
    if event.channel:
        said["channel"] = event.channel
    if event.direction:
        said["direction"] = event.direction
    if event.queue:
        said["queue"] = event.queue
    if event.agent_left:
        said["agent"] = None
    elif event.agent:
        said["agent"] = event.agent
    return registers.newer(known, said, stamp) if said else known


def _stages(known: dict[str, datetime], event: ContactEvent) -> dict[str, datetime]:
    for stage, time in event.witnessed.items():
        known = _with_stage(known, stage, time)
    if event.stage is None or event.stage in event.witnessed:
        return known
    return _with_stage(known, event.stage, event.time)


def _with_stage(known: dict[str, datetime], stage: Stage, time: datetime) -> dict[str, datetime]:
    name = _NAMES[stage]
    before = known.get(name)
    return known if before is not None and before <= time else {**known, name: time}


def _in_order(stages: dict[str, datetime]) -> list[str]:
    return list(stages) if len(stages) < 2 else sorted(stages, key=_ORDER)  # noqa: PLR2004


def _links(contact: Contact, event: ContactEvent) -> tuple[str, ...]:
    if not event.links:
        return contact.links
    new = {link for link in event.links if link and link != contact.id}
    # The first of a fixed order: what is dropped once could never come back among them.
    return tuple(sorted(new.union(contact.links))[:MOST_LINKS]) if new else contact.links


def _recordings(known: tuple[Recording, ...], new: Recording | None) -> tuple[Recording, ...]:
    if new is None or new in known:
        return known
    ordered = sorted({*known, new}, key=lambda each: (each.url, each.kind, each.redacted))
    return tuple(ordered[:MOST_RECORDINGS])


def view(
    contact: Contact, *, agent: str | None, linked: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Give the contact as the outside sees it (design 5.2), `agent` being the tenant's id.

    `linked` replaces the contact's own links where the caller also knows who links to it.
    """
    scalars = contact.scalars
    stages = contact.stages
    reached = _in_order(stages)
    return {
        "id": contact.id,
        "channel": scalars.get("channel", _UNSAID)[1],
        "direction": scalars.get("direction", _UNSAID)[1],
        "agent": agent,
        "customer": {name: value for name, (_, value) in contact.customer.items()},
        "queue": scalars.get("queue", _UNSAID)[1],
        "stage": reached[-1] if reached else None,
        "stages": {name: stages[name] for name in reached},
        "attributes": {name: value for name, (_, value) in contact.attributes.items()},
        "linked": contact.links if linked is None else linked[:MOST_LINKS],
        "recordings": _recorded(contact.recordings) if contact.recordings else [],
    }


def _recorded(recordings: tuple[Recording, ...]) -> list[dict[str, Any]]:
    # All members, where the stored form leaves out defaults.
    return [{"kind": each.kind, "url": each.url, "redacted": each.redacted} for each in recordings]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Contact)


def encode(contact: Contact) -> bytes:
    """Pack the state for the store (MessagePack)."""
    return _encoder.encode(contact)


def decode(packed: bytes) -> Contact:
    """Unpack what `encode` packed."""
    return _decoder.decode(packed)
