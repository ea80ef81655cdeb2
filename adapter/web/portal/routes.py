"""List the pages of the portal."""

from __future__ import annotations

from starlette.routing import BaseRoute

from adapter.web.portal import (
    agents,
    audit,
    contacts,
    dead_letters,
    domains,
    dynamics,
    errors,
    health,
    keys,
    overview,
    people,
    preferences,
    settings,
    steps,
    steps_wizard,
    try_it,
)


def routes() -> list[BaseRoute]:
    """List every page; the last takes what no other page has."""
    return [
        *overview.ROUTES,
        *domains.ROUTES,
        *health.ROUTES,
        *audit.ROUTES,
        *settings.ROUTES,
        *preferences.ROUTES,
        *dynamics.ROUTES,
        *steps.ROUTES,
        *steps_wizard.ROUTES,
        *agents.ROUTES,
        *people.ROUTES,
        *keys.ROUTES,
        *contacts.ROUTES,
        *dead_letters.ROUTES,
        *try_it.ROUTES,
        *errors.ROUTES,
    ]
