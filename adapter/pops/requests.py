"""Read a request to pop a record to an agent now: the body of `POST /v1/pops`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from adapter import agent_ids, main_aspx
from adapter.dynamics import hosts, names
from adapter.dynamics.names import InvalidArgument
from adapter.errors import MalformedInput, Place
from adapter.pops import documents, policies
from adapter.pops.policies import PopPolicy, Target

REASON = "asked for by a program (POST /v1/pops)"

_LONGEST_ID = 256
_LONGEST_REASON = 500

_KNOWN: dict[str, tuple[str, ...]] = {
    "agent": (),
    "contact": (),
    "url": (),
    "table": ("etn", "entity"),
    "id": ("record_id",),
    "record": (),
    "organisation": ("organization", "org"),
    "appid": (),
    "appname": (),
    "target": (),
    "reason": (),
}
_BY_ID = ("table", "id", "record", "organisation", "appid", "appname")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class PopRequest:
    """Which page to show to whom."""

    agent: str
    """The agent's id as the sender has it."""
    url: str
    """A `main.aspx` URL on one of the tenant's environments."""
    contact: str | None = None
    table: str | None = None
    record_id: str | None = None
    """None where the page is no record (a list, a search, the form of a new record)."""
    target: Target = "host"
    reason: str = REASON


class _Refused(Exception):
    def __init__(self, at: str, detail: str) -> None:
        super().__init__(detail)
        self.place = Place(at, detail)


def parse_pop_request(
    body: str | bytes, *, allowed: Collection[str], policy: PopPolicy | None = None
) -> PopRequest:
    """Read `{"agent", "url"}` or `{"agent", "table", "id"}`, with `contact`, `target`, `reason`.

    `allowed` are the origins of the tenant's environments: a page anywhere else is refused.
    What a request by table and id leaves out (`organisation`, `appid`) is the policy's, and so is
    the target. Raises `MalformedInput` with a place for each fault.
    """
    try:
        document = documents.read(body) or {}
    except documents.Broken as broken:
        raise _malformed([broken.place]) from broken
    members, faults = documents.sort(document, _KNOWN)
    faults += _spread_record(members)
    reading = _Reading(members, faults)
    agent = reading.take("agent", _agent)
    contact = reading.take("contact", lambda value: _line("contact", value, _LONGEST_ID))
    reason = reading.take("reason", lambda value: _line("reason", value, _LONGEST_REASON))
    target = reading.take("target", policies.target)
    if "agent" not in members:
        faults.append(Place("/agent", "is missing"))
    page = None
    try:
        page = _page(members, allowed, policy)
    except _Refused as refused:
        faults.append(refused.place)
    if faults or agent is None or page is None:
        raise _malformed(faults)
    url, table, record_id = page
    return PopRequest(
        agent=agent,
        url=url,
        contact=contact,
        table=table,
        record_id=record_id,
        target=target or (policy.target if policy is not None else "host"),
        reason=reason or REASON,
    )


class _Reading:
    def __init__(self, members: dict[str, tuple[str, Any]], faults: list[Place]) -> None:
        self._members = members
        self._faults = faults

    def take(self, name: str, read: Callable[[Any], _Read]) -> _Read | None:
        if name not in self._members:
            return None
        at, value = self._members[name]
        try:
            return read(value)
        except InvalidArgument as invalid:
            self._faults.append(Place(at, invalid.fault))
            return None


def _spread_record(members: dict[str, tuple[str, Any]]) -> list[Place]:
    """Take `{"record": {"table", "id"}}`, as the feed writes it, for `table` and `id`."""
    if "record" not in members:
        return []
    at, record = members.pop("record")
    if not isinstance(record, dict):
        return [Place(at, "must be an object with table and id")]
    inner, faults = documents.sort(record, {name: _KNOWN[name] for name in ("table", "id")})
    faults = [Place(at + fault.at, fault.detail) for fault in faults]
    for name, (inside, value) in inner.items():
        if name in members:
            faults.append(Place(at + inside, f"says the same as {members[name][0]}"))
        else:
            members[name] = (at + inside, value)
    return faults


_Page = tuple[str, str | None, str | None]


def _page(
    members: dict[str, tuple[str, Any]], allowed: Collection[str], policy: PopPolicy | None
) -> _Page:
    if "url" in members:
        for name in _BY_ID:
            if name in members:
                raise _Refused(members[name][0], "cannot be there with url")
        return _page_of_url(*members["url"], allowed)
    if "table" not in members and "id" not in members:
        raise _Refused("/url", "is missing (or table and id)")
    return _page_of_record(members, allowed, policy)


def _page_of_url(at: str, url: object, allowed: Collection[str]) -> _Page:
    """Keep the query as it was written: what it says was read without doubt."""
    if not isinstance(url, str):
        raise _Refused(at, "must be text")
    if len(url) > main_aspx.MAX_LENGTH:
        raise _Refused(at, f"is {len(url)} characters long, over {main_aspx.MAX_LENGTH}")
    try:
        page = main_aspx.parse(url, allow_hosts=allowed)
    except InvalidArgument as invalid:
        raise _Refused(at, _said("url", invalid)) from invalid
    _own(at, page.org, allowed)
    record = page.pagetype == "entityrecord" and page.id is not None
    _, _, query = url.partition("?")
    return (
        f"{page.org}/main.aspx?{query}",
        page.etn if record else None,
        page.id if record else None,
    )


def _page_of_record(
    members: dict[str, tuple[str, Any]], allowed: Collection[str], policy: PopPolicy | None
) -> _Page:
    def said(name: str) -> Any:
        return members[name][1] if name in members else None

    org = said("organisation") or (policy.organisation if policy is not None else None)
    if org is None:
        raise _Refused("/organisation", "is missing, and there is no pop policy that has it")
    appid, appname = said("appid"), said("appname")
    if appid is None and appname is None and policy is not None:
        appid, appname = policy.appid, policy.appname
    for name in ("table", "id"):
        if name not in members:
            raise _Refused(documents.pointer(name), "is missing")
    try:
        url = main_aspx.record_url(
            org, said("table"), said("id"), appid=appid, appname=appname, allow_hosts=allowed
        )
    except InvalidArgument as invalid:
        name = {"org": "organisation", "etn": "table"}.get(invalid.argument, invalid.argument)
        at = members[name][0] if name in members else documents.pointer(name)
        raise _Refused(at, invalid.fault) from invalid
    page = main_aspx.parse(url, allow_hosts=allowed)
    _own(members["organisation"][0] if "organisation" in members else "", page.org, allowed)
    return url, page.etn, page.id


def _own(at: str, org: str, allowed: Collection[str]) -> None:
    own = {hosts.origin(origin, allow_hosts=allowed) for origin in allowed}
    if org not in own:
        raise _Refused(at, f"{names.shown(org)} is no environment of this tenant")


def _agent(value: object) -> str:
    agent = _line("agent", value, _LONGEST_ID)
    if (fault := agent_ids.fault(agent)) is not None:
        raise InvalidArgument("agent", fault)
    return agent


def _line(name: str, value: object, longest: int) -> str:
    line = names.text(name, value).strip()
    if not line:
        raise InvalidArgument(name, "is empty")
    if len(line) > longest:
        raise InvalidArgument(name, f"is longer than {longest} characters")
    return line


def _said(argument: str, invalid: InvalidArgument) -> str:
    return invalid.fault if invalid.argument == argument else str(invalid)


def _malformed(faults: list[Place]) -> MalformedInput:
    count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    return MalformedInput(f"the pop request has {count}", faults)
