"""Give many keys in order, a few at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")

PART: Final = 1_024
"""About how many keys are sorted in one go: a third of a millisecond."""

_SAMPLES: Final = 8
"""Keys of the sample for each part: with these, hardly a part is twice as large as another."""

_DIVIDED_AT_ONCE: Final = 512


class InOrder(Generic[K]):
    """Keys that nobody has sorted yet: numbers, or pairs of texts.

    To sort tens of thousands in one go takes ten milliseconds. So they are divided first, some at a
    time, into parts of which each follows the one before; bounds are chosen from a sample (a sample
    sort; Frazer and McKellar, "Samplesort", 1970). A part is sorted when its turn comes.
    """

    def __init__(self, keys: list[K]) -> None:
        """Take over the list."""
        self._undivided = keys
        count = len(keys) // PART
        sample: list[Any] = keys[:: len(keys) // (count * _SAMPLES)] if count > 1 else []
        self._bounds = sorted(sample)[_SAMPLES::_SAMPLES]
        self._parts: deque[list[K]] = deque([] for _ in range(len(self._bounds) + 1))
        self._sorted: list[K] = []
        self._given = 0
        """How many keys of `_sorted` were given."""

    @property
    def is_done(self) -> bool:
        """Whether all keys were given."""
        return not (self._undivided or self._parts or self._given < len(self._sorted))

    def take(self, most: int) -> list[K]:
        """Give up to `most` of the next keys; none while there is still something to divide."""
        if self._undivided:
            self._divide()
            return []
        if self._given == len(self._sorted) and self._parts:
            self._sorted, self._given = self._parts.popleft(), 0
            _sort(self._sorted)
        keys = self._sorted[self._given : self._given + most]
        self._given += len(keys)
        return keys

    def _divide(self) -> None:
        bounds, parts = self._bounds, self._parts
        keys: list[Any] = self._undivided[-_DIVIDED_AT_ONCE:]
        for key in keys:
            parts[bisect_right(bounds, key)].append(key)
        del self._undivided[-_DIVIDED_AT_ONCE:]


def _sort(keys: list[Any]) -> None:
    """Sort numbers or pairs; pairs by each half in turn, at a third of the cost of comparing."""
    if keys and isinstance(keys[0], tuple):
        keys.sort(key=itemgetter(1))
        keys.sort(key=itemgetter(0))
    else:
        keys.sort()
