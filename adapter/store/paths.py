"""Find the database file that settings name, and make it so that others cannot read it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from adapter.errors import InvalidSettings


def sqlite_path(url: str) -> Path:
    """Give the file of a `sqlite:///…` URL (or of a bare path), behind all links.

    What lies beside it is found from there, as SQLite finds its log: its lock and its redo log
    are the same by whatever name two servers know it.

    Raises:
        InvalidSettings: the URL names another kind of database, or no file, or a folder.
    """
    # Of links in a circle `Path.resolve` makes a mistake of ours; SQLite has words for them.
    path = Path(os.path.realpath(named_path(url)))
    if path.is_dir():
        raise InvalidSettings(f"database: {path} is a folder: name a file in it")
    return path


def named_path(url: str) -> Path:
    """Do what `sqlite_path` does, but give the path that is named, which may be a link."""
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


def create_private(path: Path) -> None:
    """Make an empty file that others cannot read, before SQLite makes one that they can.

    Its log and its index of the log take the file's mode. One that is there keeps its own.
    """
    # It is there; or it cannot be made, and SQLite says that in words we know.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
