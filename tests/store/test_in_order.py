from __future__ import annotations

import random
from typing import Any

from hypothesis import given, strategies as st

from adapter.store.journal.in_order import PART, InOrder

_numbers = st.lists(st.integers(0, 1 << 63), max_size=50)
_pairs = st.lists(st.tuples(st.sampled_from(("a", "b")), st.text(max_size=3)), max_size=50)


def taken(keys: InOrder[Any], most: int) -> list[list[Any]]:
    found = []
    while not keys.is_done:
        found.append(keys.take(most))
    return found


@given(keys=_numbers | _pairs, copies=st.integers(1, 300), most=st.integers(1, 40))
def test_keys_are_given_in_order_however_many(keys: list[Any], copies: int, most: int) -> None:
    many = keys * copies
    given_keys = taken(InOrder(many.copy()), most)
    assert [key for each in given_keys for key in each] == sorted(many)
    assert all(len(each) <= most for each in given_keys)


def test_no_part_is_much_larger_than_the_others() -> None:
    chance = random.Random(1)
    for kind in ("random", "ascending", "mostly the same tenant"):
        keys: list[Any] = [chance.getrandbits(63) for _ in range(65_536)]
        if kind == "ascending":
            keys.sort()
        elif kind != "random":
            keys = [("t" if key % 50 else "s", f"contact-{key}") for key in keys]
        parts = taken(InOrder(keys), len(keys))
        assert max(map(len, parts)) < 4 * PART, kind
        assert sum(map(len, parts)) == 65_536
