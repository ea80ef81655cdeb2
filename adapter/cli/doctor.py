"""Look for what is wrong or will be, and say what to do: `screenpop doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from adapter.cli import exits
from adapter.cli.findings import Finding, ok, problem, worst
from adapter.cli.options import AsJson, Database
from adapter.cli.visible import visible

if TYPE_CHECKING:
    from adapter.office import Office
    from adapter.settings import Settings

_WORDS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}
_RESTORE = "if it cannot be mended: stop the server, put a backup in its place, start again"


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
    from adapter.cli import machine_checks  # noqa: PLC0415  # httpx takes time to import

    return [
        *machine_checks.check_settings(settings),
        *_of_the_database(settings),
        machine_checks.check_server(settings),
    ]


def _of_the_database(settings: Settings) -> list[Finding]:
    from adapter import office  # noqa: PLC0415
    from adapter.errors import Unavailable  # noqa: PLC0415
    from adapter.store.database import sqlite_path  # noqa: PLC0415

    path = sqlite_path(settings.database_url)
    if not path.exists():
        return [ok("database", f"none yet at {path}; the first `screenpop keys create` makes it")]
    try:
        with office.opened(settings) as here:
            here.write_test()
            return _inside(here)
    except Unavailable as error:
        return [problem("database", f"{path}: {error}", _RESTORE)]


def _inside(office: Office) -> list[Finding]:
    from datetime import UTC, datetime  # noqa: PLC0415

    from adapter.cli import machine_checks, tenant_checks  # noqa: PLC0415

    now = datetime.now(UTC)
    return [
        machine_checks.check_database_file(office.database.path),
        machine_checks.check_disk(office.database),
        machine_checks.check_clock(office.database, now),
        machine_checks.check_key_file(office.settings),
        *tenant_checks.check_sealed(office),
        *tenant_checks.check_tenants(office, now.date()),
    ]
