"""One run of the bench at a time, and none leaves its servers behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

RUN = """
import sys, time
from pathlib import Path
from bench import single
single.begin(Path(sys.argv[1]))
try:
    print("runs", flush=True)
    time.sleep(20)
finally:
    print("cleared up", flush=True)
"""


def run(folder: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", RUN, str(folder)]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def test_a_second_run_in_the_same_folder_says_so_and_the_first_clears_up_when_it_is_ended(
    tmp_path: Path,
) -> None:
    with run(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "runs\n"
        with run(tmp_path) as second:
            out, said = second.communicate(timeout=10)
        assert (out, said) == ("", f"bench: another run uses {tmp_path}\n")
        assert second.returncode == 1
        first.terminate()
        assert first.communicate(timeout=30)[0] == "cleared up\n"
        assert first.returncode == 143
    with run(tmp_path) as third:
        assert third.stdout is not None
        assert third.stdout.readline() == "runs\n"
        third.terminate()
