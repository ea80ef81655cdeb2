"""Tell faults, which stop steps from being saved, from hints."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.errors import Place

Found = Iterator[tuple[bool, Place]]
"""Each place with True for a fault, False for a hint."""
