"""Put the simulated systems together: `screenpop simulate …`."""

from __future__ import annotations

import typer

from adapter.cli import simulate_dynamics
from adapter.demo import drive


def register(app: typer.Typer) -> None:
    """Add `simulate` and its commands."""
    group = drive.simulate_commands()
    simulate_dynamics.add_to(group)
    app.add_typer(group, name="simulate")
