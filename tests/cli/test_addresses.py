from __future__ import annotations

import pytest

from adapter.cli.addresses import bearer, door
from adapter.errors import MalformedInput


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/feed"),
        ("ws://127.0.0.1:8000/", "ws://127.0.0.1:8000/v1/feed"),
        ("https://Contoso.example.com", "wss://contoso.example.com/v1/feed"),
        ("wss://h.example/pop/", "wss://h.example/pop/v1/feed"),
        ("ws://h.example/v1/feed", "ws://h.example/v1/feed"),
        ("http://[::1]:8000", "ws://[::1]:8000/v1/feed"),
        ("http://h.example:80", "ws://h.example/v1/feed"),
    ],
)
def test_a_base_url_leads_to_the_feed(base: str, url: str) -> None:
    assert door(base, "/v1/feed").url("ws") == url


def test_a_name_under_localhost_is_dialled_at_loopback_and_keeps_its_name() -> None:
    found = door("http://screenpop.localhost:8000", "/v1/feed", {"agent": "a b&c", "after": "7"})
    assert (found.dial, found.port) == ("127.0.0.1", 8000)
    assert found.authority == "screenpop.localhost:8000"
    assert found.path == "/v1/feed?agent=a+b%26c&after=7"
    assert found.is_local


def test_a_far_server_may_be_reached_through_a_proxy() -> None:
    assert not door("https://h.example", "/v1/feed").is_local


@pytest.mark.parametrize(
    "base",
    [
        "",
        "127.0.0.1:8000",
        "ftp://h",
        "http://",
        "http://h:0",
        "http://h:99999",
        "http://[::1",
        "http://key@h",
        "http://h/?access_token=x",
        "http://h/#x",
    ],
)
def test_what_is_no_base_url_is_refused(base: str) -> None:
    with pytest.raises(MalformedInput, match="--url"):
        door(base, "/v1/feed")


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "é"])
def test_a_key_that_would_break_the_header_is_refused(key: str) -> None:
    with pytest.raises(MalformedInput, match="--key"):
        bearer(key)
