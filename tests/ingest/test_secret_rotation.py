"""Rotate the key under which secrets are kept, without asking any source for anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.ingest.doors import text
from tests.ingest.test_signatures import signed
from tests.server import Server, eventually

OLD, NEW = "an-old-key-long-enough", "a-new-key-long-enough"


def signing_secret(server: Server, environment: dict[str, str]) -> str:
    """Make a signing secret as an operator does."""
    made = subprocess.run(
        [sys.executable, "-m", "adapter", "keys", "create", "--signing", "--json"],
        env={**environment, **server.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    secret: str = json.loads(made.stdout)["secret"]
    return secret


def status(server: Server, secret: str) -> int:
    return signed(server, secret, text(server.event("created", "rotated"))).status_code


def test_secrets_survive_a_rotation_and_not_the_loss_of_their_key(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    server = Server(tmp_path, SCREENPOP_SECRET_KEY=OLD)
    before = signing_secret(server, clean_environment)
    with server:
        assert status(server, before) == 202
        server.environment["SCREENPOP_SECRET_KEY"] = f"{NEW},{OLD}"
        after = signing_secret(server, clean_environment)
        server.restart()
        assert [status(server, before), status(server, after)] == [202, 202]
        server.environment["SCREENPOP_SECRET_KEY"] = NEW
        server.restart()
        assert [status(server, before), status(server, after)] == [401, 202]
        eventually(lambda: "not in SCREENPOP_SECRET_KEY" in server.log(), "the log says so")
        assert OLD not in server.log()
        assert NEW not in server.log()
