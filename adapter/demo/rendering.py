"""Find the demo's templates and static files."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_PACKAGE = Path(__file__).parent.parent
STATIC = _PACKAGE / "static"
TEMPLATES = Environment(
    loader=FileSystemLoader(_PACKAGE / "templates" / "demo"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
