"""What a browser with an empty cache fetches for the panel, on the wire: bodies and heads."""

from __future__ import annotations

import gzip
import re
import socket
from collections.abc import Iterator

import pytest

from tests.server import Server

MOST = 50 * 1024
"""Bytes: the limit is 60 KB, and the next feature should find room."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("first")) as server:
        yield server


def fetched(server: Server, path: str, accept: str = "gzip, deflate, br, zstd") -> bytes:
    """Give a whole answer as it came: head and body."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        connection.sendall(f"{head}Accept-Encoding: {accept}\r\n\r\n".encode())
        came = b""
        while chunk := connection.recv(65536):
            came += chunk
    assert came.startswith(b"HTTP/1.1 200"), came[:200]
    return came


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_is_small_with_everything_that_the_page_names(server: Server, language: str) -> None:
    page = fetched(server, f"/?lang={language}")
    html = gzip.decompress(page.partition(b"\r\n\r\n")[2]).decode()
    # The icons of other states are loaded when there is such a state.
    named = set(re.findall(r'(?:href|src|data-messages|data-icons)="(/[^"#?]*)', html)) - {"/"}
    assert all(each.startswith("/static/") for each in named)
    answers = {each: len(fetched(server, each)) for each in named}
    assert len(page) + sum(answers.values()) < MOST, answers
    assert len(answers) < 10


def test_the_page_is_the_same_for_a_client_that_takes_it_plain(server: Server) -> None:
    plain = fetched(server, "/", accept="identity").partition(b"\r\n\r\n")
    packed = fetched(server, "/").partition(b"\r\n\r\n")
    assert b"content-encoding" not in plain[0].lower()
    assert gzip.decompress(packed[2]) == plain[2]
    for head in (plain[0], packed[0]):
        assert b"vary: accept-encoding" in head.lower()
        assert b"frame-ancestors" in head
