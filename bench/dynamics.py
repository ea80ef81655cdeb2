"""Run the simulated Dynamics beside a server, and let some agents' contacts leave records there."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench import ours, places
from bench.processes import LOAD_CORE, pinned

STAGES: Final = "created,transferred"
"""What the contacts that leave records go through; nobody else's are transferred."""

_ACCOUNT: Final = "bench"
_APP: Final = "4f6d1c2a-9b3e-ed11-9db1-000d3a1b2c3d"
_STEPS: Final = {
    "steps": [
        {
            "number": 6,
            "stages": ["transferred"],
            "method": "POST",
            "table": "phonecalls",
            "body": '{"subject": "Call of {{Username}}", "phonenumber": "{{CustomerEndpoint}}"}',
        }
    ]
}


class Dynamics:
    """The simulation's process and its control door."""

    def __init__(self, told: Mapping[str, Any], pid: int) -> None:
        self._told = told
        self._tls = ssl.create_default_context(cafile=told["ca_file"])
        self.pid = pid

    def trust(self) -> dict[str, str]:
        """Give the settings by which a server may speak to it."""
        return {"SCREENPOP_CA_FILE": self._told["ca_file"], "SCREENPOP_ALLOW_LOOPBACK": "true"}

    def connect(self, env: Mapping[str, str]) -> None:
        """Put an account and steps into force, and wait until the server obeys."""
        names = ("environment_url", "token_url", "client_id", "client_secret")
        fields = [f"{name}={self._told[name]}" for name in names]
        more = (f"app_id={_APP}", "default=true")
        ours.command(env, "accounts", "set", _ACCOUNT, *fields, *more)
        ours.command(env, "accounts", "apply", _ACCOUNT)
        ours.command(env, "steps", "set", "-", said=json.dumps(_STEPS))
        time.sleep(2)

    def answer_after(self, seconds: float) -> None:
        """Let every request to the Web API wait so long from now on."""
        self._control("faults", {"kind": "slow", "seconds": seconds, "count": -1})

    def asked(self) -> int:
        """Count the records that were asked for so far (of the last ones that it remembers)."""
        return sum(line["method"] == "POST" for line in self._control("requests"))

    def _control(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._told['environment_url']}/_control/{door}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._tls)
        )
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def running() -> Iterator[Dynamics]:
    """Have the simulation on the generator's core until the end."""
    command = [sys.executable, "-m", "adapter", "simulate", "dynamics", "--port", "0", "--json"]
    with subprocess.Popen(
        pinned(LOAD_CORE, command),
        stdout=subprocess.PIPE,
        cwd=places.REPOSITORY,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the simulated Dynamics did not start")
            yield Dynamics(json.loads(line), process.pid)
        finally:
            process.terminate()
