"""Read a JSON object that a person or a program wrote, and say what is wrong where."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Never

from adapter.errors import Place

_MEMBERS_SHOWN = 40
"""Characters of an unknown name that an error repeats."""


class Broken(ValueError):
    """Text that is no JSON object; `place` says where it breaks."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.detail)
        self.place = place


def read(document: str | bytes, *, listed: str | None = None) -> dict[str, Any] | None:
    """Decode UTF-8 JSON that is an object or null; a name that stands twice is an error.

    With `listed` a list alone is taken for the member of that name.
    """
    value = _decoded(_text(document))
    if listed is not None and isinstance(value, list):
        return {listed: value}
    if value is not None and not isinstance(value, dict):
        raise Broken(Place("", "must be a JSON object"))
    return value


def _text(document: str | bytes) -> str:
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
    except UnicodeDecodeError as error:
        raise Broken(Place(f"byte {error.start}", "is not UTF-8")) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise Broken(Place("line 1", "there is nothing in it"))
    return text


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno}"
        raise Broken(Place(at, f"is not JSON: {error.msg}")) from error
    except RecursionError as error:
        raise Broken(Place("", "is nested too deeply")) from error
    except ValueError as error:
        raise Broken(Place("", str(error))) from error


def sort(
    document: Mapping[str, Any], known: Mapping[str, Iterable[str]]
) -> tuple[dict[str, tuple[str, Any]], list[Place]]:
    """Find each known member under any of its names.

    `known` has the canonical names with their other spellings; case, `_`, `-` and spaces do not
    count. Gives the members by canonical name, each with the JSON pointer at which it stands, and
    a place for each that is unknown or said twice. A member that is null is as good as absent.
    """
    canonical = {
        _folded(spelling): name for name, others in known.items() for spelling in (name, *others)
    }
    members: dict[str, tuple[str, Any]] = {}
    faults: list[Place] = []
    for written, value in document.items():
        at = pointer(written)
        name = canonical.get(_folded(written))
        if name is None:
            faults.append(Place(at, f"is unknown; known are {', '.join(known)}"))
        elif name in members:
            faults.append(Place(at, f"says the same as {members[name][0]}"))
        elif value is not None:
            members[name] = (at, value)
    return members, faults


def pointer(*steps: str | int) -> str:
    """Write a JSON pointer (RFC 6901); half a surrogate pair, which JSON may hold, as an escape."""
    joined = "".join(
        "/" + str(step)[:_MEMBERS_SHOWN].replace("~", "~0").replace("/", "~1") for step in steps
    )
    return joined.encode("utf-8", "backslashreplace").decode("utf-8")


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:_MEMBERS_SHOWN]!r} is there twice")
    return members


def _no_number(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON number")
