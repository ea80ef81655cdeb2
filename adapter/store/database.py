"""Open the database, bring it up to date, and turn its failures into ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import StaticPool

from adapter.errors import InvalidSettings, StoreUnavailable
from adapter.store.journal.tail import Connection as TailedConnection
from adapter.store.syncing import DiskSync, sync

Cursor = sqlite3.Cursor
"""What a transaction writes through, so that no other module names the driver."""

MIGRATIONS = Path(__file__).with_name("migrations")


class StoreBusy(StoreUnavailable):
    """Another process holds the write lock just now; trying again soon will do."""


class StoreCorrupt(StoreUnavailable):
    """The file is no sound database; writing on would make it worse."""


_WORDS: dict[int, tuple[type[StoreUnavailable], str, int]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "the database is locked by another program", 1),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "the database is locked by another program", 1),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full: free space for the database", 5),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "{file} is corrupt: stop the server and restore a backup",
        30,
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreCorrupt,
        "{file} is corrupt: stop the server and restore a backup",
        30,
    ),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, "{file} is read-only", 10),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "{file} cannot be opened", 10),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk reports an input/output error", 10),
}
"""By result code (https://www.sqlite.org/rescode.html): our error, its words, seconds to wait."""


def explain(error: Exception, path: Path | None = None) -> StoreUnavailable:
    """Say in words what the database refused; `path` is named to an operator, not to a sender."""
    file = "the database file" if path is None else f"the database file {path}"
    cause = error.orig if isinstance(error, DatabaseError) and error.orig else error
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte is the primary code, the rest tells its kinds apart.
    known = None if code is None else _WORDS.get(code & 0xFF)
    if known is None:
        return StoreUnavailable(f"the database refused: {cause}", retry_after=5)
    kind, words, wait = known
    return kind(words.format(file=file), retry_after=wait)


class Database:
    """One connection to one SQLite file, used by one thread.

    The hot path speaks to the driver (`raw`), everything else through SQLAlchemy (`connection`);
    both are the same connection, so they see the same transaction.
    """

    def __init__(self, url: str, *, busy_timeout: float = 5.0) -> None:
        self.path = sqlite_path(url)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create_private(self.path)
        self._engine = _engine(self.path, busy_timeout=busy_timeout)
        try:
            self.connection: Connection = self._engine.connect()
            driver = self.connection.connection.driver_connection
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error
        assert isinstance(driver, TailedConnection)  # noqa: S101 - the dialect says so
        self.raw: TailedConnection = driver
        self._files = {str(self.path): _identity(str(self.path))}
        self._log: int | None = None
        self.disk: DiskSync | None = None
        """Waits for the disk; None where a commit need not outlive a loss of power."""

    def migrate(self) -> None:
        """Bring the schema up to date; costs one query where it is."""
        try:
            _migrate(self.connection)
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error

    def serve(self, *, outlives_power: bool = False) -> None:
        """Prepare for the event loop: never wait for a lock, never checkpoint inside a commit.

        Where commits must outlive a loss of power, each is followed by a sync of the log, here or
        by who commits (`transaction(synced=False)`): the same bytes that `synchronous=FULL` syncs.
        """
        self.raw.execute("PRAGMA busy_timeout=0")
        self.raw.execute("PRAGMA wal_autocheckpoint=0")
        self.raw.tail.is_writer = True
        self.data_version()  # opens the log
        log = f"{self.path}-wal"
        self._files[log] = _identity(log)
        if outlives_power:
            self._log = os.open(log, os.O_RDWR)
            self.disk = DiskSync(self._log)

    def sync(self) -> None:
        """Wait until the disk has all that is committed, where that is asked for.

        Raises:
            StoreUnavailable: the disk cannot keep it.
        """
        if self._log is not None and (error := sync(self._log)) is not None:
            raise error

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[sqlite3.Cursor]:
        """Write atomically: commit at the end, roll back on any exception.

        `synced=False` leaves it to the caller to `sync`, or to ask `disk` for it.

        Raises:
            StoreBusy: another process is writing.
            StoreUnavailable: the disk or the file refuses. Nothing was written.
        """
        cursor = self.raw.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self.raw.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            if synced:
                self.sync()
        except (DatabaseError, sqlite3.Error) as error:
            if _is_fault(error):
                raise  # of the statement, not of the store
            raise explain(error) from error
        finally:
            cursor.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn the driver's errors into ours around reads."""
        try:
            yield
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error) from error

    def data_version(self) -> int:
        """Give a number that changes when another connection has written (PRAGMA data_version)."""
        with self.reading():
            row = self.raw.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def is_same_file(self) -> bool:
        """Whether the paths still name the files that are open (commits to moved ones are lost)."""
        return all(_identity(path) == known for path, known in self._files.items())

    def close(self) -> None:
        """Close the connection; SQLite checkpoints its log if this was the last one."""
        if self.disk is not None:
            self.disk.close()
        self.connection.close()
        self._engine.dispose()
        if self._log is not None:
            os.close(self._log)
            self._log = None


def _create_private(path: Path) -> None:
    """Make an empty file that others cannot read, before SQLite makes one that they can.

    Its log and its index of the log take the file's mode. One that is there keeps its own.
    """
    # It is there; or it cannot be made, and SQLite says that in words we know.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - before each commit, and a Path costs as much again
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_fault(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DatabaseError) and error.orig else error
    return isinstance(cause, sqlite3.IntegrityError)


def sqlite_path(url: str) -> Path:
    """Give the file of a `sqlite:///…` URL (or of a bare path).

    Raises:
        InvalidSettings: the URL names another kind of database, or no file.
    """
    if "://" not in url:
        return Path(url).expanduser()
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidSettings(f"database: {url!r} is not a database URL") from error
    if parsed.get_backend_name() != "sqlite":
        raise InvalidSettings(
            f"database: {parsed.get_backend_name()} is not supported by this version; "
            "use sqlite:///path/to/file"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidSettings("database: name a file, as in sqlite:////var/lib/screenpop/db")
    return Path(parsed.database).expanduser()


def _engine(path: Path, *, busy_timeout: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # a path may hold what a URL may not
        poolclass=StaticPool,
        # We say BEGIN IMMEDIATE ourselves: a transaction that reads first and writes later can
        # otherwise fail in the middle (https://www.sqlite.org/lang_transaction.html).
        isolation_level="AUTOCOMMIT",
        connect_args={
            "check_same_thread": False,
            "timeout": busy_timeout,
            "cached_statements": 256,
            "factory": TailedConnection,
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-65536")

    return engine


def _migrate(connection: Connection) -> None:
    found = _revision(connection)
    if found == _newest_revision():
        return
    if found is not None and found > _newest_revision():
        raise StoreUnavailable(
            f"the database was written by a newer version (its schema is {found}, this version "
            f"knows {_newest_revision()}): run that version, or restore a backup"
        )
    # Alembic costs a tenth of a second, and this is seldom: every command asks.
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
