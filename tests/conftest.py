"""Share what several folders of tests need."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

# No test is timed: in a fresh clone the first text takes seconds, for which a table is made.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Have programs that tests start heed signals, though `nohup` or a shell's `&` began the tests.

    What is ignored here would be ignored there; what has a handler here has its usual effect there.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """Give the environment for a program that a test starts, without this shell's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCREENPOP_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
    }
