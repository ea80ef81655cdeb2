"""Read `data` of a `screenpop.contact.*` event, naming the place of whatever is wrong."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from adapter import agent_ids
from adapter.events import Recording, Stage
from adapter.telephony import identifiers
from adapter.telephony.json_limits import fault, pointer, unstorable

MAX_TEXT = 256
"""Characters of an agent, a queue, a channel: names, not prose."""
MAX_CUSTOMER_FIELDS = 64
MAX_CUSTOMER_TEXT = 1_024
MAX_ATTRIBUTES = 65_536
"""Bytes of all attributes as MessagePack (Amazon allows 32 KiB for a contact's)."""
MAX_LINKS = 32
MAX_RECORDINGS = 32
MAX_URL = 2_048

_DIRECTIONS: Final = ("inbound", "outbound")
_LINK_NAMES: Final = ("initialContactId", "previousContactId", "relatedContactId")
_KINDS: Final = ("recording", "transcript", "analysis")
# Links are shown to agents: anything but http(s), `javascript:` above all, stays out.
_URL: Final = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\^`{|}]+", re.IGNORECASE)
_pack = msgspec.msgpack.Encoder().encode  # what the store does, which refuses long integers


class ContactData(msgspec.Struct, frozen=True, kw_only=True):
    """What `data` said; empty strings and nulls count as not said."""

    channel: str | None
    direction: str | None
    agent: str | None
    customer: dict[str, str]
    queue: str | None
    attributes: dict[str, Any]
    links: tuple[str, ...]
    recordings: tuple[Recording, ...]


def read(data: Any, *, contact: str, stage: Stage | None) -> ContactData:
    """Check and normalise `data`; raises `MalformedInput` with the place (`/data/…`)."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise fault("/data", "expected an object")
    channel = _text(data, "channel")
    direction = _text(data, "direction")
    if direction is not None and (direction := direction.lower()) not in _DIRECTIONS:
        raise fault("/data/direction", "expected inbound or outbound")
    recordings = _recordings(data, stage)
    attributes = _attributes(data)
    if recordings and "objectUrl" not in attributes:
        attributes["objectUrl"] = recordings[0].url  # the name that step 5 uses for any source
    return ContactData(
        channel=channel.lower() if channel else None,
        direction=direction,
        agent=_agent(data),
        customer=_customer(data),
        queue=_text(data, "queue"),
        attributes=attributes,
        links=_links(data, contact),
        recordings=recordings,
    )


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise fault(f"/data/{name}", "expected a string")
    if not (value := value.strip()):
        return None
    if len(value) > MAX_TEXT:
        raise fault(f"/data/{name}", f"is longer than {MAX_TEXT} characters")
    return identifiers.text(value, "/data/", name)


def _agent(data: dict[str, Any]) -> str | None:
    agent = _text(data, "agent")
    if agent is not None and (wrong := agent_ids.fault(agent)) is not None:
        raise fault("/data/agent", wrong)
    return agent


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise fault(f"/data/{name}", "expected an object")
    return value


def _list(data: dict[str, Any], name: str, most: int) -> list[Any]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise fault(f"/data/{name}", "expected an array")
    if len(value) > most:
        raise fault(f"/data/{name}", f"has more than {most} elements")
    return value


def _customer(data: dict[str, Any]) -> dict[str, str]:
    said = _object(data, "customer")
    if len(said) > MAX_CUSTOMER_FIELDS:
        raise fault("/data/customer", f"has more than {MAX_CUSTOMER_FIELDS} members")
    customer = {}
    for name, value in said.items():
        if value is None:
            continue
        if not isinstance(value, str):
            raise fault(pointer("/data/customer", name), "expected a string")
        if len(value) > MAX_CUSTOMER_TEXT or len(name) > MAX_TEXT:
            raise fault(
                pointer("/data/customer", name), f"is longer than {MAX_CUSTOMER_TEXT} characters"
            )
        if value := value.strip():
            customer[name] = value
    return customer


def _attributes(data: dict[str, Any]) -> dict[str, Any]:
    attributes = _object(data, "attributes")
    if not attributes:
        return {}
    try:
        size = len(_pack(attributes))
    except OverflowError as error:
        raise unstorable(attributes, "/data/attributes") from error
    if size > MAX_ATTRIBUTES:
        raise fault("/data/attributes", f"is larger than {MAX_ATTRIBUTES} bytes")
    return attributes


def _links(data: dict[str, Any], contact: str) -> tuple[str, ...]:
    links = [
        identifiers.contact(value, f"/data/links/{index}")
        for index, value in enumerate(_list(data, "links", MAX_LINKS))
    ]
    links += [
        identifiers.contact(value, "/data/", name)
        for name in _LINK_NAMES
        if (value := data.get(name)) is not None and value != ""
    ]
    return tuple(dict.fromkeys(link for link in links if link != contact)) if links else ()


def _recordings(data: dict[str, Any], stage: Stage | None) -> tuple[Recording, ...]:
    found: dict[str, Recording] = {}
    if (one := data.get("recording")) is not None:
        read_one = _recording(one, "/data/recording", stage)
        found[read_one.url] = read_one
    for index, value in enumerate(_list(data, "recordings", MAX_RECORDINGS)):
        read_one = _recording(value, f"/data/recordings/{index}", stage)
        found[read_one.url] = read_one
    return tuple(found.values())


def _recording(value: Any, at: str, stage: Stage | None) -> Recording:
    if not isinstance(value, dict):
        raise fault(at, "expected an object")
    kind = value.get("kind")
    if kind is None:
        kind = "transcript" if stage is Stage.TRANSCRIBED else "recording"
    elif kind not in _KINDS:
        raise fault(f"{at}/kind", "expected recording, transcript or analysis")
    url = identifiers.text(value.get("url"), f"{at}/url")
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise fault(f"{at}/url", f"expected an http(s) URL of at most {MAX_URL} characters")
    redacted = value.get("redacted")
    if redacted is not None and not isinstance(redacted, bool):
        raise fault(f"{at}/redacted", "expected true or false")
    return Recording(kind, url, redacted=bool(redacted))
