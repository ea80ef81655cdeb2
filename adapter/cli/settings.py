"""Print every setting with its value and where it comes from: `screenpop settings`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import typer

from adapter.cli.options import AsJson, Database
from adapter.cli.visible import visible

HIDDEN = "(hidden)"


def register(app: typer.Typer) -> None:
    """Add `settings`."""
    app.command("settings")(show)


def show(as_json: AsJson = False, database: Database = None) -> None:
    """Print each setting, its value and its origin; secrets are hidden."""
    from adapter import settings  # noqa: PLC0415 - `--help` must be quick

    given = {"database": database}
    chosen = settings.load(**given)
    origins = settings.origins(**given)
    for name, described in settings.Settings.model_fields.items():
        row = {
            "setting": name,
            "variable": f"{settings.PREFIX}{name.upper()}",
            "value": _shown(getattr(chosen, name)),
            "origin": origins[name],
            "description": described.description,
        }
        typer.echo(json.dumps(row) if as_json else _as_text(row))
    for name in settings.unknown_variables():
        typer.echo(f"screenpop: {visible(name)} is set, but there is no such setting", err=True)


def _shown(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if hasattr(value, "get_secret_value"):
        return HIDDEN
    return _without_password(text)


def _without_password(text: str) -> str:
    """Hide what stands between `:` and `@` in a URL (a database's or a bus's)."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if "://" not in text or parts.password is None:
        return text
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{HIDDEN}@{host}").geturl()


def _as_text(row: dict[str, Any]) -> str:
    value = row["value"]
    text = "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"{row['setting']:25}{visible(text) or '-':31} {visible(row['origin'])}"
