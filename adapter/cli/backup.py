"""Copy the database while the server runs: `screenpop backup FILE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from adapter.cli.options import AsJson, Database
from adapter.errors import Conflict, InvalidSettings, NotFound

BESIDE = ("-wal", "-shm", "-redo", "-journal", ".lock")
"""What is added to the name of a database for the files that a server keeps beside it."""


def register(app: typer.Typer) -> None:
    """Add `backup`."""
    app.command("backup")(backup)


def backup(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Copy the database to FILE, whole and consistent, while the server goes on."""
    from adapter import settings  # noqa: PLC0415 - `--help` must be quick
    from adapter.store import maintenance  # noqa: PLC0415
    from adapter.store.paths import sqlite_path  # noqa: PLC0415

    chosen = settings.load(database=database)
    source = sqlite_path(chosen.database_url)
    if not source.is_file():
        raise NotFound(f"there is no database at {source}")
    key_file = chosen.data_dir / "secret.key"
    _check(source, key_file, file, force=force)
    size = maintenance.backup(source, file)
    apart = key_file if chosen.secret_key is None and key_file.exists() else None
    if as_json:
        row = {"file": str(file), "bytes": size, "key_file": str(apart) if apart else None}
        typer.echo(json.dumps(row))
        return
    typer.echo(f"{file}: {size} bytes")
    if apart is not None:
        typer.echo(f"Keep a copy of {apart} too, apart: it opens the secrets in it.", err=True)


def _check(source: Path, key_file: Path, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise InvalidSettings(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder {target.parent}")
    # The running server would go on writing to the file that the copy has just replaced.
    if target.exists() and target.samefile(source):
        raise InvalidSettings(f"{target} is the database itself")
    behind = target.resolve()
    if behind.parent == source.parent and behind.name in {source.name + x for x in BESIDE}:
        raise InvalidSettings(f"{target} is a file that the database keeps beside it")
    if target.exists() and key_file.exists() and target.samefile(key_file):
        raise InvalidSettings(f"{target} is the key file, without which secrets cannot be read")
    if target.exists() and not force:
        raise Conflict(f"{target} is there already; --force replaces it")
