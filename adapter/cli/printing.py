"""Print what a command found: lines for a person, or one line of JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import typer

from adapter.cli.visible import visible


def found(what: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print it; nothing in a line moves the cursor or fakes another line."""
    for line in (msgspec.json.encode(what).decode(),) if as_json else map(visible, lines):
        typer.echo(line)
