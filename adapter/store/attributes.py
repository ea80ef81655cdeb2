"""Know which attributes a tenant's contacts have had, so that a misspelt one is noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from adapter.store import journal
from adapter.tenants import Tenant

MOST = 300
"""Contacts looked at: some milliseconds, and enough to meet what sources usually say."""


def seen(cursor: sqlite3.Cursor, tenant: Tenant) -> frozenset[str]:
    """Give the names of attributes of recorded contacts, `outer.inner` for those inside others."""
    found: set[str] = set()
    for key in journal.recorded(cursor, tenant, most=MOST):
        state = journal.contact(cursor, key)
        if state is not None:
            found.update(_names(state.attributes))
    return frozenset(found)


def _names(attributes: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in attributes.items():
        yield before + name
        if isinstance(value, Mapping):
            yield from _names(value, f"{before}{name}.")
