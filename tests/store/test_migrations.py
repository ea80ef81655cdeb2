"""Bring any database to the shape that the code expects, by every command."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from adapter.errors import StoreUnavailable
from adapter.store import schema
from adapter.store.database import Database
from adapter.store.revisions import MIGRATIONS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some folder" / "a?b%20#c.db"


def test_the_migrations_give_exactly_the_tables_that_the_code_describes(path: Path) -> None:
    database = Database(str(path))
    database.migrate()
    context = MigrationContext.configure(
        database.connection, opts={"compare_type": True, "compare_server_default": True}
    )
    assert compare_metadata(context, schema.metadata) == []
    database.close()


def test_tables_without_row_ids_are_so_in_the_file_too(path: Path) -> None:
    database = Database(str(path))
    database.migrate()
    rows = database.raw.execute("SELECT name, sql FROM sqlite_master WHERE type='table'").fetchall()
    without = {name for name, sql in rows if "WITHOUT ROWID" in sql}
    described = {
        table.name
        for table in schema.metadata.tables.values()
        if table.dialect_options["sqlite"]["with_rowid"] is False
    }
    assert without == described
    database.close()


def test_a_second_migration_does_nothing(path: Path) -> None:
    for _ in range(2):
        database = Database(str(path))
        database.migrate()
        revision = MigrationContext.configure(database.connection).get_current_revision()
        assert revision == scripts().get_current_head()
        database.close()
    assert path.exists()  # under the very name that was asked for


def test_every_version_can_be_upgraded_from(path: Path) -> None:
    chain = [script.revision for script in scripts().walk_revisions()]
    assert chain[-1] == "0001"
    assert len(chain) == len(list((MIGRATIONS / "versions").glob("*.py")))


def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE tenants (something TEXT)")  # in the way of ours
    database = Database(str(path))
    with pytest.raises(Exception, match="tenants"):
        database.migrate()
    names = {name for (name,) in database.raw.execute("SELECT name FROM sqlite_master")}
    assert names <= {"tenants", "alembic_version"}
    database.close()


@pytest.mark.parametrize(
    "command",
    [
        ["migrate"],
        ["keys", "list"],
        ["tenants", "list"],
        ["domains", "show"],
        ["pop-policy", "show"],
        ["agents", "list"],
    ],
    ids=" ".join,
)
def test_every_command_brings_the_database_up_to_date_by_itself(
    tmp_path: Path, clean_environment: dict[str, str], command: list[str]
) -> None:
    environment = {**clean_environment, "SCREENPOP_DATA_DIR": str(tmp_path / "new")}
    done = subprocess.run(
        [sys.executable, "-m", "adapter", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "new" / "screenpop.db")) as made:
        assert made.execute("SELECT name FROM tenants").fetchall() == [("default",)]


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_each_migration_stands_in_a_file_that_begins_with_its_revision() -> None:
    for script in scripts().walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


def test_a_database_of_a_newer_version_is_refused_in_words(path: Path) -> None:
    database = Database(str(path))
    database.migrate()
    database.raw.execute("UPDATE alembic_version SET version_num='9999'")
    with pytest.raises(StoreUnavailable, match="newer version"):
        database.migrate()
    database.close()
