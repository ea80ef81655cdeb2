"""Tell a user's privileges: `RetrieveUserSetOfPrivilegesByNames`, and a table's in its metadata."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from adapter.demo.simulated.dataverse.addresses import Segment
from adapter.demo.simulated.dataverse.messages import Answer, Request, answer
from adapter.demo.simulated.dataverse.refusals import (
    INVALID_ARGUMENT,
    Refusal,
    bad_url,
    not_simulated,
)
from adapter.demo.simulated.dataverse.schema import Catalog, Table
from adapter.demo.simulated.dataverse.security import ACT_FOR_OTHERS, RIGHTS, Caller, every_right

PREFIX = "Microsoft.Dynamics.CRM."
FUNCTION = f"{PREFIX}RetrieveUserSetOfPrivilegesByNames"
_PRIVILEGES = uuid.UUID("9d0a1f22-0000-5000-8000-000d3a000000")
_PARAMETER = re.compile(r"\s*PrivilegeNames\s*=\s*(@\w+)\s*")


def is_asked(steps: list[Segment]) -> bool:
    """Whether a path is `systemusers(<id>)/…RetrieveUserSetOfPrivilegesByNames(…)`."""
    return [step.name for step in steps] == ["systemusers", FUNCTION]


def held(catalog: Catalog, caller: Caller, steps: list[Segment], request: Request) -> Answer:
    """Answer which of the named privileges the caller has; the names come as `@p=["prv…"]`."""
    if (steps[0].key or "").strip("{} ").lower() != caller.user:
        raise not_simulated("Asking for another user's privileges")
    match = _PARAMETER.fullmatch(steps[1].key or "")
    if match is None or request.method != "GET":
        raise bad_url(f"The parameter of '{FUNCTION}' is PrivilegeNames=@name.")
    known = every_right(catalog) | {ACT_FOR_OTHERS}
    found = []
    for name in _names(request.options.get(match[1], "")):
        if name not in known:
            raise Refusal(400, INVALID_ARGUMENT, f"The privilege '{name}' does not exist.")
        if name in caller.privileges:
            found.append(
                {
                    "Depth": "Global",
                    "PrivilegeId": privilege_id(name),
                    "BusinessUnitId": caller.business_unit,
                    "PrivilegeName": name,
                }
            )
    kind = f"{request.base}/$metadata#{PREFIX}RetrieveUserSetOfPrivilegesByNamesResponse"
    return answer(200, {"@odata.context": kind, "RolePrivileges": found})


def of_table(table: Table) -> list[dict[str, Any]]:
    """List a table's privileges as its metadata has them (`SecurityPrivilegeMetadata`)."""
    return [
        {
            "CanBeBasic": True,
            "CanBeDeep": True,
            "CanBeGlobal": True,
            "CanBeLocal": True,
            "Name": f"prv{right}{table.rights}",
            "PrivilegeId": privilege_id(f"prv{right}{table.rights}"),
            "PrivilegeType": right,
        }
        for right in RIGHTS
    ]


def privilege_id(name: str) -> str:
    """Give a privilege's id, the same one that a refusal names."""
    return str(uuid.uuid5(_PRIVILEGES, name))


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad_url("PrivilegeNames is a JSON list of names.")
    return names
