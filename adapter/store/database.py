"""Open the database, bring it up to date, and write to it atomically."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from adapter.errors import StoreUnavailable
from adapter.store import belonging, installation, locking
from adapter.store.durability import Durability
from adapter.store.failures import StoreBusy, StoreTaken, explain, is_of_statement
from adapter.store.journal.redo import RedoLog
from adapter.store.journal.rows import append, restore
from adapter.store.journal.tail import Connection as TailedConnection
from adapter.store.journal.waiting import Row, Waiting
from adapter.store.paths import create_private, named_path, sqlite_path
from adapter.store.syncing import DiskSync
from adapter.store.watched_files import WatchedFiles

Cursor = sqlite3.Cursor
"""What a transaction writes through, so that no other module names the driver."""

_PATIENCE = 100
"""Milliseconds of the loop; a command line holds the lock for one or two."""

_IMPATIENCE = 2.0
"""Seconds after it was in vain in which it is not done again."""

REDO_SUFFIX = "-redo"
"""Of the file beside the database that holds what it lacks."""

PAGE = 8192
"""Bytes of a page of a new database; one that is there keeps its own. A row of the journal has a
thousand, so that fewer are left empty at the end of a page, and the log has half as many pages."""

MIGRATIONS = Path(__file__).with_name("migrations")


class Database:
    """One connection to one SQLite file, used by one thread.

    The hot path speaks to the driver (`raw`), everything else through SQLAlchemy (`connection`);
    both are the same connection, so they see the same transaction.
    """

    def __init__(self, url: str, *, busy_timeout: float = 5.0) -> None:
        self.path = sqlite_path(url)
        self._named = named_path(url)
        """The path as it was given, which may be a link to the database."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private(self.path)
        self._engine = _engine(self.path, busy_timeout=busy_timeout)
        try:
            self.connection: Connection = self._engine.connect()
            driver = self.connection.connection.driver_connection
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error
        assert isinstance(driver, TailedConnection)  # noqa: S101 - the dialect says so
        self.raw: TailedConnection = driver
        self.files = WatchedFiles(self.path)
        self.index: Cursor = driver.cursor()
        """Reads the journal's index outside of transactions."""
        self._durability = Durability()
        self.disk: DiskSync | None = None
        """What waits for the disk; None where a commit need not outlive a loss of power."""
        self._impatient_until = 0.0
        self._rescued: set[str] = set()
        """Of the logs that somebody has deleted, those whose content is in the database."""
        self._taken = 0
        """How many of the rows that waited are in the transaction."""

    def migrate(self) -> None:
        """Bring the schema up to date; costs one query where it is."""
        try:
            _migrate(self.connection)
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error

    def serve(self, *, outlives_power: bool = False) -> None:
        """Prepare for the event loop: no commit waits for a lock, or checkpoints.

        Where commits must outlive a loss of power, each is followed by a sync of what it wrote,
        here or by who commits (`transaction(synced=False)`, `keep`).
        """
        belonging.begin_epoch_of_new(self.raw, self.path)
        self.raw.execute("PRAGMA busy_timeout=0")
        self.raw.execute("PRAGMA wal_autocheckpoint=0")
        self.raw.tail.is_writer = True
        belonging.give_mark(self.raw, self.path)
        self.data_version()  # opens the log
        self.files.watch(log := f"{self.path}-wal")
        if outlives_power:
            self.disk = self._durability.outlive_power(Path(log))
        self.recover()
        self.files.watch(f"{self.path}{REDO_SUFFIX}")

    def recover(self) -> None:
        """Take what a crash left in the redo log into the database; only the one writer may.

        Raises:
            StoreTaken: another process writes the journal.
            StoreUnavailable: the disk or the file refuses.
        """
        try:
            self._recover(self.path.with_name(self.path.name + REDO_SUFFIX))
        except BlockingIOError as error:
            raise StoreTaken(f"another server is using the database {self.path}") from error
        except OSError as error:
            raise explain(error, self.path) from error
        if self.raw.tail.is_writer and self._durability.redo is not None:
            self.raw.tail.waiting = Waiting(self._durability.redo.rows)
        else:
            self._durability.close_redo()

    def _recover(self, redo: Path) -> None:
        left = self._durability.open_redo(redo)
        # On the disk before the file is emptied: what it holds may have been promised to outlive a
        # loss of power, whatever this process promises.
        self.raw.execute("PRAGMA synchronous=FULL")
        try:
            # Both in one transaction: with its commit the redo log begins anew.
            with self._former_redo() as former, self.transaction() as cursor:
                for log, rows in (*former, (redo, left)):
                    if strange := restore(cursor, rows):
                        belonging.tell_rows(self.path, belonging.copy_aside(log), len(strange))
                        installation.begin_epoch(cursor)
        except BaseException:
            self._durability.close_redo()  # with all that it holds
            raise
        finally:
            self.raw.execute("PRAGMA synchronous=NORMAL")

    @contextmanager
    def _former_redo(self) -> Iterator[list[tuple[Path, list[Row]]]]:
        """Give what a former version has left beside a link to the database; then it may go."""
        path = self._named.with_name(self._named.name + REDO_SUFFIX)
        if not self._named.is_symlink() or path.is_symlink() or not path.is_file():
            yield []
            return
        log = RedoLog(path)
        try:
            yield [(path, log.read())]
            path.unlink()
        finally:
            log.close()

    @property
    def waiting(self) -> int:
        """How many rows of the journal the database lacks, which the redo log has."""
        redo = self._durability.redo
        return 0 if redo is None else len(redo.rows)

    @property
    def is_caught_up(self) -> bool:
        """Whether the database has all rows, and the redo log has begun anew."""
        return self._durability.is_new

    def keep(self, rows: list[Row]) -> None:
        """Make rows of the journal durable without a transaction; the next one writes them.

        Raises:
            StoreUnavailable: the disk or the file refuses. Nothing is kept.
        """
        try:
            self._durability.keep(rows)
        except OSError as error:
            raise explain(error) from error

    def sync(self) -> None:
        """Wait until the disk has what was committed or kept; raises as `Durability.sync`."""
        self._durability.sync()

    def sync_later(self, done: Callable[[StoreUnavailable | None], None]) -> bool:
        """Do what `sync` does in a thread, as `Durability.sync_later` says."""
        return self._durability.sync_later(done)

    def on_disk(self) -> None:
        """Note that the disk has what was committed or kept."""
        self._durability.on_disk()

    def wipe_redo(self) -> None:
        """Leave nothing in the redo log of what was erased from the database, a moment from now."""
        self._durability.wipe()

    def begin(self, *, most: int | None = None) -> sqlite3.Cursor:
        """Begin to write, with what waits in the redo log; `transaction` says what it raises.

        `most`: of what waits at most so many rows, the oldest.
        """
        self.files.check()
        return self._begin(most)

    def _begin(self, most: int | None) -> sqlite3.Cursor:
        cursor = self.raw.cursor()
        rows = self._durability.waiting(most)
        try:
            cursor.execute("BEGIN IMMEDIATE")
            if rows:
                append(cursor, rows)
        except (DatabaseError, sqlite3.Error) as error:
            self.roll_back()
            raise explain(error) from error
        self._taken = len(rows)
        return cursor

    def is_locked(self) -> bool:
        """Whether another program writes just now. What else is wrong the next commit is told."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return isinstance(explain(error), StoreBusy)
        self.roll_back()
        return False

    def commit(self, *, synced: bool = True, promised: bool = True) -> None:
        """Commit what was begun; `transaction` says what it raises.

        `promised=False`: nobody is told of it, so the disk may have it whenever it likes.
        """
        try:
            self.raw.execute("COMMIT")
        except (DatabaseError, sqlite3.Error) as error:
            self.roll_back()
            raise explain(error) from error
        self._durability.committed(self._taken, promised=promised)
        if synced and promised:
            self.sync()

    def roll_back(self) -> None:
        """Give up what was begun, if anything."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    @contextmanager
    def transaction(
        self, *, synced: bool = True, promised: bool = True, most: int | None = None
    ) -> Iterator[sqlite3.Cursor]:
        """Write atomically: commit at the end, roll back on any exception.

        `synced=False` leaves it to the caller to `sync`, or to `sync_later`; `most` and `promised`
        are as `begin` and `commit` have them.

        Raises:
            StoreBusy: another process is writing.
            StoreUnavailable: the disk or the file refuses. Nothing was written.
        """
        cursor = self.begin(most=most)
        try:
            yield cursor
        except (DatabaseError, sqlite3.Error) as error:
            self.roll_back()
            if is_of_statement(error):
                raise
            raise explain(error) from error
        except BaseException:
            self.roll_back()
            raise
        finally:
            cursor.close()
        self.commit(synced=synced, promised=promised)

    def catch_up(self, most: int | None = None) -> None:
        """Write what waits in the redo log into the database; `transaction` says what it raises.

        `most`: no more rows than so many, the oldest, so that the event loop goes on.
        """
        if self.is_caught_up or self.raw.in_transaction:
            return
        if self.waiting:
            most = None if self._durability.is_long else most
            with self.transaction(most=most, promised=False):
                pass
        if not self.waiting:
            self._durability.begin_anew(in_thread=most is not None)

    def _catch_up_patiently(self) -> None:
        """Wait a moment for another program's lock: a reader cannot be put off for it.

        Not for each of very many readers, where a program keeps it: the loop would do nothing else.
        """
        self.raw.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        try:
            self.catch_up()
        except StoreBusy:
            self._impatient_until = time.monotonic() + _IMPATIENCE
            raise
        finally:
            self.raw.execute("PRAGMA busy_timeout=0")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn the driver's errors into ours around reads, of all that is committed.

        Raises:
            StoreUnavailable: as `transaction` does, where rows wait in the redo log.
        """
        try:
            self.catch_up()
        except StoreBusy:
            if time.monotonic() < self._impatient_until:
                raise
            self._catch_up_patiently()
        with self.reading_tables():
            yield

    @contextmanager
    def reading_tables(self) -> Iterator[None]:
        """Do what `reading` does where nothing need be written for it, whoever holds the lock.

        For what only transactions write (pops, sessions, the outbox), and for those readers of the
        journal that find what waits (`journal.waiting`).
        """
        try:
            yield
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error) from error

    def in_words(self, error: BaseException) -> BaseException:
        """Give the error to raise for one that came up in a transaction."""
        if isinstance(error, DatabaseError | sqlite3.Error) and not is_of_statement(error):
            return explain(error)
        return error

    def data_version(self) -> int:
        """Give a number that changes when another connection has written (PRAGMA data_version)."""
        try:
            row = self.index.execute("PRAGMA data_version").fetchone()
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error) from error
        return int(row[0])

    def rescue_logs(self) -> bool:
        """Move into the database what a log holds, once, if somebody has deleted the log.

        It is open here and nowhere else: killed, we would take with us what was acknowledged.
        Nothing is written to it any more (`WatchedFiles.check`). True where that was done just now.
        """
        path, log, redo = str(self.path), f"{self.path}-wal", f"{self.path}{REDO_SUFFIX}"
        gone = {each for each in (log, redo) if self.files.is_gone(each)} - self._rescued
        if not gone:
            return False
        if self.files.is_gone(path) or self.raw.in_transaction:
            return False  # another file is there, or none
        if log in gone:
            locking.keep_from_last_checkpoint(self.path)
        with suppress(DatabaseError, sqlite3.Error, StoreUnavailable):
            if self.waiting:
                self._begin(None).close()
                self.commit()
            if log in gone:
                row = self.raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if row[0] or row[1] != row[2]:
                    return False
            self._rescued |= gone
            return True
        return False

    def close(self) -> None:
        """Close the connection; SQLite checkpoints its log if this was the last one."""
        if not self.connection.closed:
            self.rescue_logs()
        with suppress(StoreUnavailable):  # else the next start does it
            self.catch_up()
        self._durability.close()
        self.connection.close()
        self._engine.dispose()


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
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-16384")

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
