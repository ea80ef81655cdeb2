"""Keep texts within the length of their columns, as the environment's metadata has it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from adapter.placeholders import encode
from adapter.steps.rendering import RenderedRequest
from adapter.steps.tables import Table

MARK = "…"
"""Stands for what was cut off."""


def units(text: str) -> int:
    """Count a text as Dataverse does: in UTF-16 code units (.NET strings, `nvarchar`)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """Give the text, or its beginning with a mark, in at most `most` code units."""
    if units(text) <= most:
        return text
    if most < 1:
        return ""
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (most - 1)]
    # Half of a pair at the end is no character.
    return kept.decode("utf-16-le", "ignore").rstrip() + MARK


def fitted(request: RenderedRequest, table: Table) -> tuple[RenderedRequest, tuple[str, ...]]:
    """Shorten the texts of a request to their columns, with a note for each; values are not told.

    Dataverse refuses the whole row where one text is too long.
    """
    if request.body is None or table.columns is None:
        return request, ()
    body: dict[str, Any] = json.loads(request.body)
    notes: list[str] = []
    for column in table.columns:
        value = body.get(column.name)
        if not isinstance(value, str) or column.max_length is None:
            continue
        long = units(value)
        if long > column.max_length:
            body[column.name] = cut(value, column.max_length)
            notes.append(
                f"{column.name} had {long} characters and was shortened to {column.max_length}"
            )
    if not notes:
        return request, ()
    return msgspec.structs.replace(request, body=encode(body)), tuple(notes)
