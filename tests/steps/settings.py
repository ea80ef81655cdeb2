"""Write steps and accounts for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

from adapter import steps
from adapter.connections import AccountDesk
from adapter.tenants import DEFAULT

ORIGIN = "https://screenpop.contoso.example"


async def put_in_force(accounts: AccountDesk, name: str, fields: dict[str, Any]) -> None:
    accounts.save(DEFAULT, name, fields, who="test")
    await accounts.test(DEFAULT, name)
    accounts.apply(DEFAULT, name, who="test")


def created(body: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    """Step 2, a phone call."""
    told = body if isinstance(body, str) else {"directioncode": False, **body}
    return {"number": 2, "method": "POST", "table": "phonecalls", "body": told, **more}


def ended(body: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    """Step 4, which updates the row of step 2."""
    key = {"query_string": "(STEP2-Response.activityid)"}
    return {"number": 4, "method": "PATCH", "table": "phonecalls", "body": body, **key, **more}


def found(query_string: str, table: str = "contacts") -> dict[str, Any]:
    """Step 6, which looks for rows when the contact is created."""
    return {
        "number": 6,
        "stage": "created",
        "method": "GET",
        "table": table,
        "query_string": query_string,
    }


def default_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(steps.dump(steps.default_steps()))
    return document
