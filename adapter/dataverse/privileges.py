"""Ask which privileges a user has of those that a set of tables and verbs needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, Literal

import msgspec

from adapter.dataverse import queries
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import (
    AccessDenied,
    DataverseError,
    NoSuchResource,
    RequestRefused,
)
from adapter.dataverse.requests import Priority

Verb = Literal["Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "ActFor"]
State = Literal["granted", "missing", "not_needed", "unknown"]

ACT_FOR_OTHERS = "prvActOnBehalfOfAnotherUser"
_RENAMED = {"annotation": "Note", "systemuser": "User"}
"""Tables whose privileges have another name than the table (activities share `Activity`)."""


class Need(msgspec.Struct, frozen=True, order=True):
    """What some step does with a table, by its entity set name (`phonecalls`)."""

    table: str
    verb: Verb


class Permission(msgspec.Struct, frozen=True):
    """One permission, whether it is there, and what wants it."""

    name: str
    state: State
    needed_for: str


ACTING = Need("systemusers", "ActFor")
"""Acting for the agents: a privilege of its own, whatever the table."""

BASIC_NEEDS = frozenset(
    {
        Need("phonecalls", "Create"),
        Need("phonecalls", "Read"),
        Need("phonecalls", "Write"),
        Need("contacts", "Read"),
        Need("accounts", "Read"),
    }
)
"""What the default steps and the search for a caller need."""


async def examine(client: DataverseClient, user: str, needs: Set[Need]) -> list[Permission]:
    """Give each privilege that is needed, and whether the user has it by role or team."""
    acting = ACTING in needs
    wanted = sorted(set(needs) - {ACTING})
    tables = await _tables(client, {need.table for need in wanted})
    uses: dict[str, list[str]] = {}
    found: list[Permission] = []
    for need in wanted:
        table = tables.get(need.table.lower())
        if table is None:
            found.append(Permission(f"table {need.table}", "missing", _use(need)))
        else:
            uses.setdefault(_name(table, need.verb), []).append(_use(need))
    if acting:
        uses[ACT_FOR_OTHERS] = ["act for the agents (impersonation)"]
    held = await _held(client, user, list(uses))
    if held is None:
        return found + await _by_reading(client, wanted, tables, uses)
    return found + [
        Permission(name, "granted" if name in held else "missing", ", ".join(used))
        for name, used in uses.items()
    ]


def _use(need: Need) -> str:
    """Say what a privilege is for, in an admin's words."""
    match need.verb:
        case "Append":
            return f"fill lookups of {need.table}"
        case "AppendTo":
            return f"link rows to {need.table}"
        case "Assign":
            return f"change the owner of {need.table}"
        case verb:
            return f"{verb.lower()} {need.table}"


async def _tables(client: DataverseClient, names: set[str]) -> dict[str, Mapping[str, Any]]:
    """Read the tables' metadata by their entity set names, which are keys in lower case."""
    if not names:
        return {}
    matching = queries.any_of(*(queries.equals("EntitySetName", name) for name in sorted(names)))
    columns = ("LogicalName", "EntitySetName", "SchemaName", "PrimaryIdAttribute", "IsActivity")
    try:
        page = await client.read(
            "EntityDefinitions",
            queries.query(select=(*columns, "Privileges"), matching=matching),
            priority=Priority.BACKGROUND,
        )
    except RequestRefused:  # versions before 9.2 may not give Privileges
        page = await client.read(
            "EntityDefinitions",
            queries.query(select=columns, matching=matching),
            priority=Priority.BACKGROUND,
        )
    return {str(table["EntitySetName"]).lower(): table for table in page.get("value", ())}


def _name(table: Mapping[str, Any], verb: Verb) -> str:
    """Name the privilege: as the metadata says, else by the rule that it follows."""
    for privilege in table.get("Privileges") or ():
        if privilege.get("PrivilegeType") == verb:
            return str(privilege["Name"])
    if table.get("IsActivity"):
        return f"prv{verb}Activity"
    name = _RENAMED.get(str(table["LogicalName"]), str(table["SchemaName"]))
    return f"prv{verb}{name}"


async def _held(client: DataverseClient, user: str, names: list[str]) -> set[str] | None:
    """Give those of the privileges that the user has; None where the environment cannot say."""
    if not names:
        return set()
    function = "Microsoft.Dynamics.CRM.RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)"
    options = {"@p1": msgspec.json.encode(names).decode()}
    try:
        answer = await client.read(
            f"{queries.record('systemusers', user)}/{function}",
            queries.encoded(options),
            priority=Priority.BACKGROUND,
        )
    except (NoSuchResource, RequestRefused):
        return None
    return {
        str(each["PrivilegeName"])
        for each in answer.get("RolePrivileges", ())
        if each.get("PrivilegeName") and each.get("Depth") != "None"
    }


async def _by_reading(
    client: DataverseClient,
    needs: Iterable[Need],
    tables: Mapping[str, Mapping[str, Any]],
    uses: Mapping[str, list[str]],
) -> list[Permission]:
    """Try the reads, where the environment does not tell; writes are not tried out."""
    states: dict[str, State] = dict.fromkeys(uses, "unknown")
    for need in needs:
        table = tables.get(need.table.lower())
        if need.verb != "Read" or table is None:
            continue
        query = queries.query(select=[str(table["PrimaryIdAttribute"])], top=1)
        try:
            await client.read(need.table, query, priority=Priority.BACKGROUND)
            states[_name(table, "Read")] = "granted"
        except AccessDenied:
            states[_name(table, "Read")] = "missing"
        except DataverseError as error:
            if error.retriable:
                raise
    return [Permission(name, states[name], ", ".join(used)) for name, used in uses.items()]
