"""Write down when keys were last used."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from adapter.store.times import micros

SIGNED = "signed/"
"""Before the tenant's name: a signature was good; which of the secrets made it is not told."""


def write(cursor: sqlite3.Cursor, uses: Mapping[str, datetime]) -> None:
    """Store the last uses by key id or `signed/<tenant>`; no use goes back in time."""
    for key, at in uses.items():
        where, value = "id=?", key
        if key.startswith(SIGNED):
            where = "tenant=? AND scope='signing' AND revoked IS NULL"
            value = key.removeprefix(SIGNED)
        cursor.execute(
            f"UPDATE keys SET used=? WHERE {where} AND (used IS NULL OR used<?)",
            (micros(at), value, micros(at)),
        )
