from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

RULES = "https://contoso.crm4.dynamics.com\r\n\n *.example.com:* \n"


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.txt"
    path.write_bytes(RULES.encode())
    return str(path)


def test_each_origin_gets_a_line_with_verdict_rule_and_reason(screenpop: Run, rules: str) -> None:
    done = screenpop(
        "domains", "check", rules, "https://contoso.crm4.dynamics.com", "https://example.com"
    )
    first, second = (line.split("\t") for line in done.stdout.splitlines())
    assert first[:3] == [
        "allow",
        "https://contoso.crm4.dynamics.com",
        "line 1: https://contoso.crm4.dynamics.com",
    ]
    assert second[:2] == ["deny", "https://example.com"]
    assert all(line[3] for line in (first, second))
    assert done.returncode == 1


def test_all_allowed_is_success(screenpop: Run, rules: str) -> None:
    done = screenpop("domains", "check", rules, "http://a.example.com:8080")
    assert done.returncode == 0
    assert "line 3: *.example.com:*" in done.stdout


def test_json_gives_an_object_for_each_origin(screenpop: Run, rules: str) -> None:
    done = screenpop("domains", "check", rules, "https://a.example.com", "null", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["origin"] == "https://a.example.com"
    assert (first["allowed"], first["line"]) == (True, 3)
    assert second["allowed"] is False
    assert second["reason"]


def test_every_invalid_rule_is_listed_with_its_line_and_a_reason(screenpop: Run) -> None:
    done = screenpop("domains", "check", "-", "https://a.b", stdin="*\na.b\nh.*\n")
    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["line 1", "*"],
        ["line 3", "h.*"],
    ]
    assert done.stdout == ""


def test_invalid_rules_as_json(screenpop: Run) -> None:
    done = screenpop("domains", "check", "-", "https://a.b", "--json", stdin="a.b/path\n")
    (problem,) = json.loads(done.stdout)["problems"]
    assert (done.returncode, problem["line"], problem["rule"]) == (2, 1, "a.b/path")
    assert problem["reason"]


def test_a_lone_carriage_return_is_no_line_end(screenpop: Run) -> None:
    assert screenpop("domains", "check", "-", "https://a.b", stdin=b"a.b\rc.d\n").returncode == 2


def test_bytes_that_are_no_utf8_are_named(screenpop: Run) -> None:
    done = screenpop("domains", "check", "-", "https://a.b", stdin=b"a.b\n\xff.d\n")
    assert done.returncode == 2
    assert "0xff" in done.stderr
    assert "line 2" in done.stderr


def test_an_origin_cannot_fake_a_line(screenpop: Run, rules: str) -> None:
    done = screenpop("domains", "check", rules, "https://x\nallow\thttps://y", b"\xff\x1b[2J")
    assert [line.split("\t")[:2] for line in done.stdout.splitlines()] == [
        ["deny", r"https://x\nallow\thttps://y"],
        ["deny", r"\udcff\x1b[2J"],
    ]


def test_the_header_is_what_browsers_are_told(screenpop: Run, rules: str) -> None:
    done = screenpop("domains", "header", rules)
    assert done.returncode == 0
    assert done.stdout == (
        "Content-Security-Policy: frame-ancestors 'self' https://contoso.crm4.dynamics.com "
        "https://*.example.com:* http://*.example.com:*\n"
    )


def test_no_rules_means_nobody(screenpop: Run) -> None:
    done = screenpop("domains", "header", "-")
    assert done.stdout == "Content-Security-Policy: frame-ancestors 'none'\n"


def test_a_header_that_no_proxy_would_carry_is_printed_and_refused(screenpop: Run) -> None:
    rules = "".join(f"https://host-{number}.example.com\n" for number in range(400))
    done = screenpop("domains", "header", "-", stdin=rules)
    assert done.returncode == 2
    assert "https://host-399.example.com" in done.stdout
    assert "bytes" in done.stderr


def test_a_rule_that_lets_in_more_than_meant_is_warned_of(screenpop: Run) -> None:
    done = screenpop(
        *("domains", "check", "-", "https://contoso.crm4.dynamics.com"),
        stdin="https://*.crm4.dynamics.com\n",
    )
    assert done.returncode == 0
    assert done.stderr.startswith("warning: line 1: ")
