"""Read a tenant's names of agents at the sources, the first of those that are looked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import msgspec

from adapter.store.settings import Alias
from adapter.tenants import Tenant


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the aliases that are looked for."""

    aliases: list[Alias]
    total: int
    """How many there are."""
    agents: frozenset[str] = frozenset()
    """The agents that all of them stand for; left empty where every alias is looked for."""


def found(
    cursor: sqlite3.Cursor,
    tenant: Tenant,
    wanted: str,
    *,
    most: int,
    agents: Collection[str] = (),
) -> Found:
    """Read the first aliases by agent whose agent or name has `wanted` in it, case-folded.

    And those of `agents`, which were found by something else.
    """
    rows = cursor.execute(
        "SELECT source_id, agent, origin FROM agent_aliases WHERE tenant=?"
        " ORDER BY agent, source_id LIMIT ?",
        (tenant, -1 if wanted else most),
    ).fetchall()
    if not wanted:
        (total,) = cursor.execute(
            "SELECT count(*) FROM agent_aliases WHERE tenant=?", (tenant,)
        ).fetchone()
        return Found(aliases=[Alias(tenant, *row) for row in rows], total=total)
    like = [
        row
        for row in rows
        if wanted in row[0].casefold() or wanted in row[1].casefold() or row[1] in agents
    ]
    return Found(
        aliases=[Alias(tenant, *row) for row in like[:most]],
        total=len(like),
        agents=frozenset(row[1] for row in like),
    )
