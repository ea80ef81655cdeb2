"""Name what stops a template from being saved or filled."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.errors import InvalidSettings, MalformedInput, Place


class TemplateFault(InvalidSettings):
    """A template that cannot be saved; `places` says where it breaks."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__("; ".join(_shown(place) for place in places), places)


class Unrenderable(MalformedInput):
    """A template that cannot be filled for this contact, by the placeholder that stops it."""

    def __init__(self, placeholder: str, place: str, reason: str) -> None:
        super().__init__(f"{placeholder} in {place}: {reason}", (Place(place, reason),))
        self.placeholder = placeholder
        self.place = place
        self.reason = reason


class MissingValue(Unrenderable):
    """The contact has no such attribute, or the step before has not given its response."""


class UnfitValue(Unrenderable):
    """There is a value, but it cannot stand in this place (no GUID between parentheses).

    The value itself is not repeated: it may be a phone number.
    """


def _shown(place: Place) -> str:
    return f"{place.at}: {place.detail}" if place.at else place.detail
