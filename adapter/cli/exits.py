"""Map failures to exit codes and to lines that a person can act on."""

from __future__ import annotations

from adapter.cli.visible import visible
from adapter.errors import (
    Forbidden,
    MalformedInput,
    NotFound,
    ScreenpopError,
    Unauthenticated,
    Unavailable,
)

FAILED = 1
MALFORMED = 2
"""Also what Typer gives for a wrong command line."""
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

_CODES: dict[type[ScreenpopError], int] = {
    MalformedInput: MALFORMED,
    Unauthenticated: 3,
    Forbidden: 3,
    NotFound: 4,
    Unavailable: 5,
}


def code(error: Exception) -> int:
    """Give the exit code of a failure: that of its nearest ancestor in the error tree."""
    for ancestor in type(error).__mro__:
        if ancestor in _CODES:
            return _CODES[ancestor]
    return FAILED


def lines(error: Exception) -> list[str]:
    """Say what failed in one line, and then one line for each place that it does not name."""
    if isinstance(error, ScreenpopError):
        places = error.places if isinstance(error, MalformedInput) else ()
        text = str(error)
        told = (f"{place.at}: {place.detail}" for place in places)
        return [
            f"screenpop: {visible(text)}",
            *(f"  {visible(place)}" for place in told if place.lstrip("/") not in text),
        ]
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: " if error.filename is not None else ""
        return [f"screenpop: {visible(what + error.strerror)}"]
    kind = type(error).__name__
    where = "(`screenpop --debug …` shows where)"
    return [f"screenpop: unexpected {kind}: {visible(str(error))} {where}"]
