"""Start the server by its command, as people do: other tests start it as a fork of a process."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROGRAM = Path(sys.executable).with_name("screenpop")


@pytest.fixture(params=[[sys.executable, "-m", "adapter"], [str(PROGRAM)]], ids=["module", "name"])
def serving(
    request: pytest.FixtureRequest, tmp_path: Path, clean_environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*request.param, "serve", "--port", "0"],
        env={**clean_environment, "SCREENPOP_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_the_command_serves_until_it_is_told_to_end(serving: subprocess.Popen[str]) -> None:
    assert serving.stdout is not None
    url = serving.stdout.readline().strip().removeprefix("listening on ")
    assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    serving.send_signal(signal.SIGTERM)
    _, log = serving.communicate(timeout=10)
    assert serving.returncode == 0
    assert "Traceback" not in log


def test_it_takes_all_descriptors_that_it_may_have(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with subprocess.Popen(
        ["/bin/sh", "-c", f'ulimit -Sn 200; exec "{PROGRAM}" serve --port 0'],
        env={**clean_environment, "SCREENPOP_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on ")
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        process.kill()


def test_a_folder_is_no_database(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [PROGRAM, "serve", "--port", "0", "--database", str(tmp_path)],
        env=clean_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip().endswith(f"database: {tmp_path} is a folder: name a file in it")
    assert list(tmp_path.iterdir()) == []
    assert not tmp_path.with_name(f"{tmp_path.name}.lock").exists()
