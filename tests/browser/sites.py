"""Serve pages of any host name, over http and https, and pass the adapter's own host through.

The browser is told to find every host here (`resolver_rules`), so that a test writes the origins
that it means: `https://contoso.crm4.dynamics.com` is a page of this module, on a real socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ADAPTER = "acme.screenpop.example"
HOME = f"https://{ADAPTER}"
"""The adapter's address: TLS ends here, as at a load balancer, and the rest is plain http."""

PORTS = (("http", 80), ("https", 443), ("https", 8443))

FRAME = '<iframe src="{src}" referrerpolicy="{policy}" style="width:340px;height:620px"></iframe>'

CONNECTOR = """<script>
const frame = document.querySelector("iframe"), home = new URL(frame.src).origin;
const greeting = setInterval(() => frame.contentWindow.postMessage(
  {type: "screenpop.connect", protocol: 1}, home), 100);
addEventListener("message", ({data, origin, source}) => {
  if (origin !== home || source !== frame.contentWindow) return;
  if (data.type === "screenpop.connected") document.title = "connected", clearInterval(greeting);
  if (data.type === "screenpop.open") document.title = "asked " + data.url;
});
</script>"""
"""A page that connects to the panel and never answers what it is asked to open."""


def framing(parent: str, *frames: str, policy: str = "", deaf: bool = False) -> str:
    """Give the address of a page of `parent` that frames the last of `frames` through the others.

    `policy` is the innermost frame's referrer policy. `deaf` adds a connector that never answers.
    """
    *between, last = frames
    query = {"src": last, "policy": policy}
    if deaf:
        query["connector"] = "deaf"
    for origin in reversed(between):
        query = {"src": f"{origin}/frame?{urlencode(query)}", "policy": ""}
    return f"{parent}/frame?{urlencode(query)}"


class Sites:
    """The listeners; `adapter_port` is where requests for `ADAPTER` go."""

    def __init__(self) -> None:
        self.adapter_port = 0
        self.listening: dict[int, int] = {}
        self.shown: list[str] = []
        """Host and path of every page that was asked for here, in order."""

    def resolver_rules(self) -> str:
        """Give Chromium's `--host-resolver-rules`."""
        mapped = (f"MAP *:{port} 127.0.0.1:{here}" for port, here in self.listening.items())
        return ",".join((*mapped, "MAP * 127.0.0.1"))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection: one page, or everything that the adapter says on it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if _host(head) == ADAPTER:
                await self._pass_through(head, reader, writer)
            else:
                target = head.split(b" ", 2)[1].decode("latin-1")
                self.shown.append(_host(head) + target)
                writer.write(_page(target))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the browser went away
        finally:
            writer.close()

    async def _pass_through(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", self.adapter_port)
        before.write(head)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, before))
            both.create_task(_pump(behind, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _host(head: bytes) -> str:
    lines = head.decode("latin-1").split("\r\n")
    host = next(line for line in lines if line.lower().startswith("host:"))
    return host.partition(":")[2].strip().partition(":")[0]


def _page(target: str) -> bytes:
    asked = urlsplit(target)
    given = {name: values[0] for name, values in parse_qs(asked.query).items()}
    body = "<!doctype html><meta charset=utf-8><title>Page</title>"
    if asked.path == "/frame":
        src, policy = html.escape(given["src"]), html.escape(given.get("policy", ""))
        body += FRAME.format(src=src, policy=policy)
        body += CONNECTOR if "connector" in given else ""
    content = body.encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
        b"Connection: close\r\nContent-Length: " + str(len(content)).encode() + b"\r\n\r\n"
    ) + content


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for one run; the browser is told not to mind who signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "screenpop tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ADAPTER)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Sites]:
    """Listen on free ports until the end; `folder` holds the certificate."""
    sites, started = Sites(), threading.Event()
    stop: list[Callable[[], object]] = []
    tls = certificate(folder)

    async def main() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        async with contextlib.AsyncExitStack() as stack:
            for scheme, port in PORTS:
                server = await asyncio.start_server(
                    sites.answer, "127.0.0.1", 0, ssl=tls if scheme == "https" else None
                )
                stack.callback(server.close)
                sites.listening[port] = server.sockets[0].getsockname()[1]
            started.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield sites
    finally:
        stop[0]()
        thread.join(10)
