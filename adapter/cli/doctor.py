"""Look for what is wrong or will be, and say what to do: `screenpop doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from adapter.checkups.findings import Finding, ok, problem, worst
from adapter.cli import exits
from adapter.cli.options import AsJson, Database
from adapter.cli.visible import visible

if TYPE_CHECKING:
    from adapter.office import Office
    from adapter.settings import Settings

_WORDS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}
_MEND = "once that is mended a server goes on by itself"
_RESTORE = "if it cannot be mended: stop the server, put a backup in its place, start again"
_RESTART = "see in its log that the database has what the deleted one held, and restart the server"


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command("doctor")(doctor)


def doctor(as_json: AsJson = False, database: Database = None) -> None:
    """Check settings, disk, clock, keys, tenants, Dynamics and the server; say what to do.

    Exits with 0 where all is well or only warned of, with 1 where there is a problem.
    """
    from adapter import settings  # noqa: PLC0415 - `--help` must be quick

    findings = _findings(settings.load(database=database))
    verdict = worst(findings)
    if as_json:
        rows = [each._asdict() for each in findings]
        typer.echo(json.dumps({"status": verdict, "checks": rows}))
    else:
        wide = max(24, *(len(each.check) + 2 for each in findings))
        for each in findings:
            typer.echo(f"{_WORDS[each.status]:9}{each.check:{wide}}{visible(each.detail)}")
            if each.do:
                typer.echo(f"{'':9}{'':{wide}}-> {visible(each.do)}")
    if verdict == "problem":
        raise typer.Exit(exits.FAILED)


def _findings(settings: Settings) -> list[Finding]:
    from adapter.checkups import machine  # noqa: PLC0415
    from adapter.cli import server_check  # noqa: PLC0415  # httpx takes time to import

    found, installation = _of_the_database(settings)
    return [
        *machine.check_settings(settings),
        *found,
        server_check.check_server(settings, installation),
    ]


def _of_the_database(settings: Settings) -> tuple[list[Finding], str | None]:
    """Look at the database; give what a server on it names itself, None where that is unknown."""
    from adapter import office  # noqa: PLC0415
    from adapter.errors import Unavailable  # noqa: PLC0415
    from adapter.store import installation  # noqa: PLC0415
    from adapter.store.failures import LogGone, StoreCorrupt  # noqa: PLC0415
    from adapter.store.paths import sqlite_path  # noqa: PLC0415

    path = sqlite_path(settings.database_url)
    if not path.exists():
        told = f"none yet at {path}; the first `screenpop keys create` makes it"
        return [ok("database", told)], ""
    try:
        with office.opened(settings) as here:
            here.write_test()
            return _inside(here), installation.identity(here.database.raw.cursor())
    except LogGone as error:
        return [problem("database", f"{path}: {error}", _RESTART)], None
    except StoreCorrupt as error:
        return [problem("database", f"{path}: {error}", _RESTORE)], None
    except Unavailable as error:
        return [problem("database", f"{path}: {error}", _MEND)], None


def _inside(office: Office) -> list[Finding]:
    from datetime import UTC, datetime  # noqa: PLC0415

    from adapter.checkups import machine, tenants  # noqa: PLC0415

    now = datetime.now(UTC)
    return [
        machine.check_database_file(office.database.path),
        machine.check_disk(office.database),
        machine.check_clock(office.database, now),
        machine.check_key_file(office.settings),
        *tenants.check_sealed(office),
        *tenants.check_tenants(office, now.date()),
    ]
