"""Say where in a document of steps something is: by a step's number, as people speak of steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from adapter.errors import MalformedInput, Place

_STEP = re.compile(r"/steps/(\d+)(/.*)?", re.DOTALL)

Numbers = Mapping[int, int]
"""The place of a step in its list, from 0, to its number."""


def numbers(document: str) -> Numbers:
    """Give the numbers of a document's steps, as far as they can be read."""
    try:
        value: Any = json.loads(document.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    listed = value.get("steps") if isinstance(value, dict) else value
    return {
        place: each["number"]
        for place, each in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and type(each.get("number")) is int
    }


def place(at: str, known: Numbers) -> str:
    """Write a JSON pointer into a document: `step 4, /body/category`."""
    found = _STEP.fullmatch(at)
    if found is None or int(found[1]) not in known:
        return at
    return f"step {known[int(found[1])]}" + (f", {found[2]}" if found[2] else "")


@contextmanager
def named(document: str) -> Iterator[Numbers]:
    """Name the places of a fault in `document` by the numbers of its steps."""
    known = numbers(document)
    try:
        yield known
    except MalformedInput as error:
        told = [Place(place(each.at, known), each.detail) for each in error.places]
        raise type(error)(str(error), told) from error
