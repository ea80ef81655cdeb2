"""Know which contacts steps can be tried with, and where requests would lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapter import contacts
from adapter.accounts import IntegrationAccount
from adapter.connections import AccountView
from adapter.contacts import Contact
from adapter.environments import environment_of
from adapter.services import Services
from adapter.steps import Environment
from adapter.store import contact_lists
from adapter.tenants import Tenant

MADE_UP = ""
"""The choice that stands for the sample contact."""
_MESSAGES = 400
"""Looked at for contacts of late; what a busy minute has."""
_MOST = 20
_EXAMPLE = Environment(
    url="https://contoso.crm.dynamics.com",
    api_url="https://contoso.crm.dynamics.com/api/data/v9.2/",
    app_id="11111111-2222-3333-4444-555555555555",
)


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of late, to choose from."""

    id: str
    stage: str | None
    view: Mapping[str, Any]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where previews lead: the account's environment, or an example where there is none."""

    environment: Environment
    account: str | None
    """The account's name; None for the example."""


def late(services: Services, tenant: Tenant) -> list[Late]:
    """Give the contacts of late, the newest first."""
    with services.database.reading():
        walked = contact_lists.walk(
            services.database.raw.cursor(), tenant, before=None, messages=_MESSAGES
        )
    return [_late(services, tenant, each.contact) for each in walked.found[:_MOST]]


def place(accounts: list[AccountView], name: str | None) -> Place:
    """Give the environment of an account (None: the default or only one), as it will be."""
    chosen = _chosen(accounts, name)
    if chosen is None:
        return Place(environment=_EXAMPLE, account=None)
    return Place(
        environment=environment_of(chosen),
        account=chosen.name,
    )


def _late(services: Services, tenant: Tenant, contact: Contact) -> Late:
    agent = contact.agent
    who = None if agent is None else services.registry[tenant].agent(agent).id
    shown = contacts.view(contact, agent=who)
    return Late(id=contact.id, stage=shown["stage"], view=shown)


def _chosen(accounts: list[AccountView], name: str | None) -> IntegrationAccount | None:
    # The draft comes first: it is what the wizard is about to put in force.
    sides = [side for each in accounts if (side := each.draft or each.applied) is not None]
    known = [side.account for side in sides]
    if name is not None:
        return next((each for each in known if each.name.casefold() == name.casefold()), None)
    return next((each for each in known if each.default), known[0] if known else None)
