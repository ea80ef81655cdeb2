"""The halves of a feed's socket are no sockets, and three classes cost no more than one."""

from __future__ import annotations

from typing import Any, cast

import pytest

from adapter.web.feed_reading import FeedReader
from adapter.web.feed_socket import FeedSocket
from adapter.web.feed_writing import FeedWriter


@pytest.mark.parametrize(
    ("half", "left"),
    [
        (FeedWriter, {"_let_go", "_stop_reading"}),
        (FeedReader, {"_let_go", "_handshake", "_handle_message"}),
    ],
)
def test_a_half_of_a_socket_is_made_by_nobody_and_says_what_it_leaves_open(
    half: type[FeedWriter], left: set[str]
) -> None:
    assert half.__abstractmethods__ == left
    with pytest.raises(TypeError, match="abstract"):
        half(cast(Any, None), cast(Any, None))


def test_a_socket_holds_its_slots_alone() -> None:
    slots = [name for kind in FeedSocket.__mro__ for name in getattr(kind, "__slots__", ())]
    assert not FeedSocket.__abstractmethods__
    assert FeedSocket.__dictoffset__ == 0
    assert FeedSocket.__basicsize__ == object.__basicsize__ + 8 * len(slots)
