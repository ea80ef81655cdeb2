"""Turn a contact as the outside sees it into the attributes that placeholders name.

Amazon's decoders name everything as a contact record does. For other sources the same names are
derived from the contact's own fields, so that the seed product's steps work for any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapter.events import Stage
from adapter.placeholders.references import OBJECT_URL
from adapter.steps.definitions import Redacted

_ANSWERS = (Stage.ANSWERED, Stage.MADE)
_STAGES: Mapping[str, Stage] = {stage.value: stage for stage in Stage}
"""Asked for each event; to call an enumeration costs four times as much."""

KNOWN: tuple[str, ...] = (
    *("ContactId", "InitialContactId", "PreviousContactId", "NextContactId", "RelatedContactId"),
    *("Channel", "Direction", "InitiationMethod", "DisconnectReason", "InstanceARN", "CustomerId"),
    *("CustomerEndpoint", "CustomerEndpoint.Address", "CustomerEndpoint.Type"),
    *("CustomerEndpoint.DisplayName", "Customer.Phone", "Customer.Name", "Customer.Email"),
    *("SystemEndpoint", "SystemEndpoint.Address", "SystemEndpoint.Type"),
    *("SystemEndpoint.DisplayName", "Queue", "Queue.Name", "Queue.ARN", "Queue.EnqueueTimestamp"),
    *("Agent", "Username", "Agent.Username", "Agent.ARN", "ConnectedToAgentTimestamp"),
    *("InitiationTimestamp", "ConnectedToSystemTimestamp", "DisconnectTimestamp"),
    *("ScheduledTimestamp", "TransferCompletedTimestamp", "LastUpdateTimestamp"),
    *("AnsweringMachineDetectionStatus", "Name", "Description", "IsOutbound", "DurationMinutes"),
    *(OBJECT_URL, "appid"),
)
"""The attributes that every tenant may use."""

FREE_PREFIXES = ("attributes.", "segmentattributes.", "tags.", "customer.")
"""Below these a source sets its own names."""


class File(msgspec.Struct, frozen=True):
    """A recording, transcript or analysis of the contact, by its place in the view."""

    kind: str
    url: str
    redacted: bool = False

    @property
    def stage(self) -> Stage:
        """Name the stage that the file proves."""
        return Stage.RECORDED if self.kind == "recording" else Stage.TRANSCRIBED


def attributes(view: Mapping[str, Any], object_url: str | None = None) -> dict[str, Any]:
    """Give the contact's attributes with the derived ones; what a source said itself counts.

    `object_url` is the link to the file that a step writes down.
    """
    said = {name: value for name, value in view["attributes"].items() if value is not None}
    folded = {name.lower() for name in said}
    derived = {
        name: value
        for name, value in _derived(view)
        if value not in (None, "") and name.lower() not in folded
    }
    if object_url is not None:
        said[OBJECT_URL] = object_url
    return derived | said


def stages(view: Mapping[str, Any]) -> set[Stage]:
    """Give the stages that the contact has come to; any of them proves that it was created."""
    known = {_STAGES[name] for name in view["stages"]}
    known.update(file.stage for file in files(view))
    if known:
        known.add(Stage.CREATED)
    return known


def reached(view: Mapping[str, Any], wanted: Iterable[Stage]) -> bool:
    """Tell if the contact has come to one of the stages."""
    return not stages(view).isdisjoint(wanted)


def ended(view: Mapping[str, Any]) -> bool:
    """Tell if the contact is over."""
    return Stage.ENDED.value in view["stages"]


def abandoned(view: Mapping[str, Any]) -> bool:
    """Tell if the contact is over and no agent ever had it."""
    return ended(view) and not reached(view, _ANSWERS)


def files(view: Mapping[str, Any]) -> tuple[File, ...]:
    """Give the contact's files; a source may have told the address as an attribute alone."""
    listed = tuple(
        File(each["kind"], each["url"], bool(each.get("redacted")))
        for each in view.get("recordings", ())
    )
    told = view["attributes"].get(OBJECT_URL)
    if listed or not isinstance(told, str) or not told:
        return listed
    kinds = {Stage.RECORDED: "recording", Stage.TRANSCRIBED: "transcript"}
    return tuple(File(kind, told) for stage, kind in kinds.items() if stage in view["stages"])


def chosen(
    view: Mapping[str, Any], stages: tuple[Stage, ...], redacted: Redacted
) -> tuple[File, ...]:
    """Give the files that a step of these stages takes, the best first.

    The order depends on the set of files alone, so that early and late ones end the same:
    by the step's stages, then the copy that the tenant wants, then the address.
    """
    wanted = [file for file in files(view) if file.stage in stages]
    if redacted in ("only", "never"):
        wanted = [file for file in wanted if file.redacted is (redacted == "only")]
    return tuple(
        sorted(
            wanted,
            key=lambda file: (
                stages.index(file.stage),
                file.redacted is not (redacted == "first"),
                file.kind != "transcript",
                file.url,
            ),
        )
    )


def moment(value: Any) -> datetime | None:
    """Read a time as a view has it: a datetime, or its ISO text after a trip through JSON."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
        return read.astimezone(UTC) if isinstance(read, datetime) else None
    except (ValueError, OverflowError):  # overflow: year 1 east of Greenwich
        return None


def _derived(view: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    customer = view["customer"]
    stages = {name: moment(value) for name, value in view["stages"].items()}
    times = [time for time in stages.values() if time]
    taken = stages.get("answered") or stages.get("made")
    over = stages.get("ended")
    yield "ContactId", view["id"]
    yield "Channel", view["channel"]
    yield "Direction", view["direction"]
    yield "IsOutbound", _is_outbound(view)
    # A text message or a chat has no number: the endpoint is how the customer is reached.
    endpoint = customer.get("phone") or customer.get("email")
    yield "CustomerEndpoint", endpoint
    yield "CustomerEndpoint.Address", endpoint
    yield "CustomerEndpoint.DisplayName", customer.get("name")
    yield from ((f"Customer.{name.capitalize()}", value) for name, value in customer.items())
    yield "Queue", view["queue"]
    yield "Queue.Name", view["queue"]
    yield from ((name, view["agent"]) for name in ("Agent", "Username", "Agent.Username"))
    yield "InitiationTimestamp", _text(stages.get("created") or min(times, default=None))
    yield "ConnectedToAgentTimestamp", _text(taken)
    yield "DisconnectTimestamp", _text(over)
    if taken and over and over >= taken:
        yield "DurationMinutes", round((over - taken).total_seconds() / 60)


def _is_outbound(view: Mapping[str, Any]) -> bool | None:
    if view["direction"]:
        return bool(view["direction"] == "outbound")
    return True if Stage.MADE.value in view["stages"] else None


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")
