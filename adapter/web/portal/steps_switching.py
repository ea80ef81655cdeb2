"""Keep why steps were switched off: shown until they are switched on again."""

from __future__ import annotations

from datetime import datetime

import msgspec

from adapter.steps import Steps
from adapter.store import settings as stored
from adapter.store.database import Database
from adapter.tenants import Tenant

NAME = "steps switched off"
"""Of the tenant's setting; the audit log has each change of it with the reason."""
LONGEST = 500
"""Characters of a reason."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step is off, who did it, and when."""

    text: str
    who: str
    at: datetime


def switched(known: Steps, numbers: set[int], *, on: bool) -> Steps:
    """Give the steps with some of them switched."""
    changed = tuple(
        msgspec.structs.replace(step, enabled=on) if step.number in numbers else step
        for step in known.steps
    )
    return msgspec.structs.replace(known, steps=changed)


def reasons(database: Database, tenant: Tenant, known: Steps) -> dict[int, Reason]:
    """Give the reasons of the steps that are off."""
    row = stored.setting(database, tenant, NAME)
    if row is None:
        return {}
    kept = msgspec.json.decode(row.value, type=dict[int, Reason])
    off = {step.number for step in known.steps if not step.enabled}
    return {number: kept[number] for number in off & kept.keys()}


def keep(
    database: Database,
    tenant: Tenant,
    known: Steps,
    *,
    numbers: set[int],
    text: str | None,
    now: datetime,
    who: str,
) -> None:
    """Keep the reason for these steps; None where they are on again."""
    kept = {
        number: each
        for number, each in reasons(database, tenant, known).items()
        if number not in numbers
    }
    if text is not None:
        kept |= dict.fromkeys(numbers, Reason(text=text, who=who, at=now))
    written = msgspec.json.encode(kept).decode()
    stored.put_setting(database, tenant, NAME, written, now, who=who)
