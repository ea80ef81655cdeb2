"""Find the value that a placeholder stands for: in the contact, the account or a response."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapter.placeholders.errors import MissingValue
from adapter.placeholders.references import APP_ID, Reference

_LONGEST = 9
"""Digits of a position in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What is known when a template is filled."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    """By name; an attribute is found by its exact name, then through dots, then in any case."""
    responses: Mapping[int, Any] = field(default_factory=dict)
    """What Dataverse answered, decoded from JSON, by the step's number."""
    failures: Mapping[int, str] = field(default_factory=dict)
    """Why a step will never answer, by its number."""
    app_id: str | None = None

    def find(self, reference: Reference, place: str) -> Any:
        """Give the value, never None; raises `MissingValue` where there is none."""
        try:
            value = self._find(reference, place)
        except MissingValue:
            if reference.fallback is None:
                raise
            return reference.fallback
        return value

    def _find(self, reference: Reference, place: str) -> Any:
        if reference.step is not None:
            return self._in_response(reference, reference.step, place)
        if reference.field.lower() == APP_ID and self.app_id:
            return self.app_id
        return self._in_attributes(reference, place)

    def _in_attributes(self, reference: Reference, place: str) -> Any:
        found = [
            value
            for value in (
                list(_exact(reference.field, self.attributes))
                or list(_any_case(reference.field.lower(), self.attributes))
            )
            if value is not None
        ]
        if not found:
            raise MissingValue(str(reference), place, "the contact has no such attribute")
        if any(other != found[0] for other in found):
            reason = "the contact has it in several spellings with different values"
            raise MissingValue(str(reference), place, reason)
        return found[0]

    def _in_response(self, reference: Reference, step: int, place: str) -> Any:
        if step not in self.responses:
            failure = self.failures.get(step)
            became = f"failed: {failure}" if failure else "has not answered yet"
            reason = f"step {step} {became}"
            raise MissingValue(str(reference), place, reason)
        response = self.responses[step]
        found = list(_exact(reference.field, response))
        if not found and isinstance(response, Mapping) and isinstance(response.get("value"), list):
            rows = response["value"]
            if len(rows) != 1:
                # Any row would do for a machine; a person would see a stranger's record.
                many = f"step {step} found {len(rows)} rows, not one"
                raise MissingValue(str(reference), place, many)
            found = list(_exact(reference.field, rows[0]))
        if not found or found[0] is None:
            reason = f"step {step}'s response has no {reference.field}"
            raise MissingValue(str(reference), place, reason)
        return found[0]


def as_text(value: Any) -> str:
    """Write a value as text: texts as they are, all else as JSON writes it.

    Half a surrogate pair, which JSON may hold and UTF-8 may not, becomes U+FFFD.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A pair that came as two halves is one character; what is left over is none.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _position(step: str, count: int) -> int | None:
    # The length first: `int` refuses thousands of digits with an error of its own.
    found = int(step) if step.isdecimal() and len(step) <= _LONGEST else count
    return found if found < count else None


def _exact(name: str, within: Any) -> Iterator[Any]:
    if isinstance(within, Mapping) and name in within:
        yield within[name]
        return
    value = within
    for step in name.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and (at := _position(step, len(value))) is not None:
            value = value[at]
        else:
            return
    yield value


def _any_case(name: str, within: Mapping[str, Any]) -> Iterator[Any]:
    for key, value in within.items():
        folded = key.lower()
        if folded == name:
            yield value
        elif isinstance(value, Mapping) and name.startswith(f"{folded}."):
            yield from _any_case(name[len(folded) + 1 :], value)
