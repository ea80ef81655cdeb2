"""Guess what a misspelt name was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def meant(name: str, known: Collection[str]) -> str:
    """Give ` (did you mean …?)`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
