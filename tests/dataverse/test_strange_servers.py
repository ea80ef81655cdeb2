"""Meet servers that are no Dataverse or no Entra: nothing leads out of the account's hosts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from adapter.accounts.parsing import Parsed
from adapter.dataverse import errors, transport
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.entra import Entra
from adapter.dataverse.sign_in import SignInFailed
from adapter.dataverse.tokens import TokenSource
from adapter.demo.simulated import certificates


class Strange:
    """A server that answers every request with the same text, and counts them."""

    def __init__(self, status: str, headers: dict[str, str], body: str = "") -> None:
        self.status, self.headers, self.body = status, headers, body
        self.requests = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            body = self.body.replace("PORT", str(self.port)).encode()
            headers = {**self.headers, "Content-Length": str(len(body)), "Connection": "close"}
            lines = [f"{name}: {value}" for name, value in headers.items()]
            head = "\r\n".join([f"HTTP/1.1 {self.status}", *lines, "", ""])
            writer.write(head.encode() + body)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve while the block lasts; gives the origin."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield f"http{'s' if tls else ''}://localhost:{self.port}"


async def ask(parsed: Parsed, tls: ssl.SSLContext, environment: str) -> list[object]:
    """Read rows of a table there, with a token of the simulated Entra."""
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    account = msgspec.structs.replace(parsed.account, environment_url=environment)
    client = DataverseClient(account, tokens, tls=tls)
    try:
        return [row async for row in client.rows("contacts")]
    finally:
        await client.close()


async def test_a_redirect_is_not_followed(parsed: Parsed, tls: ssl.SSLContext) -> None:
    elsewhere = Strange("200 OK", {"Content-Type": "application/json"}, '{"value": []}')
    async with elsewhere.running() as target:
        strange = Strange("302 Found", {"Location": f"{target}/api/data/v9.2/contacts"})
        async with strange.running() as environment:
            with pytest.raises(errors.UnexpectedAnswer):
                await ask(parsed, tls, environment)
    assert (strange.requests, elsewhere.requests) == (1, 0)


async def test_a_paging_link_to_elsewhere_is_not_followed(
    parsed: Parsed, tls: ssl.SSLContext
) -> None:
    elsewhere = Strange("200 OK", {"Content-Type": "application/json"}, '{"value": []}')
    async with elsewhere.running() as target:
        page = json.dumps({"value": [], "@odata.nextLink": f"{target}/api/data/v9.2/contacts"})
        strange = Strange("200 OK", {"Content-Type": "application/json"}, page)
        async with strange.running() as environment:
            with pytest.raises(errors.ForbiddenAddress):
                await ask(parsed, tls, environment)
    assert elsewhere.requests == 0


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        ("200 OK", "text/html", "<title>Sign in</title>"),
        ("200 OK", "application/json", "[1, 2"),
        ("200 OK", "application/json", "[]"),
        ("403 Forbidden", "text/html", "<h1>Blocked by the firewall</h1>"),
        ("404 Not Found", "text/html", "nothing here"),
    ],
)
async def test_what_is_no_dataverse_is_told(
    parsed: Parsed, tls: ssl.SSLContext, status: str, kind: str, body: str
) -> None:
    async with Strange(status, {"Content-Type": kind}, body).running() as environment:
        with pytest.raises(errors.DataverseError) as caught:
            await ask(parsed, tls, environment)
    assert not caught.value.retriable
    assert "<" not in str(caught.value)


async def test_a_proxy_of_the_environment_has_no_say_on_loopback(
    parsed: Parsed, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert await ask(parsed, tls, parsed.account.environment_url)


async def test_a_directory_that_names_another_host_gets_no_secret(
    parsed: Parsed, tmp_path: Path
) -> None:
    files = certificates.make(tmp_path, [])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.chain, files.key)
    elsewhere = Strange("200 OK", {"Content-Type": "application/json"}, "{}")
    async with elsewhere.running(server) as target:
        document = {
            "issuer": "https://localhost:PORT/v2.0",
            "authorization_endpoint": f"{target}/x/oauth2/v2.0/authorize",
            "token_endpoint": f"{target}/x/oauth2/v2.0/token",
        }
        strange = Strange("200 OK", {"Content-Type": "application/json"}, json.dumps(document))
        async with strange.running(server) as origin:
            account = msgspec.structs.replace(parsed.account, authority=f"{origin}/contoso.com")
            entra = Entra(account, parsed.secrets, tls=transport.tls(files.ca))
            with pytest.raises(SignInFailed) as caught:
                await asyncio.to_thread(entra.token)
    assert caught.value.cause == "other_cloud"
    assert (strange.requests, elsewhere.requests) == (1, 0)
