"""Keep the draft of a tenant's steps on the server, so that an admin can leave it and come back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import msgspec

from adapter import steps
from adapter.steps import Steps
from adapter.store import settings as stored
from adapter.store.database import Database
from adapter.store.settings import StoredSetting
from adapter.tenants import Tenant

NAME = "steps draft"
"""Of the tenant's setting that holds the draft; empty where there is none."""

OPTIONS = ("completed", "wait_hours", "abandoned", "redacted", "owner")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed so far, right or wrong: nothing of it is in effect."""

    steps: dict[int, dict[str, Any]] = {}
    """Each step as a document has it (docs/reference/steps.md), by its number."""
    options: dict[str, Any] = {}
    base: int = 0
    """The version of the steps in force from which it was begun."""
    reached: int = 1
    """The furthest page that was opened."""
    who: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """Give it as `steps.parse_steps` takes it, in the order of the numbers."""
        return {"steps": [self.steps[number] for number in sorted(self.steps)], **self.options}

    def index(self, number: int) -> int:
        """Give a step's place in the document: problems are named by it."""
        return sorted(self.steps).index(number)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it stands in the store; `version` tells if somebody else has saved meanwhile."""

    draft: Draft | None
    version: int
    changed: datetime | None


def of_steps(known: Steps, *, base: int, who: str) -> Draft:
    """Begin a draft from steps."""
    document = json.loads(steps.dump(known))
    return Draft(
        steps={step["number"]: step for step in document.pop("steps")},
        options=document,
        base=base,
        who=who,
    )


def with_step(draft: Draft, number: int, step: dict[str, Any] | None, *, who: str) -> Draft:
    """Give the draft with one step replaced, or left out."""
    rest = {each: draft.steps[each] for each in draft.steps if each != number}
    if step is not None:
        rest[number] = step
    return msgspec.structs.replace(draft, steps=rest, who=who)


def read(database: Database, tenant: Tenant) -> Kept:
    """Read a tenant's draft."""
    row = stored.setting(database, tenant, NAME)
    if row is None:
        return Kept(draft=None, version=0, changed=None)
    return Kept(draft=_decoded(row), version=row.version, changed=row.changed)


def save(
    database: Database,
    tenant: Tenant,
    draft: Draft | None,
    now: datetime,
    *,
    who: str,
    expected_version: int | None = None,
) -> int:
    """Replace the draft (None discards it) and give its new version.

    Raises:
        Conflict: the draft is not at `expected_version`: somebody else has saved.
    """
    text = "" if draft is None else msgspec.json.encode(draft).decode()
    return stored.put_setting(
        database, tenant, NAME, text, now, who=who, expected_version=expected_version
    )


def _decoded(row: StoredSetting) -> Draft | None:
    if not row.value:
        return None
    try:
        return msgspec.json.decode(row.value, type=Draft)
    except msgspec.DecodeError:
        return None  # of another version of this server: begun again from what is in force
