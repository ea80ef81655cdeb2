"""Kill the server ten times under load: what it acknowledged survives, and nothing is doubled."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.crash.load import storm
from tests.server import Server

KILLS = 10


@pytest.mark.crash
@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_once_and_in_order(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        books = asyncio.run(storm(server, KILLS, random.Random(2)))
    assert books.kills >= KILLS
    assert len(books.acknowledged) > 100
    assert books.resent > 0  # the crashes did hit requests
