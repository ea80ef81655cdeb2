"""Write Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Give a table of a head and its lines, all of the same length."""
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(each) + " |" for each in (head, rule, *lines))
