"""Connect to a SQLite file, as every connection of ours is set up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from adapter.store.journal.tail import Connection

PAGE = 8192
"""Bytes of a page of a new database; an existing one keeps its own. A row of the journal has about
a thousand: in larger pages fewer bytes stay empty behind the last row, and the log has half as many
pages."""


def engine(path: Path, *, busy_timeout: float) -> Engine:
    """Give the engine of one connection, which waits `busy_timeout` seconds for a lock."""
    made = create_engine(
        URL.create("sqlite", database=str(path)),  # a path may hold what a URL may not
        poolclass=StaticPool,
        # We say BEGIN IMMEDIATE ourselves: a transaction that reads first and writes later can
        # otherwise fail in the middle (https://www.sqlite.org/lang_transaction.html).
        isolation_level="AUTOCOMMIT",
        connect_args={
            "check_same_thread": False,
            "timeout": busy_timeout,
            "cached_statements": 256,
            "factory": Connection,
        },
    )

    @event.listens_for(made, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-16384")

    return made
