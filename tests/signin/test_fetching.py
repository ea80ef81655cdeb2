"""Ask a provider, and nothing behind our own walls."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from adapter.dataverse import transport
from adapter.signing_in.errors import SignInError
from adapter.signing_in.fetching import LONGEST, Web


def web(*, allow_loopback: bool) -> Web:
    return Web(tls=transport.tls(), allow_loopback=allow_loopback)


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Serve one raw HTTP answer to whoever asks; gives the address."""
    listening = socket.create_server(("127.0.0.1", 0))

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
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x?secret=1"
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
        (b"hello", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
    ids=["redirect", "500", "list", "html", "not utf-8", "endless", "no http", "nothing"],
)
def test_what_is_no_answer_is_told_in_words_without_the_query(answer: bytes, told: str) -> None:
    with answering(answer) as url, pytest.raises(SignInError) as caught:
        asyncio.run(web(allow_loopback=True).get(url))
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
