"""Read and write a tenant's pop policy: which contacts pop which record, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from adapter.dynamics import hosts, names
from adapter.dynamics.names import InvalidArgument
from adapter.errors import InvalidSettings, Place
from adapter.events import Stage
from adapter.pops import documents

Target = Literal["host", "embedded", "tab"]
"""The rung of the ladder at which the panel starts."""

TARGETS: tuple[Target, ...] = ("host", "embedded", "tab")

STAGES = (Stage.OFFERED, Stage.MADE, Stage.ANSWERED)
"""The stages at which an agent can be shown something: before there is none, after it is over."""

DEFAULT_STAGES = (Stage.ANSWERED, Stage.MADE)
DEFAULT_STALE_AFTER = 30
"""Seconds. An agent who is half a minute into the talk has found the record or types elsewhere."""

_LONGEST_STALE_AFTER = 86_400
_NO_SECONDS = f"must be a whole number of seconds from 0 to {_LONGEST_STALE_AFTER}"
_DIRECTIONS = ("inbound", "outbound")
_CHANNEL = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_ALL = frozenset({"*", "all", "any"})

_KNOWN = {
    "stages": ("stage",),
    "channels": ("channel",),
    "directions": ("direction",),
    "organisation": (
        *("organization", "org", "organisation_url", "organization_url"),
        *("environment", "environment_url"),
    ),
    "appid": ("app",),
    "appname": (),
    "table": ("etn", "entity", "logical_name"),
    "attribute": ("record_attribute", "id_attribute", "record_id_attribute", "contact_attribute"),
    "target": (),
    "stale_after": ("stale_after_seconds",),
}
"""Settings with their other spellings; the canonical name is the one that `dump` writes."""

_REQUIRED = ("organisation", "table", "attribute")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class PopPolicy:
    """Which contacts pop, and what. No channels or directions means every one."""

    organisation: str
    """The organisation's origin; a pop never leaves it."""
    table: str
    attribute: str
    """The contact's attribute that holds the record's id; a dot goes into an object."""
    appid: str | None = None
    appname: str | None = None
    stages: tuple[Stage, ...] = DEFAULT_STAGES
    channels: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    target: Target = "host"
    stale_after: int = DEFAULT_STALE_AFTER
    """Seconds after which a pop is shown as a card and does not open by itself; 0 is always."""


def parse_policy(document: str | bytes, *, allow_hosts: Collection[str] = ()) -> PopPolicy | None:
    """Read a policy from JSON; `{}` and `null` are None, no policy.

    Raises `InvalidSettings` with one place for each fault: a JSON pointer, or a line and column.
    """
    try:
        written = documents.read(document)
    except documents.Broken as broken:
        raise _invalid([broken.place]) from broken
    if not written:
        return None
    settings = _Settings(*documents.sort(written, _KNOWN))
    found = {
        "organisation": settings.take(
            "organisation", lambda value: hosts.origin(value, allow_hosts=allow_hosts)
        ),
        "table": settings.take("table", lambda value: names.table("table", value)),
        "attribute": settings.take("attribute", _attribute),
        "appid": settings.take("appid", lambda value: names.guid("appid", value)),
        "appname": settings.take("appname", lambda value: names.app_name("appname", value)),
        "stages": settings.take_each("stages", _stage) or DEFAULT_STAGES,
        "channels": settings.take_each("channels", _channel),
        "directions": settings.take_each("directions", _direction),
        "target": settings.take("target", target) or "host",
        "stale_after": settings.take("stale_after", _seconds),
    }
    if found["stale_after"] is None:
        found["stale_after"] = DEFAULT_STALE_AFTER
    settings.require()
    if settings.faults:
        raise _invalid(settings.faults)
    return PopPolicy(**cast(dict[str, Any], found))


def dump(policy: PopPolicy | None) -> str:
    """Write a policy as `parse_policy` reads it, in canonical names and order."""
    if policy is None:
        return "{}\n"
    document = {
        "stages": list(policy.stages),
        "channels": list(policy.channels) or None,
        "directions": list(policy.directions) or None,
        "organisation": policy.organisation,
        "appid": policy.appid,
        "appname": policy.appname,
        "table": policy.table,
        "attribute": policy.attribute,
        "target": policy.target,
        "stale_after": policy.stale_after,
    }
    said = {name: value for name, value in document.items() if value is not None}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def target(value: object) -> Target:
    """Take the name of a rung."""
    for known in TARGETS:
        if isinstance(value, str) and value.lower() == known:
            return known
    raise InvalidArgument("target", f"{names.shown(value)} is not {_listed(TARGETS)}")


class _Settings:
    """The members of a document, read one after the other while the faults add up."""

    def __init__(self, members: dict[str, tuple[str, Any]], faults: list[Place]) -> None:
        self._members = members
        self.faults = faults

    def take(self, name: str, read: Callable[[Any], _Read]) -> _Read | None:
        if name not in self._members:
            return None
        at, value = self._members[name]
        return self._read(at, value, read)

    def take_each(self, name: str, read: Callable[[Any], _Read]) -> tuple[_Read, ...]:
        """Read a list, or the one value that stands for it; `*` is the same as leaving it out."""
        if name not in self._members:
            return ()
        at, value = self._members[name]
        values = value if isinstance(value, list) else [value]
        if not values:
            self.faults.append(Place(at, "is empty: leave it out for the default"))
        if all(isinstance(one, str) and one.lower() in _ALL for one in values):
            return ()
        several = isinstance(value, list)
        found = (
            self._read(f"{at}/{index}" if several else at, one, read)
            for index, one in enumerate(values)
        )
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def require(self) -> None:
        missing = [name for name in _REQUIRED if name not in self._members]
        self.faults += [Place(documents.pointer(name), "is missing") for name in missing]
        apps = [name for name in ("appid", "appname") if name in self._members]
        if not apps:
            self.faults.append(Place("/appid", "is missing (or appname)"))
        if len(apps) > 1:
            self.faults.append(Place(self._members["appname"][0], "cannot be there with appid"))

    def _read(self, at: str, value: Any, read: Callable[[Any], _Read]) -> _Read | None:
        try:
            return read(value)
        except InvalidArgument as invalid:
            self.faults.append(Place(at, invalid.fault))
            return None


def _stage(value: object) -> Stage:
    for stage in STAGES:
        if isinstance(value, str) and value.lower() == stage:
            return stage
    raise InvalidArgument("stages", f"{names.shown(value)} is not {_listed(STAGES)}")


def _attribute(value: object) -> str:
    attribute = names.text("attribute", value).strip()
    if not attribute:
        raise InvalidArgument("attribute", "is empty")
    return attribute


def _channel(value: object) -> str:
    channel = names.text("channels", value).lower()
    if not _CHANNEL.fullmatch(channel):
        raise InvalidArgument("channels", f"{names.shown(value)} is no channel (like 'voice')")
    return channel


def _direction(value: object) -> str:
    if isinstance(value, str) and value.lower() in _DIRECTIONS:
        return value.lower()
    raise InvalidArgument("directions", f"{names.shown(value)} is not {_listed(_DIRECTIONS)}")


def _seconds(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument("stale_after", _NO_SECONDS)
    if not 0 <= value <= _LONGEST_STALE_AFTER:
        raise InvalidArgument("stale_after", _NO_SECONDS)
    return value


def _listed(known: Collection[str]) -> str:
    *first, last = known
    return f"{', '.join(first)} or {last}"


def _invalid(faults: list[Place]) -> InvalidSettings:
    count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    return InvalidSettings(f"the pop policy has {count}; nothing was changed", faults)
