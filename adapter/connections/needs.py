"""Say what a tenant's steps do with an account: what Test connection asks privileges for."""

from __future__ import annotations

from adapter.accounts import IntegrationAccount
from adapter.dataverse.privileges import ACTING, BASIC_NEEDS, Need, Verb
from adapter.events import Stage
from adapter.steps import RequestStep, Steps, bindings

_VERBS: dict[str, Verb] = {"POST": "Create", "PATCH": "Write", "GET": "Read"}


def of_steps(steps: Steps, account: IntegrationAccount, *, unnamed: bool) -> frozenset[Need]:
    """Give the needs of the enabled steps that use `account`.

    `unnamed` says that it is also the account of the steps that name none.

    Without a step these are the basic ones, so that a test before the steps are written tells
    what the default steps will want.
    """
    needs: set[Need] = set()
    for step in steps.requests:
        if not step.enabled or not _uses(step.account, account, unnamed=unnamed):
            continue
        table = step.table.entity_set
        needs.add(Need(table, _VERBS[step.method]))
        needs.add(Need(table, "Read"))  # a row that was created before is read back
        if account.impersonate if step.impersonate is None else step.impersonate:
            needs |= {ACTING, Need("systemusers", "Read")}  # the agent's user is looked up
        needs |= _of_lookups(step)
        if step.method == "PATCH" and steps.completed == "note":
            needs |= {
                Need("annotations", "Create"),
                Need("annotations", "Append"),
                Need(table, "AppendTo"),
            }
        if steps.owner and Stage.ENDED in step.stages:
            needs |= {Need("systemusers", "Read"), Need(table, "Assign")}
    return frozenset(needs) or BASIC_NEEDS


def _of_lookups(step: RequestStep) -> set[Need]:
    """Filling a lookup takes Append on the row's table and AppendTo on the other's.

    https://learn.microsoft.com/power-platform/admin/security-roles-privileges
    """
    table = step.table.entity_set
    needs: set[Need] = set()
    for navigation, target in bindings.targets(step):
        if navigation == "ownerid":
            needs.add(Need(table, "Assign"))
            continue
        needs.add(Need(table, "Append"))
        if target is not None:
            needs.add(Need(target, "AppendTo"))
    return needs


def _uses(named: str | None, account: IntegrationAccount, *, unnamed: bool) -> bool:
    return unnamed if named is None else named.casefold() == account.name.casefold()
