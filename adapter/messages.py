"""Shape what goes out on the feed: CloudEvents for everybody, control messages for panels.

The shapes are the contract of `docs/reference/feed.md` (which a test compares with this module).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from adapter.events import CONTACT_PREFIX, Stage
from adapter.tenants import Tenant

SEQUENCE_DIGITS = 12
"""CloudEvents `sequence` is ordered as a string, so it is zero-padded (12 digits last for ages)."""

EPOCH_HEADER = "Screenpop-Epoch"
"""A header of the answer to a feed's handshake, if its key is good."""

EVERYONE = "*"
"""The audience of a message for every feed of the tenant."""

UPDATED = CONTACT_PREFIX + "updated"
POP = "screenpop.pop"
POP_WITHDRAWN = "screenpop.pop.withdrawn"
SETTINGS_CHANGED = "screenpop.settings.changed"
SNAPSHOT = "screenpop.snapshot"

MESSAGE_TYPES = (
    *(CONTACT_PREFIX + stage.value for stage in Stage),
    UPDATED,
    POP,
    POP_WITHDRAWN,
    SETTINGS_CHANGED,
    SNAPSHOT,
)

Present = Literal["open", "card", "mirror"]
OUTCOMES = ("opened", "blocked", "failed", "dismissed", "unknown")
RUNGS = ("host", "embedded", "tab", "link")


class Message(msgspec.Struct, frozen=True):
    """One message of a tenant's feed, as the journal keeps it."""

    sequence: int
    type: str
    subject: str | None
    """The contact id, if the message is about a contact."""
    time: datetime
    data: bytes
    """JSON."""
    agents: tuple[str, ...] = ()
    """The ids of the agents who get it; `EVERYONE` for all feeds. Wallboards get everything."""
    pop: str | None = None
    """The pop's id, if the message announces one: then `data` differs by panel."""


class PopView(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of `screenpop.pop`."""

    pop: str
    contact: str | None
    agent: str
    stage: str | None
    open: bool
    present: Present
    attempt: int
    target: str
    url: str
    record: dict[str, str] | None
    reason: str
    at: datetime


class _Envelope(msgspec.Struct, frozen=True):
    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    sequence: str
    datacontenttype: str
    data: msgspec.Raw


_encoder = msgspec.json.Encoder()
json = _encoder.encode


def sequence_text(sequence: int) -> str:
    """Write a sequence so that it sorts as a string (CloudEvents `sequence` extension)."""
    return f"{sequence:0{SEQUENCE_DIGITS}d}"


def encode(tenant: Tenant, message: Message, data: bytes | None = None) -> bytes:
    """Give the CloudEvent (JSON format) of a message; `data` replaces the message's own."""
    # Put together from its parts, for each event, at a fifth of the cost of encoding a structure.
    # Only the subject is a stranger's text; the tenant's name and the type need no escaping.
    sequence = b"%012d" % message.sequence
    about = b""
    if message.subject is not None:
        subject = json(message.subject)
        about = b',"subject":%b,"partitionkey":%b' % (subject, subject)
    return (
        b'{"specversion":"1.0","id":"%b","source":"/tenants/%b","type":"%b","time":%b,'
        b'"sequence":"%b","datacontenttype":"application/json","data":%b%b}'
    ) % (
        sequence,
        tenant.encode(),
        message.type.encode(),
        json(message.time),
        sequence,
        message.data if data is None else data,
        about,
    )


def snapshot(
    tenant: Tenant,
    sequence: int,
    now: datetime,
    *,
    contacts: list[dict[str, Any]],
    pops: list[PopView],
    epoch: str,
    gap: bool,
) -> bytes:
    """Give the snapshot as of `sequence`; `gap` says that messages were missed."""
    text = sequence_text(sequence)
    data: dict[str, Any] = {"contacts": contacts, "pops": pops, "sequence": text, "epoch": epoch}
    if gap:
        data["gap"] = True
    return _encoder.encode(
        _Envelope(
            specversion="1.0",
            # It is no event of the journal, so its id differs from those: no client takes it for
            # one.
            id=f"snapshot-{text}",
            source=f"/tenants/{tenant}",
            type=SNAPSHOT,
            time=now,
            sequence=text,
            datacontenttype="application/json",
            data=msgspec.Raw(_encoder.encode(data)),
        )
    )


Ancestors = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=1024)], ...], msgspec.Meta(max_length=32)
]
"""The origins of the pages around a panel, nearest first."""


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """A panel's first message."""

    ticket: str | None = None
    version: str | None = None
    panel: str | None = None
    visible: bool = True
    interacted: datetime | None = None
    ancestors: Ancestors | None = None
    """The session that a key's ticket starts is bound to them; None if the page cannot tell."""


class Presence(msgspec.Struct, frozen=True, tag_field="type", tag="presence"):
    """Whether the panel is visible, and when it was last used."""

    visible: bool
    interacted: datetime | None = None


class PopOutcome(msgspec.Struct, frozen=True, tag_field="type", tag="pop.outcome"):
    """What became of a pop on this panel."""

    pop: str
    outcome: Literal["opened", "blocked", "failed", "dismissed", "unknown"]
    rung: Literal["host", "embedded", "tab", "link"] | None = None
    detail: str | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """A panel's ping. It is a message, as a page cannot see websocket pings."""


FromPanel = Hello | Presence | PopOutcome | Ping
_from_panel: msgspec.json.Decoder[FromPanel] = msgspec.json.Decoder(FromPanel)


def parse_from_panel(frame: bytes) -> FromPanel:
    """Read a control message; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _from_panel.decode(frame)


class _Typed(msgspec.Struct, frozen=True):
    type: str


_typed = msgspec.json.Decoder(_Typed)


def is_hello(frame: bytes) -> bool:
    """Whether a message that cannot be read is a `hello` with something wrong in it."""
    try:
        return _typed.decode(frame).type == "hello"
    except (msgspec.MsgspecError, RecursionError):
        return False


def welcome(
    *,
    agent: str | None,
    panel: str | None,
    tenant: Tenant,
    version: str,
    epoch: str,
    session: str | None,
    expires: datetime | None,
) -> bytes:
    """Answer a `hello` that was accepted."""
    return _encoder.encode(
        {
            "type": "welcome",
            "agent": agent,
            "panel": panel,
            "tenant": tenant,
            "version": version,
            "epoch": epoch,
            "session": session,
            "expires": expires,
        }
    )


PONG = b'{"type":"pong"}'


def outcome_stored(pop: str) -> bytes:
    """Tell a panel that it need not send this outcome again."""
    return _encoder.encode({"type": "outcome.stored", "pop": pop})


def error(detail: str, *, pop: str | None = None) -> bytes:
    """Tell a panel what was wrong with its message (about a pop); the feed goes on."""
    about = {} if pop is None else {"pop": pop}
    return _encoder.encode({"type": "error", "detail": detail, **about})
