"""Find contacts for the portal: walk back from the newest, some milliseconds at a time."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec

from adapter.errors import MalformedInput, Place
from adapter.events import Stage
from adapter.services import Services
from adapter.store import contact_lists
from adapter.store.contact_lists import ListedContact
from adapter.tenants import Tenant, agent

PAGE = 50
STEP = 200
"""Messages walked without letting anybody else have a turn."""
MOST_WALKED = 10_000
"""Messages walked for one page: who looks for somebody long ago goes on by the pager."""
LONGEST = 512
_FEWEST_DIGITS = 3


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; empty: everything."""

    text: str = ""
    """A part of the id, of a phone number in any spelling, or of any other word on the customer."""
    agent: str = ""
    stage: Stage | None = None

    @property
    def wants_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Search()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of contacts, the latest changed first."""

    contacts: list[ListedContact]
    before: int | None
    """Where the next page begins; None where there is none."""
    looked_back_to: datetime | None = None
    """Set where the page is short because the search was long."""


def read(text: str, agent_id: str, stage: str) -> Search:
    """Read a search.

    Raises:
        MalformedInput: there is no such stage, or a text is too long.
    """
    for name, value in (("q", text), ("agent", agent_id)):
        if len(value) > LONGEST:
            fault = f"at most {LONGEST} characters"
            raise MalformedInput(f"{name}: {fault}", [Place(name, fault)])
    if stage and stage not in set(Stage):
        fault = f"there is no stage {stage[:20]}"
        raise MalformedInput(fault, [Place("stage", fault)])
    return Search(text=text.strip(), agent=agent_id.strip(), stage=Stage(stage) if stage else None)


def matches(search: Search, listed: ListedContact) -> bool:
    """Tell if a contact is looked for."""
    contact = listed.contact
    if search.stage is not None and contact.stage is not search.stage:
        return False
    if search.agent and listed.agent != agent(Tenant(""), search.agent).id:
        return False
    if not search.text:
        return True
    wanted = search.text.casefold()
    said = (contact.id, *contact.customer.values())
    if any(wanted in each.casefold() for each in said):
        return True
    digits = _digits(search.text)
    # A number is found in any spelling: +49 (30) 2312-5101 by 030 23125101, less its zero.
    numeric = len(digits) >= _FEWEST_DIGITS and not any(each.isalpha() for each in search.text)
    return numeric and any(digits.lstrip("0") in _digits(each) for each in said)


async def find(services: Services, tenant: Tenant, search: Search, before: int | None) -> Found:
    """Read a page of what is looked for, from below the sequence `before` on.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    found: list[ListedContact] = []
    walked = 0
    looked_back_to: datetime | None = None
    while walked < MOST_WALKED:
        with services.database.reading():
            part = contact_lists.walk(
                services.database.raw.cursor(), tenant, before=before, messages=STEP
            )
        found += [each for each in part.found if matches(search, each)]
        if len(found) > PAGE:
            return Found(contacts=found[:PAGE], before=found[PAGE - 1].sequence)
        before, walked = part.before, walked + STEP
        if part.found:
            looked_back_to = part.found[-1].updated
        if before is None:
            return Found(contacts=found, before=None)
        await asyncio.sleep(0)
    return Found(contacts=found, before=before, looked_back_to=looked_back_to)


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdecimal())
