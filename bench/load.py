"""Drive the load generator: one command, one line of JSON back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from bench import bodies, places
from bench.processes import LOAD_CORE, pinned, put_ahead

Figures = dict[str, Any]


class Load:
    """A running generator, on the generators' core.

    One that `measures` goes ahead of one that is only there to be a neighbour: what the two take
    from each other is no doing of the server.
    """

    def __init__(
        self,
        options: Sequence[str],
        *,
        port: int,
        run: str,
        tls: bool = False,
        measures: bool = True,
    ) -> None:
        program = places.LOADGEN_TLS if tls else places.LOADGEN
        command = [str(program), "--port", str(port), "--run", run]
        self._process = subprocess.Popen(
            pinned(LOAD_CORE, [*command, "--body", bodies.EVENT, *options]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if measures:
            put_ahead(self._process.pid)
        self.pid = self._process.pid

    def begin(self, command: str) -> None:
        """Send a command without waiting for what it gives."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def result(self) -> Figures:
        """Wait for what a command gives."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended ({self._process.wait()})")
        figures: Figures = json.loads(line)
        return figures

    def do(self, command: str) -> Figures:
        """Send a command and wait."""
        self.begin(command)
        return self.result()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
