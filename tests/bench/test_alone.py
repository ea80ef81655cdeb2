from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.alone import WAYS


@pytest.mark.parametrize("way", WAYS)
def test_each_event_that_comes_by_a_way_reaches_its_agent(
    clean_environment: dict[str, str], way: str
) -> None:
    """The bench itself fails where a frame is missing."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.alone", "--way", way, "--agents", "3", "--events", "1"],
        env=clean_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["way"] == way
    assert 0 < told["least_us"] <= told["median_us"]
