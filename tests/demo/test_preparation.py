"""A signal that comes while the demo is being prepared leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.server import eventually

HELD = """
import sys
from adapter.cli import main
from adapter.demo import run

def hold(chosen):
    print("preparing", flush=True)
    import time
    time.sleep(60)

run._prepare = hold
main.run()
"""
"""The demo, held still in the middle of its preparation."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_the_preparation_leaves_no_folder(
    tmp_path: Path, clean_environment: dict[str, str], number: signal.Signals
) -> None:
    program = tmp_path / "held.py"
    program.write_text(HELD)
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = {**clean_environment, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(program), "demo", "--port", "1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "preparing\n"
        assert list(folder.iterdir())
        process.send_signal(number)
        assert process.wait(20) == 0
        eventually(lambda: list(folder.iterdir()) == [], "the folder is gone")
        process.stdout.close()
    finally:
        process.kill()
        process.wait(20)
