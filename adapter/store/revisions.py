"""Know which schema a database has, and bring it up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from adapter.errors import StoreUnavailable

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: Connection) -> None:
    """Bring a schema up to date; costs one query if it already is.

    Raises:
        StoreUnavailable: the database is of a newer version.
    """
    found = _revision(connection)
    if found == _newest_revision():
        return
    if found is not None and found > _newest_revision():
        raise StoreUnavailable(
            f"the database was written by a newer version (its schema is {found}, this version "
            f"knows {_newest_revision()}): run that version, or restore a backup"
        )
    # Importing Alembic takes a tenth of a second, which only an upgrade should cost: every command
    # comes here.
    from adapter.store.migrations import upgrade  # noqa: PLC0415

    upgrade.to_head(connection)


def _revision(connection: Connection) -> str | None:
    """Read what alembic wrote; None for a new database."""
    tables = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type='table' AND name='alembic_version'"
    )
    if tables.first() is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _newest_revision() -> str:
    """Give the revision of the last migration; its file is named after it (a test holds that)."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
