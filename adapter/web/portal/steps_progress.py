"""Know what a tenant has around its draft, check the draft by it, and say how far each page is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from adapter.connections import AccountView
from adapter.errors import InvalidSettings, Place
from adapter.services import Services
from adapter.steps import Environment, Previewed, Rehearsed, Steps
from adapter.tenants import Tenant
from adapter.web import requests
from adapter.web.accounts import connections
from adapter.web.portal import steps_forms, steps_trying
from adapter.web.portal.steps_drafts import Draft
from adapter.web.portal.steps_forms import ENVIRONMENT, FIRST, LAST_PAGE, Checked, Say
from adapter.web.portal.steps_trying import Late
from adapter.web.principals import Principal


@dataclass(frozen=True, slots=True)
class Around:
    """What a tenant has: read once for each request."""

    services: Services
    tenant: Tenant
    accounts: list[AccountView]
    late: list[Late]

    async def check(self, draft: Draft) -> Checked:
        """Read a draft as it would be applied: what it names is asked of the environments."""
        try:
            found = await self.services.step_desk.check(self.tenant, draft.document)
        except InvalidSettings as invalid:
            return Checked(steps=None, faults=invalid.places)
        hints = tuple(each for each in found.hints if each.at)
        return Checked(steps=found.steps, hints=hints, unchecked=found.unchecked)

    def look(self, draft: Draft) -> Checked:
        """Read a draft by what is remembered of the environments: nobody is asked, none waits."""
        return steps_forms.check(
            draft,
            metadata=self.services.environments.known(self.tenant, {}),
            accounts=[each.name for each in self.accounts],
            attributes={name for each in self.late for name in each.view["attributes"]},
        )

    def where(self, account: str | None) -> Environment:
        """Give where an account leads once its draft is applied, or the example without one."""
        return steps_trying.place(self.accounts, account).environment

    def previews(self, wanted: Steps, contact: str) -> Mapping[int, Previewed]:
        """Give each step's exact request for a contact, by the step's number.

        Raises:
            NotFound: there is no such contact.
        """
        desk = self.services.step_desk
        _, listed = desk.preview(self.tenant, wanted, contact or None, where=self.where)
        return {each.step: each for each in listed}

    def rehearse(self, wanted: Steps, contact: str) -> list[Rehearsed]:
        """Replay a recorded contact's events through all steps.

        Raises:
            NotFound: there is no such contact.
        """
        return self.services.step_desk.dry_run(self.tenant, wanted, contact, where=self.where)


def around(request: Request, who: Principal) -> Around:
    """Read what the tenant has."""
    services = requests.services(request)
    return Around(
        services,
        who.tenant,
        connections(request).desk.listed(who.tenant),
        steps_trying.late(services, who.tenant),
    )


def faults_of(draft: Draft, number: int, checked: Checked, say: Say = str) -> list[Place]:
    """Give what is wrong with one page."""
    found: list[Place] = []
    if number in draft.steps:
        found += steps_forms.of_step(checked.faults, draft.index(number), say)
    asked = steps_forms.OPTIONS_OF_PAGE.get(number, ())
    return found + [
        each for each in steps_forms.of_options(checked.faults, say) if each.at in asked
    ]


def hints_of(draft: Draft, number: int, checked: Checked, say: Say = str) -> list[Place]:
    """Give what is good to know of one page."""
    if number not in draft.steps:
        return []
    return steps_forms.of_step(checked.hints, draft.index(number), say)


def progress(found: Around, draft: Draft, checked: Checked) -> list[dict[str, Any]]:
    """Give the pages of the wizard, each with its `state`: empty, done, problem or off."""
    pages = [{"number": ENVIRONMENT, "state": "done" if found.accounts else "empty"}]
    for number in numbers(draft)[1:]:
        state = "empty"
        if number in draft.steps:
            wrong = steps_forms.of_step(checked.faults, draft.index(number))
            off = not draft.steps[number].get("enabled", True)
            # The examples bring steps along that nobody has looked at yet.
            seen = min(number, LAST_PAGE) <= draft.reached
            state = "problem" if wrong else "off" if off else "done" if seen else "empty"
        pages.append({"number": number, "state": state})
    return pages


def numbers(draft: Draft) -> list[int]:
    """Give the numbers of the wizard's pages in their order."""
    return sorted({ENVIRONMENT, *range(FIRST, LAST_PAGE + 1), *draft.steps})
