"""Have the system's syncs done by a function of the test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapter.store import syncing


def put_in(monkeypatch: pytest.MonkeyPatch, fdatasync: Callable[[int], None]) -> None:
    """Call `fdatasync` with the descriptor wherever the server waits for the disk."""

    class System:
        pass

    System.fdatasync = staticmethod(fdatasync)  # type: ignore[attr-defined]
    monkeypatch.setattr(syncing, "os", System)
