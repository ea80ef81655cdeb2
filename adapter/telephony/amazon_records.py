"""Decode Amazon Connect's contact records (CTR): everything of a contact, told after its end.

Source: https://docs.aws.amazon.com/connect/latest/adminguide/ctr-data-model.html. A record is
sent again whenever something is added (a recording, the end of after-contact work).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapter.events import AgentSeen, ContactEvent, Fact, Recording
from adapter.telephony import amazon_agents, amazon_fields, amazon_objects
from adapter.telephony.amazon_fields import Described

MAX_RECORDINGS = 32
_REGION: Final = re.compile(r"^arn:[^:]*:+connect:([a-z0-9-]+):")


def read(record: Mapping[str, Any], received: datetime, at: str) -> tuple[Fact, ...]:
    """Decode one folded contact record."""
    said = amazon_fields.describe(record, at)
    updated = amazon_fields.text(record, "lastupdatetimestamp") or ""
    time = amazon_fields.moment(record, "lastupdatetimestamp", "disconnecttimestamp") or received
    source = amazon_fields.origin(
        "aws.connect", amazon_fields.text(record, "awsaccountid"), _arn(record)
    )
    recordings = _recordings(record)
    attributes = said.attributes
    if recordings:
        attributes = {**attributes, "objectUrl": recordings[0].url}
    event = ContactEvent(
        source=source,
        # A later version of the record is another event of the same contact.
        id=f"record-{said.contact}/{updated[:40]}",
        contact=said.contact,
        time=time,
        channel=said.channel,
        direction=said.direction,
        agent=said.agent,
        customer=said.customer,
        queue=said.queue,
        attributes=attributes,
        links=said.links,
        recording=recordings[0] if recordings else None,
        witnessed=said.witnessed
        | {amazon_objects.stage_of(each.kind): time for each in recordings},
    )
    more = (
        ContactEvent(
            source=source,
            id=f"{event.id}#recording-{number}",
            contact=said.contact,
            time=time,
            recording=each,
        )
        for number, each in enumerate(recordings[1:], start=2)
    )
    return (*_agent(said, source, time), event, *more)


def _agent(said: Described, source: str, time: datetime) -> tuple[AgentSeen, ...]:
    if not said.agent or not said.username or said.agent == said.username:
        return ()
    return (amazon_agents.seen_agent(source, said.agent, said.username, time),)


def _recordings(record: Mapping[str, Any]) -> tuple[Recording, ...]:
    """List the files in S3; video streams (ARNs) and deleted files are no links.

    `Location` is `<bucket>/<key>`, with no scheme and no region: the bucket is in the instance's.
    """
    listed = record.get("recordings")
    entries = [record.get("recording"), *(listed if isinstance(listed, list) else ())]
    region = _REGION.match(_arn(record) or "")
    found = {}
    for entry in map(amazon_fields.fold, entries[: MAX_RECORDINGS + 1]):
        bucket, _, key = (amazon_fields.text(entry, "location") or "").partition("/")
        status = (amazon_fields.text(entry, "status") or "AVAILABLE").upper()
        if not key or bucket.startswith("arn:") or status != "AVAILABLE":
            continue
        if (url := amazon_objects.object_url(bucket, key, region and region[1])) is None:
            continue
        named = amazon_objects.recording(key, url)
        kind = "transcript" if amazon_fields.text(entry, "mediastreamtype") == "CHAT" else None
        found[url] = named[1] if named else Recording(kind or "recording", url)
    return tuple(found.values())


def _arn(record: Mapping[str, Any]) -> str | None:
    """Find an ARN that names the instance: the record's own, the agent's or the queue's."""
    for fields, name in (
        (record, "instancearn"),
        (amazon_fields.fold(record.get("agent")), "arn"),
        (amazon_fields.fold(record.get("queue")), "arn"),
    ):
        if found := amazon_fields.text(fields, name):
            return found
    return None
