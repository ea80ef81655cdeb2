"""`screenpop aws-template`: the template of this host, as YAML or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def endpoint(text: str) -> str:
    found = json.loads(text)["Outputs"]["Endpoint"]["Value"]
    assert isinstance(found, str)
    return found


def test_the_host_is_the_one_that_is_given_or_the_public_one(command: Run) -> None:
    public = {"SCREENPOP_PUBLIC_URL": "https://public.example"}
    door = "/v1/events/amazon-connect"
    given = command("aws-template", "--json", "--url", "https://given.example", **public)
    assert endpoint(given.stdout) == f"https://given.example{door}"
    assert endpoint(command("aws-template", "--json", **public).stdout) == (
        f"https://public.example{door}"
    )
    domain = {"SCREENPOP_ENVIRONMENT_DOMAIN": "crm.example"}
    done = command("aws-template", "--json", "--tenant", "acme", **domain)
    assert endpoint(done.stdout) == f"https://acme.crm.example{door}"


def test_without_json_it_is_yaml(command: Run) -> None:
    done = command("aws-template", "--url", "https://given.example")
    assert done.returncode == 0
    assert done.stdout.startswith('AWSTemplateFormatVersion: "2010-09-09"\nDescription: ')
    assert done.stdout.endswith("amazon-connect\n")
    assert (
        "\n      InvocationEndpoint: https://given.example/v1/events/amazon-connect\n"
        in done.stdout
    )


@pytest.mark.parametrize(
    "arguments", [(), ("--url", "http://given.example"), ("--url", "https://127.0.0.1")]
)
def test_a_host_that_aws_cannot_reach_is_one_line_and_nothing_is_printed(
    command: Run, arguments: tuple[str, ...]
) -> None:
    done = command("aws-template", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--url" in done.stderr
    assert len(done.stderr.splitlines()) == 1
