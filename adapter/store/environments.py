"""Remember what tables an environment has, so that nobody asks for them while a call waits."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

import msgspec

from adapter.steps import Metadata, Table
from adapter.store.times import micros, moment
from adapter.tenants import Tenant

ALL = ""
"""Stands for the list of all tables, in the place of an entity set."""


class Key(NamedTuple):
    """One environment, as one tenant's accounts reach it."""

    tenant: Tenant
    api_url: str


_table = msgspec.json.Decoder(Table)
_metadata = msgspec.json.Decoder(Metadata)
_encode = msgspec.json.Encoder().encode


def read(cursor: sqlite3.Cursor, key: Key, entity_set: str) -> datetime | None:
    """Give when a table (or the list, `ALL`) was read last."""
    row = cursor.execute(
        "SELECT read FROM environment_tables WHERE tenant=? AND api_url=? AND name=?",
        (*key, entity_set),
    ).fetchone()
    return None if row is None else moment(row[0])


def table(cursor: sqlite3.Cursor, key: Key, entity_set: str) -> Table | None:
    """Read a table with its columns, by its entity set."""
    document = _document(cursor, key, entity_set)
    return None if document is None else _table.decode(document)


def tables(cursor: sqlite3.Cursor, key: Key) -> dict[str, Table]:
    """Read every table whose columns are remembered, by its entity set."""
    rows = cursor.execute(
        "SELECT name, document FROM environment_tables WHERE tenant=? AND api_url=? AND name<>?",
        (*key, ALL),
    ).fetchall()
    return {name: _table.decode(document) for name, document in rows}


def listed(cursor: sqlite3.Cursor, key: Key) -> Metadata | None:
    """Read the list of all tables, without columns."""
    document = _document(cursor, key, ALL)
    return None if document is None else _metadata.decode(document)


def put(
    cursor: sqlite3.Cursor,
    key: Key,
    entity_set: str,
    found: Metadata | Table,
    now: datetime,
) -> None:
    """Remember the list (`ALL`) or one table."""
    cursor.execute(
        "INSERT OR REPLACE INTO environment_tables (tenant, api_url, name, document, read)"
        " VALUES (?,?,?,?,?)",
        (*key, entity_set, _encode(found), micros(now)),
    )


def _document(cursor: sqlite3.Cursor, key: Key, entity_set: str) -> bytes | None:
    row = cursor.execute(
        "SELECT document FROM environment_tables WHERE tenant=? AND api_url=? AND name=?",
        (*key, entity_set),
    ).fetchone()
    return None if row is None else bytes(row[0])
