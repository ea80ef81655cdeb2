"""Name the options that several commands share, and read the settings with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from adapter.office import Office

Tenant = Annotated[str, typer.Option("--tenant", help="The tenant.")]
Database = Annotated[
    str | None,
    typer.Option("--database", help="Database URL or file [SCREENPOP_DATABASE]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def office(database: str | None = None, **given: Any) -> AbstractContextManager[Office]:
    """Open the database that the settings name."""
    from adapter import office as offices, settings  # noqa: PLC0415 - `--help` must be quick

    return offices.opened(settings.load(database=database, **given))
