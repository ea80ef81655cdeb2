"""Notice that another process has erased contacts, before memory brings one of them back."""

from __future__ import annotations

import sqlite3

from adapter.store import installation
from adapter.store.database import Database


class ForeignErasures:
    """The erasures of other processes in one database. Used by the thread that writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        """The database's version (`Database.data_version`) at the last look that found none."""
        self._count = installation.erasures(database.reader)
        """The erasures that the database had counted when memory was last forgotten, or at the
        start: to forget then would throw away a filter of the index that is being filled."""

    def look(self) -> bool:
        """Look whether there was one since memory was last forgotten."""
        version = self._database.data_version()
        if version == self._version:
            return False
        if installation.erasures(self._database.reader) != self._count:
            return True
        self._version = version
        return False

    def forget_memory(self, cursor: sqlite3.Cursor) -> None:
        """Drop what memory holds of the journal. In a transaction, so that none can follow."""
        self._count = installation.erasures(cursor)
        self._database.raw.tail.forget_all()
