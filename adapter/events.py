"""Say what a source reported, once it is decoded: values only, no I/O and no clock."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

CONTACT_PREFIX = "screenpop.contact."
"""Of the types that tell of a contact, of what comes in as of what goes out."""


class Stage(StrEnum):
    """A point in a contact's life, in the order in which the furthest one counts."""

    CREATED = "created"
    OFFERED = "offered"
    MADE = "made"
    ANSWERED = "answered"
    TRANSFERRED = "transferred"
    ENDED = "ended"
    RECORDED = "recorded"
    TRANSCRIBED = "transcribed"

    # An enumeration hashes its members' names, by a call in Python; they are equal to their texts.
    __hash__ = str.__hash__


RANK: dict[Stage, int] = {stage: rank for rank, stage in enumerate(Stage)}


class Recording(msgspec.Struct, frozen=True):
    """A file that a contact left: `kind` is `recording`, `transcript` or `analysis`."""

    kind: str
    url: str
    redacted: bool = False


class ContactEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source reported of one contact.

    (`source`, `id`) is the event's identity: the same pair again is a duplicate.
    Everything that a source did not say is None or empty and changes nothing.
    """

    source: str
    id: str
    contact: str
    time: datetime
    """When it happened, aware, in UTC; the time of receipt where the source does not say."""
    stage: Stage | None = None
    """The stage that this event reports; None is a change without a stage (`updated`)."""
    channel: str | None = None
    """Lower case: `voice`, `chat`, `task`, `email`, `sms`, …"""
    direction: str | None = None
    """`inbound` or `outbound`."""
    agent: str | None = None
    """The agent's id as the source has it (an ARN, a user name)."""
    agent_left: bool = False
    """True where the contact now has no agent (transferred to a queue)."""
    customer: dict[str, str] = {}
    """`phone`, `name`, `email`, …: what is known of the person."""
    queue: str | None = None
    attributes: dict[str, Any] = {}
    """Attributes of the contact by name, for placeholders and pops (JSON values)."""
    links: tuple[str, ...] = ()
    """Contact ids that this contact continues (initial, previous, related)."""
    recording: Recording | None = None
    witnessed: dict[Stage, datetime] = {}
    """Other stages that this event proves, with their times (a contact record has them all)."""


class AgentSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A source told which agent stands behind one of its ids (an agent event with a user name)."""

    source: str
    id: str
    source_id: str
    """The id that contact events carry (an ARN)."""
    agent: str
    """The id of the agent of the tenant (a user name)."""


Fact = ContactEvent | AgentSeen


class Entry(msgspec.Struct, frozen=True):
    """One event of a request, at `index` in its batch, and the facts that it holds."""

    index: int
    facts: tuple[Fact, ...]


class Rejected(msgspec.Struct, frozen=True):
    """One event of a batch that cannot be taken, and why (the place is in the text)."""

    index: int
    detail: str


class Decoded(msgspec.Struct, frozen=True):
    """What a request held: the good, the count of the unknown, and the bad with the reason."""

    entries: tuple[Entry, ...] = ()
    ignored: int = 0
    rejected: tuple[Rejected, ...] = ()
    places: tuple[str, ...] = ()
    """Where each of `rejected` is wrong in the request as it was sent (a JSON pointer, a header),
    if the decoder tells; it is no part of a receipt."""
    is_batch: bool = True
    """Whether an event's number says which it is: the request may hold several."""
