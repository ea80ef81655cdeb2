"""Advance a contact's state: a pure function of the set of its events.

Every field is a last-writer-wins register and every collection a grow-only set, so the same events
give the same state in any order, however often and however late they come (a state-based CRDT;
Shapiro et al., "Conflict-free Replicated Data Types", 2011). Each is bounded by a fixed order of
its elements, which preserves this, so a source that never stops takes no more memory.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from adapter import registers
from adapter.events import RANK, ContactEvent, Recording, Stage
from adapter.registers import NOTHING, UNBOUNDED, Bounds, Limit, Registers, Stamp

ATTRIBUTES = Limit(names=256, size=65_536)
CUSTOMER = Limit(names=64, size=65_536)
MOST_LINKS = 256
MOST_RECORDINGS = 64

_BY_NAME = {stage.value: stage for stage in Stage}
_NAMES = {stage: name for name, stage in _BY_NAME.items()}
"""The plain texts with which a state is stored; an enumeration's `.value` costs a call."""

_ORDER = {name: rank for rank, name in enumerate(_BY_NAME)}.__getitem__

UNSTAGED = -1
"""The rank of an event without a stage: it loses a tie against any stage."""


# Not tracked by the garbage collector, like the registers: nothing in it refers back to it.
class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one contact. Never change its dictionaries: views and events share them.

    It is stored as the array of its members: a new member goes at the end and needs a default.
    """

    id: str
    scalars: Registers[str | None] = NOTHING
    """`channel`, `direction`, `agent` (the source's id), `queue`."""
    customer_registers: Registers[str] = NOTHING
    attribute_registers: Registers[Any] = NOTHING
    stages: dict[str, datetime] = {}
    """The earliest time at which each stage was reported, the furthest stage last."""
    links: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()

    @property
    def customer(self) -> dict[str, str]:
        """`phone`, `name`, `email`, …: what is known of the person."""
        return self.customer_registers.values

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes by name (JSON values)."""
        return self.attribute_registers.values

    @property
    def agent(self) -> str | None:
        """The agent who has the contact, as the source names them."""
        return self.scalars.values.get("agent")

    @property
    def channel(self) -> str | None:
        """`voice`, `chat`, `task`, …, if known."""
        return self.scalars.values.get("channel")

    @property
    def direction(self) -> str | None:
        """`inbound` or `outbound`, if known."""
        return self.scalars.values.get("direction")

    @property
    def stage(self) -> Stage | None:
        """The furthest stage reached."""
        return _BY_NAME[next(reversed(self.stages))] if self.stages else None

    @property
    def ended(self) -> bool:
        """Whether the contact (not only a leg of it) is over."""
        return "ended" in self.stages


def advance(contact: Contact | None, event: ContactEvent) -> Contact:
    """Give the state after `event`; commutative, associative and idempotent in its events."""
    if contact is None:
        contact = Contact(event.contact)
    rank = UNSTAGED if event.stage is None else RANK[event.stage]
    stamp: Stamp = (event.time, rank, event.source, event.id)
    return Contact(
        contact.id,
        _scalars(contact.scalars, event, stamp),
        registers.bounded(contact.customer_registers, event.customer, stamp, CUSTOMER),
        registers.bounded(contact.attribute_registers, event.attributes, stamp, ATTRIBUTES),
        _stages(contact.stages, event),
        _links(contact, event) if event.links else contact.links,
        _recordings(contact.recordings, event.recording) if event.recording else contact.recordings,
    )


def _scalars(
    known: Registers[str | None], event: ContactEvent, stamp: Stamp
) -> Registers[str | None]:
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
    return registers.newer(known, said, stamp)


def _stages(known: dict[str, datetime], event: ContactEvent) -> dict[str, datetime]:
    for stage, time in event.witnessed.items():
        known = _with_stage(known, stage, time)
    if event.stage is None or event.stage in event.witnessed:
        return known
    return _with_stage(known, event.stage, event.time)


def _with_stage(known: dict[str, datetime], stage: Stage, time: datetime) -> dict[str, datetime]:
    name = _NAMES[stage]
    before = known.get(name)
    if before is not None and before <= time:
        return known
    is_furthest = not known or _ORDER(next(reversed(known))) <= _ORDER(name)
    return {**known, name: time} if is_furthest else _in_order({**known, name: time})


def _in_order(stages: dict[str, datetime]) -> dict[str, datetime]:
    return {name: stages[name] for name in sorted(stages, key=_ORDER)}


def _links(contact: Contact, event: ContactEvent) -> tuple[str, ...]:
    new = {link for link in event.links if link and link != contact.id}
    # The first in a fixed order: what was dropped once can never come back among them.
    return tuple(sorted(new.union(contact.links))[:MOST_LINKS]) if new else contact.links


def _recordings(known: tuple[Recording, ...], new: Recording) -> tuple[Recording, ...]:
    if new in known:
        return known
    ordered = sorted({*known, new}, key=lambda each: (each.url, each.kind, each.redacted))
    return tuple(ordered[:MOST_RECORDINGS])


def view(
    contact: Contact, *, agent: str | None, linked: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Give the contact as the outside sees it (design 5.2), `agent` being the tenant's id.

    `linked` replaces the contact's own links if the caller also knows the links to it.
    """
    scalars = contact.scalars.values
    stages = contact.stages
    return {
        "id": contact.id,
        "channel": scalars.get("channel"),
        "direction": scalars.get("direction"),
        "agent": agent,
        "customer": contact.customer_registers.values,
        "queue": scalars.get("queue"),
        "stage": next(reversed(stages), None),
        "stages": stages,
        "attributes": contact.attribute_registers.values,
        "linked": contact.links if linked is None else linked[:MOST_LINKS],
        "recordings": _recorded(contact.recordings) if contact.recordings else [],
    }


def _recorded(recordings: tuple[Recording, ...]) -> list[dict[str, Any]]:
    # With all members: the stored form leaves out defaults.
    return [{"kind": each.kind, "url": each.url, "redacted": each.redacted} for each in recordings]


class _Former(msgspec.Struct, frozen=True):
    """A state as it was stored at first: a map, with a stamp beside each single value."""

    id: str
    scalars: dict[str, tuple[Stamp, str | None]] = {}
    customer: dict[str, tuple[Stamp, str]] = {}
    attributes: dict[str, tuple[Stamp, Any]] = {}
    stages: dict[str, datetime] = {}
    links: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()
    customer_bounds: Bounds = UNBOUNDED
    attribute_bounds: Bounds = UNBOUNDED


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Contact)
_former = msgspec.msgpack.Decoder(_Former)

_MAP = 0x80
"""First byte of a small MessagePack map; the low half holds the number of its members."""


def encode(contact: Contact) -> bytes:
    """Pack the state for the store (MessagePack)."""
    return _encoder.encode(contact)


def decode(packed: bytes) -> Contact:
    """Unpack what `encode` packed, now or when states were still maps."""
    if packed[0] & 0xF0 != _MAP:
        return _decoder.decode(packed)
    former = _former.decode(packed)
    return Contact(
        former.id,
        registers.of(former.scalars),
        registers.of(former.customer, former.customer_bounds),
        registers.of(former.attributes, former.attribute_bounds),
        _in_order(former.stages),
        former.links,
        former.recordings,
    )
