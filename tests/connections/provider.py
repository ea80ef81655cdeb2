"""Run a strict OpenID provider that others wrote in Entra's place, and be a person who consents."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from adapter.dataverse import transport
from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.serving import Simulation
from tests.signin.openid import FOLDER, free_port, node

SECRET = "a secret: with / odd + signs & 32 chars"

_ACTION = re.compile(r'<form[^>]*action="([^"]*)"')
_FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')


class Provider:
    """The provider of one directory, for one client and one Dynamics."""

    def __init__(self, dynamics: Simulation, redirect_uris: list[str]) -> None:
        self._dynamics = dynamics
        self._port = free_port()
        told = dynamics.description()
        self.directory = str(told["directory_id"])
        self.client_id = str(told["client_id"])
        folder = dynamics.ca_file.parent
        self._config = {
            "issuer": f"{self.authority}/v2.0",
            "port": self._port,
            "resource": dynamics.url,
            "cert": str(folder / "server.pem"),
            "key": str(folder / "server.key"),
            "jwk": _jwk(dynamics),
            "claims": {"appid": self.client_id, "scp": "user_impersonation"},
            "accounts": {
                agent: {
                    "oid": seeding.object_id(agent),
                    "tid": self.directory,
                    "name": agent.title(),
                    "preferred_username": f"{agent}@contoso.example",
                }
                for agent in ("alice", "bob")
            },
            "clients": [
                {
                    "client_id": self.client_id,
                    "client_secret": SECRET,
                    "redirect_uris": redirect_uris,
                    "token_endpoint_auth_method": "client_secret_post",
                    "grant_types": ["authorization_code", "refresh_token"],
                    "response_types": ["code"],
                }
            ],
        }

    @property
    def authority(self) -> str:
        return f"https://localhost:{self._port}/{self.directory}"

    def fields(self) -> dict[str, Any]:
        """Give what an admin pastes."""
        return {
            "environment_url": self._dynamics.url,
            "authorization_url": f"{self.authority}/oauth2/v2.0/authorize",
            "token_url": f"{self.authority}/oauth2/v2.0/token",
            "client_id": self.client_id,
            "client_secret": SECRET,
            "access": "delegated",
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        process = subprocess.Popen(
            [node(), "delegated.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(self._config) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            while line and line.strip() != "listening":
                line = process.stdout.readline()
            assert line, "the provider did not start"
            yield
        finally:
            process.kill()
            process.wait(10)
            process.stdin.close()
            process.stdout.close()

    def press(self, url: str, person: str = "alice", **fields: str) -> dict[str, str]:
        """Sign in and consent; give what the window brings back to the redirect URI."""
        tls = transport.tls(self._dynamics.ca_file)
        with httpx.Client(verify=tls, trust_env=False, follow_redirects=True) as browser:
            page = browser.get(url)
            for _ in range(4):
                back = dict(_FIELD.findall(page.text))
                if "state" in back:
                    return {unescape(name): unescape(value) for name, value in back.items()}
                action = _ACTION.search(page.text)
                assert action is not None, f"{page.status_code}: {page.text}"
                page = browser.post(
                    page.url.join(unescape(action[1])), data={"login": person, **fields}
                )
            raise AssertionError(page.text)

    def refusal(self, url: str) -> str:
        """Give what the provider says where it lets nobody begin."""
        tls = transport.tls(self._dynamics.ca_file)
        with httpx.Client(verify=tls, trust_env=False) as browser:
            page = browser.get(url)
            assert page.status_code == 400
            return page.text


def _jwk(dynamics: Simulation) -> dict[str, str]:
    """Give the private key whose tokens the simulated Dynamics takes."""
    key: rsa.RSAPrivateKey = dynamics.world.directory.key._key  # noqa: SLF001
    numbers = key.private_numbers()
    parts = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    written = {name: _number(value) for name, value in parts.items()}
    return {"kty": "RSA", "kid": "good", "use": "sig", "alg": "RS256", **written}


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
