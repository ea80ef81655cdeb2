"""Run a strict OpenID provider that others wrote (npm `oidc-provider`) as a program of its own."""

from __future__ import annotations

import json
import platform
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

FOLDER = Path(__file__).with_name("provider")
TID = "11111111-aaaa-4bbb-8ccc-000000000001"
OTHER_TID = "22222222-aaaa-4bbb-8ccc-000000000002"
CLIENT_ID = "screenpop"
CLIENT_SECRET = "a secret: with / odd + signs & 32 chars"

ACCOUNTS: dict[str, dict[str, Any]] = {
    name: {
        "oid": f"00000000-0000-4000-8000-{number:012d}",
        "tid": TID,
        "name": f"{name.title()} Contoso",
        "preferred_username": f"{name}@contoso.example",
        "email": f"{name}@contoso.example",
        "email_verified": True,
        "roles": roles,
    }
    for number, (name, roles) in enumerate(
        {
            "alice": ["Screenpop.Agent"],
            "bob": ["Screenpop.Agent"],
            "sue": ["Screenpop.Supervisor"],
            "ada": ["Screenpop.Admin", "Screenpop.Agent"],
            "nora": [],
        }.items(),
        1,
    )
}
ACCOUNTS["eve"] = {**ACCOUNTS["alice"], "oid": "00000000-0000-4000-8000-0000000000ee"}
ACCOUNTS["eve"]["tid"] = OTHER_TID

ROLES = {
    "agent": ["Screenpop.Agent"],
    "supervisor": ["Screenpop.Supervisor"],
    "admin": ["Screenpop.Admin"],
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def node() -> str:
    """Give a Node that the provider runs on: Debian's may be older."""
    arch = "arm64" if platform.machine() in ("aarch64", "arm64") else "x64"
    own = FOLDER / "node_modules" / f"node-linux-{arch}" / "bin" / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if found is None or not (FOLDER / "node_modules" / "oidc-provider").exists():
        pytest.skip("the npm packages of tests/signin/provider are not installed (make setup)")
    return found


class OpenIdProvider:
    """The provider at `http://<host>:<port>/<tid>/v2.0`, dressed as a directory of Entra."""

    def __init__(
        self,
        redirect_uris: list[str],
        *,
        host: str = "localhost",
        auth_method: str = "client_secret_basic",
        coop: bool = False,
        form_post: bool = True,
    ) -> None:
        self.port = free_port()
        self.host = host
        self.auth_method = auth_method
        self._config = {
            "issuer": self.issuer,
            "port": self.port,
            "accounts": ACCOUNTS,
            "coop": coop,
            "formPost": form_post,
            "clients": [
                {
                    "client_id": CLIENT_ID,
                    **({} if auth_method == "none" else {"client_secret": CLIENT_SECRET}),
                    "redirect_uris": redirect_uris,
                    "token_endpoint_auth_method": auth_method,
                    "grant_types": ["authorization_code"],
                    "response_types": ["code"],
                }
            ],
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://{self.host}:{self.port}/{TID}/v2.0"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Give the settings that a tenant needs for it."""
        secret = {} if self.auth_method == "none" else {"client_secret": CLIENT_SECRET}
        return {
            "provider": "entra",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "roles": ROLES,
            **secret,
            **changes,
        }

    def twist(self, **twist: Any) -> None:
        """Let the next ID tokens be wrong; nothing given: right again."""
        answer = httpx.post(
            f"http://127.0.0.1:{self.port}/__control",
            json={"twist": twist or None},
            trust_env=False,
        )
        assert answer.status_code == 200

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [node(), "provider.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._config) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line and line.strip() != "listening":
            line = self._process.stdout.readline()
        assert line, "the provider did not start"
        return self

    def stop(self) -> None:
        """End it: whoever asks now finds nobody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self.stop()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
