"""Judge the simulated Dataverse by the npm client `dynamics-web-api`, fetched once for the run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from adapter.demo.simulated.dataverse import seeding
from tests.simulated.conftest import Api

VERSION = "2.5.0"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    fetched = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder,
         f"dynamics-web-api@{VERSION}"],
        capture_output=True,
        timeout=90,
        check=False,
    )  # fmt: skip
    if fetched.returncode != 0:
        pytest.skip("the npm registry cannot be reached")
    return folder / "node_modules/dynamics-web-api/dist/esm/dynamics-web-api.mjs"


@pytest.mark.slow
def test_the_npm_client_runs_every_operation_clean(api: Api, module: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "URL": api.simulation.url,
        "TOKEN": api.client.headers["Authorization"].removeprefix("Bearer "),
        "BOB": seeding.object_id("bob"),
        "NODE_EXTRA_CA_CERTS": str(api.simulation.ca_file),
    }
    script = Path(__file__).with_name("dynamics_web_api.mjs")
    done = subprocess.run(
        ["node", script, module],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all right\n"
