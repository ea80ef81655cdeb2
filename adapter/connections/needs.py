"""Say what a tenant's steps do with an account: what Test connection asks privileges for."""

from __future__ import annotations

from adapter.dataverse.privileges import BASIC_NEEDS, Need, Verb
from adapter.steps import Steps

_VERBS: dict[str, Verb] = {"POST": "Create", "PATCH": "Write", "GET": "Read"}


def of_steps(steps: Steps, account: str) -> frozenset[Need]:
    """Give the needs of the enabled steps that use `account` (or name none), on top of the basic.

    Without a step these are the basic ones, so that a test before the steps are written tells
    what the default steps will want.
    """
    needs: set[Need] = set()
    for step in steps.requests:
        if not step.enabled or step.account not in (None, account):
            continue
        table = step.table.entity_set
        needs.add(Need(table, _VERBS[step.method]))
        needs.add(Need(table, "Read"))  # a row that was created before is read back
        if step.impersonate:
            needs.add(Need("systemusers", "Read"))  # the agent's user is looked up
        if step.method == "PATCH" and steps.completed == "note":
            needs.add(Need("annotations", "Create"))
    if steps.owner:
        needs.add(Need("systemusers", "Read"))
    return frozenset(needs) or BASIC_NEEDS
