"""The commands that drive the demo are part of the program."""

from __future__ import annotations

import socket

from tests.cli.conftest import Run


def test_a_phone_system_that_is_not_there_is_said(command: Run) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        done = command("simulate", "calls", "--url", url)
    assert done.returncode == 5
    assert url in done.stderr
