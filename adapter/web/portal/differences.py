"""Compare two texts line by line, for people: what is gone, what is new, what stays around it."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Literal

AROUND = 2
"""Unchanged lines shown beside a change."""
LONGEST = 2000
"""Lines compared: difflib's time grows with their square, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is new, gone, or the same in both; `gap` stands for those not shown."""

    kind: Literal["new", "gone", "same", "gap"]
    text: str = ""
    count: int = 0
    """Of lines that stand for a text too long to be compared; 0 for a line of its own."""


def lines(before: str, after: str) -> list[Line]:
    """Give what a reader needs of two texts to see how they differ; nothing where they do not."""
    old, new = _split(before), _split(after)
    if old == new:
        return []
    if max(len(old), len(new)) > LONGEST:
        return [Line("gone", count=len(old)), Line("new", count=len(new))]
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(AROUND)):
        if number or group[0][1]:
            found.append(Line("gap"))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                found += [Line("same", each) for each in old[old_from:old_to]]
            else:
                found += [Line("gone", each) for each in old[old_from:old_to]]
                found += [Line("new", each) for each in new[new_from:new_to]]
    return found


def readable(value: str) -> str:
    """Give JSON with one member a line, and every other text as it is."""
    if not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value


def _split(text: str) -> list[str]:
    """Split into lines, which the last line end closes: there is no empty one behind it."""
    whole = text.removesuffix("\n").removesuffix("\r")
    return [line.rstrip("\r") for line in whole.split("\n")] if text else []
