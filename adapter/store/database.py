"""Open the database, bring it up to date, and write to it atomically."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from adapter.errors import StoreUnavailable
from adapter.store import belonging, connecting, installation, locking, revisions
from adapter.store.durability import Durability
from adapter.store.failures import StoreBusy, StoreTaken, explain, is_of_statement
from adapter.store.journal.backlog import Backlog, Row
from adapter.store.journal.redo import RedoLog
from adapter.store.journal.rows import append, restore
from adapter.store.journal.tail import Connection as TailedConnection
from adapter.store.paths import create_private, named_path, sqlite_path
from adapter.store.watched_files import WatchedFiles

Cursor = sqlite3.Cursor
"""What a transaction writes through, so that no other module names the driver."""

_PATIENCE = 100
"""Milliseconds for which a reader waits for a lock; a command line holds it for one or two."""

_IMPATIENCE = 2.0
"""Seconds for which no reader waits again after one has waited in vain."""

REDO_SUFFIX = "-redo"
"""What follows the database's name in the redo log's."""


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
        self._engine = connecting.engine(self.path, busy_timeout=busy_timeout)
        try:
            self.connection: Connection = self._engine.connect()
            driver = self.connection.connection.driver_connection
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error
        assert isinstance(driver, TailedConnection)  # noqa: S101 - the dialect says so
        self.raw: TailedConnection = driver
        self.files = WatchedFiles(self.path)
        self.reader: Cursor = driver.cursor()
        """For short reads, in a transaction or not. It is shared: read each statement to its
        end."""
        self.durability = Durability()
        self._impatient_until = 0.0
        self._rescued: set[str] = set()
        """The deleted logs whose content has been saved into the database."""
        self._taken = 0
        """How many rows of the backlog the transaction contains."""

    def migrate(self) -> None:
        """Bring the schema up to date; costs one query if it is."""
        try:
            revisions.migrate(self.connection)
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error, self.path) from error

    def serve(self, *, outlives_power: bool = False) -> None:
        """Prepare for the event loop: commits neither wait for a lock nor make a checkpoint.

        If commits must survive a loss of power, each is followed by a sync of what it wrote, here
        or by the caller (`transaction(synced=False)`, `Durability.keep`).
        """
        belonging.begin_epoch_of_new(self.raw, self.path)
        self.raw.execute("PRAGMA busy_timeout=0")
        self.raw.execute("PRAGMA wal_autocheckpoint=0")
        self.raw.tail.is_writer = True
        belonging.give_mark(self.raw, self.path)
        self.data_version()  # opens the log
        log = f"{self.path}-wal"
        self.files.watch(log)
        if outlives_power:
            self.durability.outlive_power(Path(log))
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
        if self.raw.tail.is_writer:
            self.raw.tail.backlog = Backlog(self.durability.backlog)
        else:
            self.durability.close_redo()

    def _recover(self, redo: Path) -> None:
        left = self.durability.open_redo(redo)
        # The rows must be on the disk before the file is emptied: an earlier process may have
        # promised that they survive a loss of power, whatever this one promises.
        self.raw.execute("PRAGMA synchronous=FULL")
        try:
            if left:
                self._write_log_anew()
            # Both in one transaction, because the redo log begins its next cycle with its commit.
            with self._former_redo() as former, self.transaction() as cursor:
                for log, rows in (*former, (redo, left)):
                    if strange := restore(cursor, rows):
                        belonging.tell_rows(self.path, belonging.copy_aside(log), len(strange))
                        installation.begin_epoch(cursor)
        except BaseException:
            self.durability.close_redo()  # the file keeps its content
            raise
        finally:
            self.raw.execute("PRAGMA synchronous=NORMAL")

    def _write_log_anew(self) -> None:
        """Move SQLite's log into the database file, as it may have rows of the redo log already.

        If a sync of it failed in the process that wrote it, they need not be on the disk, whatever
        a sync of it says now. What another program is reading just now stays in the log.
        """
        try:
            self.raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    @contextmanager
    def _former_redo(self) -> Iterator[list[tuple[Path, list[Row]]]]:
        """Give what a former version has left beside a link to the database, then delete it."""
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

    def wipe_redo(self) -> None:
        """Remove from the redo log, within a moment, what was erased from the database."""
        self.durability.wipe()

    def begin(self, *, most: int | None = None) -> sqlite3.Cursor:
        """Begin a write that includes the redo log's backlog; raises what `transaction` does.

        `most`: include at most so many rows of the backlog, the oldest.
        """
        self.files.check()
        return self._begin(most)

    def _begin(self, most: int | None) -> sqlite3.Cursor:
        cursor = self.raw.cursor()
        rows = self.durability.backlog[:most]
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
        """Whether another program is writing just now. Other troubles show at the next commit."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return isinstance(explain(error), StoreBusy)
        self.roll_back()
        return False

    def commit(self, *, synced: bool = True, promised: bool = True) -> None:
        """Commit what was begun; raises what `transaction` does.

        `promised=False`: nobody is told of it, so it need not be on the disk soon.
        """
        try:
            self.raw.execute("COMMIT")
        except (DatabaseError, sqlite3.Error) as error:
            self.roll_back()
            raise explain(error) from error
        self.durability.committed(self._taken, promised=promised)
        if synced and promised:
            self.durability.sync()

    def roll_back(self) -> None:
        """Roll back what was begun, if anything."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    @contextmanager
    def transaction(
        self, *, synced: bool = True, promised: bool = True, most: int | None = None
    ) -> Iterator[sqlite3.Cursor]:
        """Write atomically: commit at the end, roll back on any exception.

        `synced=False` leaves waiting for the disk to the caller (`Durability.sync`,
        `Durability.sync_later`); `most` is that of `begin`, `promised` that of `commit`.

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

    def catch_up(self, most: int | None = None, *, in_thread: bool = True) -> None:
        """Write the redo log's backlog into the database; raises what `transaction` does.

        `most`: write at most so many rows, the oldest, so that the event loop can go on.
        `in_thread`: if the redo log's next cycle needs a slow disk, wait for that in a thread.
        """
        durability = self.durability
        if not durability.is_redo_used or self.raw.in_transaction:
            return
        if durability.backlog:
            with self.transaction(most=most, promised=False):
                pass
        if not durability.backlog:
            durability.sync_and_begin_cycle(in_thread=in_thread)

    def _catch_up_patiently(self) -> None:
        """Wait a moment for another program's lock: a reader cannot wait aside.

        If a program keeps the lock, not every one of many readers waits: the loop would do nothing
        else.
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
        """Read all that is committed, including the backlog; turns the driver's errors into ours.

        Raises:
            StoreUnavailable: as `transaction`, if the redo log has a backlog.
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
        """Do what `reading` does without the backlog, so that no lock can be in the way.

        For what only transactions write (pops, sessions, the outbox), and for readers of the
        journal that look in the backlog themselves (`journal.backlog`).
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
            row = self.reader.execute("PRAGMA data_version").fetchone()
        except (DatabaseError, sqlite3.Error) as error:
            raise explain(error) from error
        return int(row[0])

    def rescue_logs(self) -> bool:
        """Move the content of a log that somebody has deleted into the database, once.

        Only this process still has the log open: if it were killed, what was acknowledged would be
        lost. Nothing more is written to the log (`WatchedFiles.check`). True if it was moved just
        now.
        """
        path, log, redo = str(self.path), f"{self.path}-wal", f"{self.path}{REDO_SUFFIX}"
        gone = {each for each in (log, redo) if self.files.is_gone(each)} - self._rescued
        if not gone:
            return False
        if self.files.is_gone(path) or self.raw.in_transaction:
            return False  # the database is another file now, or gone; or a transaction is open
        if log in gone:
            locking.keep_from_last_checkpoint(self.path)
        with suppress(DatabaseError, sqlite3.Error, StoreUnavailable):
            if self.durability.backlog:
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
        with suppress(StoreUnavailable):  # otherwise the next start does it
            self.catch_up(in_thread=False)
        self.durability.close()
        self.connection.close()
        self._engine.dispose()
