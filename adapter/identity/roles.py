"""Know the roles: what each lets a person do, and how a list of them is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from adapter.errors import InvalidSettings

Role = Literal["admin", "supervisor", "agent"]
ROLES: tuple[Role, ...] = ("admin", "supervisor", "agent")

_STANDS_FOR: dict[Role, frozenset[Role]] = {
    "admin": frozenset(("admin",)),
    # Whoever may change everything may read everything.
    "supervisor": frozenset(("admin", "supervisor")),
    # Taking contacts is a job, not a rank: an admin takes none without being told to.
    "agent": frozenset(("agent",)),
}


def allow(roles: Iterable[str], needed: Role) -> bool:
    """Tell whether a person of these roles may do what `needed` may."""
    return not _STANDS_FOR[needed].isdisjoint(roles)


def parse(names: Iterable[str]) -> frozenset[Role]:
    """Read role names.

    Raises:
        InvalidSettings: naming the first that is none.
    """
    found: set[Role] = set()
    for name in names:
        role = next((each for each in ROLES if each == name.strip().lower()), None)
        if role is None:
            raise InvalidSettings(f"role {name!r}: use {', '.join(ROLES)}")
        found.add(role)
    return frozenset(found)


def write(roles: Iterable[str]) -> str:
    """Write roles as the database keeps them: sorted, one space between."""
    return " ".join(sorted(roles))
