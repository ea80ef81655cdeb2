"""Read the fields that Amazon's contact events, contact records and agent events share.

Amazon's own samples write one name in several cases (`agentInfo`, `AgentInfo`) and put 1970 where
a time is not known yet, so names are compared without case and times before 2000 count as unset.
Optional fields of an unexpected type are passed over: a change at Amazon must not stop the phones.
Source: https://docs.aws.amazon.com/connect/latest/adminguide/contact-events.html and
ctr-data-model.html beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from adapter.events import Stage
from adapter.telephony import identifiers, timestamps
from adapter.telephony.json_limits import MAX_INTEGER, MIN_INTEGER

MAX_TEXT = 1_024
"""Characters of one field; ARNs have about 150, descriptions up to 512."""
FIRST_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Connect opened in 2017; an earlier time stands for "not yet"."""

_INSTANCE: Final = re.compile(r":instance/([^/]{1,64})")
_OUTBOUND: Final = frozenset({"OUTBOUND", "EXTERNAL_OUTBOUND"})
"""An agent placed this contact, so that connecting the agent is `made`, not `answered`."""
_DIRECTIONS: Final = {
    "INBOUND": "inbound",
    "WEBRTC_API": "inbound",  # a customer calls from an app or a web page
    "OUTBOUND": "outbound",
    "EXTERNAL_OUTBOUND": "outbound",
    "CALLBACK": "outbound",  # the system calls the customer back
    "CAMPAIGN_PREVIEW": "outbound",
    "AGENT_REPLY": "outbound",
}
"""Other methods say nothing: a transfer keeps the first contact's, `API` starts chats and calls."""
_TIMES: Final = {
    "InitiationTimestamp": ("initiationtimestamp",),
    "ConnectedToSystemTimestamp": ("connectedtosystemtimestamp",),
    "DisconnectTimestamp": ("disconnecttimestamp",),
    "ScheduledTimestamp": ("scheduledtimestamp",),
    "TransferCompletedTimestamp": ("transfercompletedtimestamp",),
    "LastUpdateTimestamp": ("lastupdatetimestamp",),
}
_TEXTS: Final = {
    "InitialContactId": "initialcontactid",
    "PreviousContactId": "previouscontactid",
    "NextContactId": "nextcontactid",
    "RelatedContactId": "relatedcontactid",
    "InitiationMethod": "initiationmethod",
    "DisconnectReason": "disconnectreason",
    "InstanceARN": "instancearn",
    "CustomerId": "customerid",
    "AnsweringMachineDetectionStatus": "answeringmachinedetectionstatus",
}
_LINKS: Final = ("initialcontactid", "previouscontactid", "relatedcontactid")


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What one piece of Amazon's JSON says of a contact."""

    contact: str
    channel: str | None
    direction: str | None
    method: str
    agent: str | None
    username: str | None
    queue: str | None
    customer: dict[str, str]
    attributes: dict[str, Any]
    links: tuple[str, ...]
    witnessed: dict[Stage, datetime]

    @property
    def connected(self) -> Stage:
        """Name the stage that an agent's connection to this contact is."""
        return connected(self.method)


def connected(method: str | None) -> Stage:
    """Name the stage that an agent's connection is: `made` where the agent placed the contact."""
    return Stage.MADE if method in _OUTBOUND else Stage.ANSWERED


def fold(value: Any) -> dict[str, Any]:
    """Lower the names of an object; anything else is an empty one."""
    if not isinstance(value, dict):
        return {}
    return {name.lower(): inner for name, inner in value.items()}


def text(fields: Mapping[str, Any], *names: str) -> str | None:
    """Give the first of the fields that is a text with something in it."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and len(value) <= MAX_TEXT and (value := value.strip()):
            return value
    return None


def moment(fields: Mapping[str, Any], *names: str) -> datetime | None:
    """Give the first of the fields that is a time since 2000."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and (found := timestamps.rfc3339(value)) and found >= FIRST_TIME:
            return found
    return None


def origin(service: str, account: str | None, arn: str | None) -> str:
    """Name the source of an event: `aws.connect/<account>/<instance>`, as far as it is known."""
    instance = _INSTANCE.search(arn or "")
    parts = (service, account, instance[1] if instance else None)
    return "/".join(identifiers.safe(part) for part in parts if part)


def describe(detail: Mapping[str, Any], at: str) -> Described:
    """Read a contact event's detail, a contact record or an agent event's contact.

    `detail` is folded. Raises `MalformedInput` where there is no usable contact id.
    """
    contact = identifiers.contact(detail.get("contactid"), f"{at}/contactId")
    method = (text(detail, "initiationmethod") or "").upper()
    channel = text(detail, "channel")
    agent = {**fold(detail.get("agent")), **fold(detail.get("agentinfo"))}
    queue = {**fold(detail.get("queue")), **fold(detail.get("queueinfo"))}
    customer = fold(detail.get("customerendpoint"))
    links = (text(detail, name) for name in _LINKS)
    return Described(
        contact=contact,
        channel=channel.lower() if channel else None,
        direction=_DIRECTIONS.get(method),
        method=method,
        agent=text(agent, "agentarn", "arn", "username"),
        username=text(agent, "username"),
        queue=text(queue, "name", "queuearn", "arn"),
        customer=_customer(customer),
        attributes=_attributes(detail, agent, queue, contact, channel),
        links=tuple(dict.fromkeys(link for link in links if link and link != contact)),
        witnessed=_witnessed(detail, agent, connected(method)),
    )


def _witnessed(
    detail: Mapping[str, Any], agent: Mapping[str, Any], taken: Stage
) -> dict[Stage, datetime]:
    times = {
        Stage.CREATED: moment(detail, "initiationtimestamp"),
        taken: moment(agent, "connectedtoagenttimestamp"),
        Stage.TRANSFERRED: moment(detail, "transfercompletedtimestamp"),
        Stage.ENDED: moment(detail, "disconnecttimestamp"),
    }
    return {stage: time for stage, time in times.items() if time}


def _customer(endpoint: Mapping[str, Any]) -> dict[str, str]:
    customer = {}
    address = text(endpoint, "address")
    if address:
        kind = (text(endpoint, "type") or "TELEPHONE_NUMBER").upper()
        # A withheld number comes as a word (`anonymous`), which nobody can be found by.
        if kind == "TELEPHONE_NUMBER" and any(character.isdigit() for character in address):
            customer["phone"] = address
        elif kind == "EMAIL_ADDRESS":
            customer["email"] = address
    if name := text(endpoint, "displayname"):
        customer["name"] = name
    return customer


def _attributes(
    detail: Mapping[str, Any],
    agent: Mapping[str, Any],
    queue: Mapping[str, Any],
    contact: str,
    channel: str | None,
) -> dict[str, Any]:
    """Name what is known as the placeholders name it: as a contact record does, with dots."""
    named: dict[str, Any] = {"ContactId": contact}
    named |= {name: text(detail, field) for name, field in _TEXTS.items()}
    named |= {
        name: text(detail, *fields) if moment(detail, *fields) else None
        for name, fields in _TIMES.items()
    }
    named["Channel"] = channel.upper() if channel else None
    for name in ("CustomerEndpoint", "SystemEndpoint"):
        endpoint = fold(detail.get(name.lower()))
        named[name] = named[f"{name}.Address"] = text(endpoint, "address")
        named[f"{name}.Type"] = text(endpoint, "type")
        named[f"{name}.DisplayName"] = text(endpoint, "displayname")
    named["Queue.ARN"] = text(queue, "queuearn", "arn")
    named["Queue.Name"] = text(queue, "name")
    named["Queue.EnqueueTimestamp"] = _time_text(queue, "enqueuetimestamp")
    named["Agent.ARN"] = text(agent, "agentarn", "arn")
    named["Agent.Username"] = text(agent, "username")
    # The seed product's steps write it without a dot, as a flow's attribute would be.
    named["ConnectedToAgentTimestamp"] = _time_text(agent, "connectedtoagenttimestamp")
    details = fold(detail.get("contactdetails"))
    named["Name"] = text(details, "name")
    named["Description"] = text(details, "description")
    return {name: value for name, value in named.items() if value is not None} | _own(detail, named)


def _own(detail: Mapping[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Name what the contact centre itself set: attributes of the flow, segments, tags."""
    own: dict[str, Any] = {}
    for name, value in _scalars(detail.get("attributes")):
        own[f"Attributes.{name}"] = value
        if named.get(name) is None:  # what Amazon itself says under a name counts
            own[name] = value
    for name, value in _scalars(detail.get("segmentattributes")):
        own[f"SegmentAttributes.{name}"] = value
    for name, value in _scalars(detail.get("tags")):
        own[f"Tags.{name}"] = value
        if name == "aws:connect:systemEndpoint" and not named.get("SystemEndpoint"):
            own["SystemEndpoint"] = own["SystemEndpoint.Address"] = value
    return own


def _scalars(value: Any) -> list[tuple[str, str | int | float | bool]]:
    """List the members that are plain values, also in their wrapped form (`{"ValueString": …}`)."""
    found = []
    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, dict) and len(inner) == 1:
            inner = next(iter(inner.values()))  # noqa: PLW2901
        if isinstance(inner, str | float) or (
            isinstance(inner, int) and MIN_INTEGER <= inner <= MAX_INTEGER
        ):
            found.append((name, inner))
    return found


def _time_text(fields: Mapping[str, Any], name: str) -> str | None:
    return text(fields, name) if moment(fields, name) else None
