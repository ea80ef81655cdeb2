"""Ask a provider, and nothing behind our own walls."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.dataverse import transport
from adapter.signing_in.errors import SignInError
from adapter.signing_in.fetching import LONGEST, Web


def web(*, allow_loopback: bool) -> Web:
    return Web(tls=transport.tls(), allow_loopback=allow_loopback)


def certificates(folder: Path, address: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for an address: contexts of who asks and of who answers."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a provider inside")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    kept = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "ca.pem").write_bytes(made)
    (folder / "own.pem").write_bytes(kept + made)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "own.pem")
    return transport.tls(folder / "ca.pem"), serving


@contextlib.contextmanager
def answering_tls(answer: bytes, context: ssl.SSLContext) -> Iterator[str]:
    """Serve one raw HTTPS answer at an address that is not this machine's usual one."""
    with answering(answer, "127.0.0.2", context) as url:
        yield url.replace("http:", "https:")


@contextlib.contextmanager
def answering(
    answer: bytes, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve one raw HTTP answer to whoever asks; gives the address."""
    listening = socket.create_server((host, 0))
    if context is not None:
        listening = context.wrap_socket(listening, server_side=True)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{listening.getsockname()[1]}/x?secret=1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]:8443/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://127.0.0.2/",
        "https://localhost/",
        "https://localhost./",
        "https://x.localhost/",
        "http://93.184.216.34/",
    ],
)
def test_no_host_behind_our_walls_is_asked(url: str) -> None:
    with pytest.raises(SignInError) as caught:
        asyncio.run(web(allow_loopback=False).get(url))
    assert caught.value.reason == "unavailable"


@pytest.mark.parametrize(
    ("networks", "address", "asked"),
    [
        (("10.20.0.0/16",), "10.20.3.4", True),
        (("192.168.0.0/24", "10.20.0.0/16"), "10.20.3.4", True),
        (("fd12:3456::/32",), "fd12:3456::7", True),
        (("10.20.0.0/16",), "::ffff:10.20.3.4", True),
        (("10.20.0.0/16",), "10.21.3.4", False),
        (("10.20.0.0/16",), "169.254.169.254", False),
        (("10.20.0.0/16",), "fd12:3456::7", False),
        ((), "10.20.3.4", False),
    ],
)
def test_a_private_host_is_asked_in_a_network_that_the_operator_names(
    networks: tuple[str, ...], address: str, asked: bool
) -> None:
    named = tuple(ipaddress.ip_network(each) for each in networks)
    asking = Web(tls=transport.tls(), allow_loopback=False, networks=named)
    if asked:
        dialled = asyncio.run(asking.address(address, 443))  # nothing is sent
        assert ipaddress.ip_address(dialled) == ipaddress.ip_address(address)
    else:
        with pytest.raises(SignInError, match="no public host"):
            asyncio.run(asking.address(address, 443))


def test_a_private_provider_is_asked_over_https(tmp_path: Path) -> None:
    trusting, serving = certificates(tmp_path, "127.0.0.2")
    with answering_tls(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 12}', serving) as url:
        near = (ipaddress.ip_network("127.0.0.0/8"),)
        asking = Web(tls=trusting, allow_loopback=False, networks=near)
        assert asyncio.run(asking.get(url)) == {"a": 12}
        with pytest.raises(SignInError, match="no public host"):
            asyncio.run(Web(tls=trusting, allow_loopback=False).get(url))


def test_a_loopback_host_is_asked_where_that_is_allowed() -> None:
    with answering(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 12}') as url:
        assert asyncio.run(web(allow_loopback=True).get(url)) == {"a": 12}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe{", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LONGEST + 1), "more than"),
        (b"hello", "broke the connection"),
        (b"", "broke the connection"),
    ],
    ids=["redirect", "500", "list", "html", "not utf-8", "endless", "no http", "nothing"],
)
def test_what_is_no_answer_is_told_in_words_without_the_query(answer: bytes, told: str) -> None:
    with answering(answer) as url, pytest.raises(SignInError) as caught:
        asyncio.run(web(allow_loopback=True).get(url))
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
