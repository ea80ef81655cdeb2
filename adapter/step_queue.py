"""Let the transaction of an event and the worker of the outbox know of each other, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from adapter.steps import Environment
from adapter.tenants import ContactKey, Tenant


def _none_ready(_tenant: Tenant, _account: str | None) -> Environment | None:
    return None


def _no_account(_tenant: Tenant, _account: str | None) -> str | None:
    return "There is no integration account in force."


def _nobody(_contacts: Iterable[ContactKey]) -> None:
    """Wake nobody."""


@dataclass(slots=True)
class StepQueue:
    """What planning must know of sending, and the other way round."""

    environment: Callable[[Tenant, str | None], Environment | None] = _none_ready
    """Gives where an account leads; None while it may not be used."""
    why_not: Callable[[Tenant, str | None], str | None] = _no_account
    """Says why an account may not be used; None where it may."""
    wake: Callable[[Iterable[ContactKey]], None] = _nobody
    """Tells the worker of contacts that have something due, after the commit."""
    in_flight: set[int] = field(default_factory=set)
    """Positions of the requests that are being sent: planning must not replace them."""
