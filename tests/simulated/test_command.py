from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys

import httpx
import typer
from typer.testing import CliRunner

from adapter.cli import simulate_dynamics

PROGRAM = """
import typer
from adapter.cli import simulate_dynamics
app = typer.Typer()
app.callback()(lambda: None)
simulate_dynamics.add_to(app)
app()
"""


def test_the_command_prints_one_line_and_serves_until_stopped() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "dynamics", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        told = json.loads(program.stdout.readline())
        context = ssl.create_default_context(cafile=told["ca_file"])
        with httpx.Client(verify=context, trust_env=False) as client:
            form = {
                "grant_type": "client_credentials",
                "client_id": told["client_id"],
                "client_secret": told["client_secret"],
                "scope": f"{told['environment_url']}/.default",
            }
            token = client.post(told["token_url"], data=form).json()["access_token"]
            assert told["directory_id"] in told["token_url"]
            answer = client.get(
                f"{told['environment_url']}/api/data/v9.0/contacts?$top=1",
                headers={"Authorization": f"Bearer {token}"},
            )
            assert len(answer.json()["value"]) == 1
        program.send_signal(signal.SIGTERM)
        assert program.stdout.read() == ""
    assert program.returncode in (0, -signal.SIGTERM)


def test_the_group_gains_a_command_with_help() -> None:
    group = typer.Typer()
    group.callback()(lambda: None)
    simulate_dynamics.add_to(group)
    result = CliRunner().invoke(group, ["dynamics", "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
