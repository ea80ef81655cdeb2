"""Read the samples: our own, and the published ones where they lie beside the repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.events import ContactEvent, Decoded

OWN = Path(__file__).parents[1] / "samples"
PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "events"
RECEIVED = datetime(2026, 11, 21, 20, 0, 31, tzinfo=UTC)

published = pytest.mark.skipif(not PUBLISHED.exists(), reason="no published samples here")


def own(name: str) -> Any:
    """Read one of our samples."""
    return json.loads((OWN / name).read_text())


def at(text: str) -> datetime:
    """Write a time shortly."""
    return datetime.fromisoformat(text)


def only(decoded: Decoded) -> ContactEvent:
    """Give the one contact event of a request that holds nothing else."""
    assert (decoded.ignored, decoded.rejected) == (0, ())
    (entry,) = decoded.entries
    (fact,) = entry.facts
    assert isinstance(fact, ContactEvent)
    return fact


def reason(decoded: Decoded) -> str:
    """Give why the one event of a request was rejected."""
    assert decoded.entries == ()
    (rejected,) = decoded.rejected
    return rejected.detail
