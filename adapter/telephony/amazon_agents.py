"""Decode Amazon Connect's agent events: who rings, who answered, who let it ring.

Source: https://docs.aws.amazon.com/connect/latest/adminguide/agent-event-stream-model.html and
about-contact-states.html beside it. It is the only stream that shows a contact ringing at an
agent, and the only one besides contact records with the agents' user names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapter.events import AgentSeen, ContactEvent, Fact, Stage
from adapter.telephony import amazon_fields, identifiers
from adapter.telephony.amazon_fields import Described
from adapter.telephony.json_limits import pointer

KINDS: Final = frozenset({"LOGIN", "LOGOUT", "STATE_CHANGE", "HEART_BEAT"})
MAX_CONTACTS = 64
"""Contacts of one agent at a time; Connect's own limit for chats is 10."""

_RINGING: Final = frozenset({"INCOMING", "PENDING", "CONNECTING"})
_TALKING: Final = frozenset({"CONNECTED", "CONNECTED_ONHOLD", "PAUSED"})
_LET_GO: Final = frozenset({"MISSED", "REJECTED"})


class Known(NamedTuple):
    """What an agent event says of one contact beside the contact's own fields."""

    source: str
    identity: str
    arn: str
    state: str
    since: datetime
    connected: datetime | None


def read(event: Mapping[str, Any], received: datetime, at: str) -> tuple[Fact, ...]:
    """Decode one folded agent event; at least the agent's name comes out, where it is there."""
    arn = identifiers.text(event.get("agentarn"), f"{at}/AgentARN")
    identity = identifiers.key(
        event.get("eventid"), identifiers.MAX_EVENT - identifiers.MAX_CONTACT, at, "/EventId"
    )
    time = amazon_fields.moment(event, "eventtimestamp") or received
    source = amazon_fields.origin("aws.connect", amazon_fields.text(event, "awsaccountid"), arn)
    snapshot = amazon_fields.fold(event.get("currentagentsnapshot"))
    username = amazon_fields.text(amazon_fields.fold(snapshot.get("configuration")), "username")
    seen = (seen_agent(source, arn, username, time),) if username else ()
    before = _states(amazon_fields.fold(event.get("previousagentsnapshot")))
    # A heartbeat repeats what is known, which heals a lost event; a change tells only itself.
    repeats = event.get("eventtype") != "STATE_CHANGE"
    facts = []
    for index, contact in enumerate(_contacts(snapshot)):
        state = _state(contact)
        if repeats or before.get(amazon_fields.text(contact, "contactid")) != state:
            place = pointer(f"{at}/CurrentAgentSnapshot/Contacts", index)
            said = amazon_fields.describe(contact, place)
            # A state counts from its start: heartbeats repeat it, and another agent may have got
            # the contact since.
            since = amazon_fields.moment(contact, "statestarttimestamp") or time
            connected = amazon_fields.moment(contact, "connectedtoagenttimestamp")
            known = Known(source, f"{identity}#{said.contact}", arn, state, since, connected)
            facts.append(_event(known, said))
    return (*seen, *facts)


def seen_agent(source: str, arn: str, username: str, time: datetime) -> AgentSeen:
    """Tell whose an ARN is, once a day: the same words on the same day are a duplicate."""
    said = "\n".join((arn, username, time.date().isoformat()))
    return AgentSeen(
        source=source,
        id=f"agent-{hashlib.sha256(said.encode()).hexdigest()}",
        source_id=arn,
        agent=username,
    )


def _contacts(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = snapshot.get("contacts")
    if not isinstance(listed, list):
        return []
    return [amazon_fields.fold(contact) for contact in listed[:MAX_CONTACTS]]


def _states(snapshot: Mapping[str, Any]) -> dict[str | None, str]:
    return {
        amazon_fields.text(contact, "contactid"): _state(contact) for contact in _contacts(snapshot)
    }


def _state(contact: Mapping[str, Any]) -> str:
    return (amazon_fields.text(contact, "state") or "").upper()


def _event(known: Known, said: Described) -> ContactEvent:
    stage = _stage(known.state, said.connected)
    left = known.state in _LET_GO
    connected = known.connected or (known.since if known.state in _TALKING else None)
    return ContactEvent(
        source=known.source,
        id=known.identity,
        contact=said.contact,
        time=known.since,
        stage=stage,
        channel=said.channel,
        direction=said.direction,
        agent=None if left else known.arn,
        agent_left=left,
        queue=said.queue,
        attributes=said.attributes if left else {**said.attributes, "Agent.ARN": known.arn},
        links=said.links,
        witnessed={said.connected: connected} if connected and stage is None else {},
    )


def _stage(state: str, connected: Stage) -> Stage | None:
    if state not in _RINGING:
        return None
    # What an agent places does not ring at the agent.
    return Stage.MADE if connected is Stage.MADE else Stage.OFFERED
