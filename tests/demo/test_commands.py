from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from adapter.cli.simulate import register
from adapter.errors import Conflict, MalformedInput
from tests.demo.receiver import Receiver
from tests.demo.site import serving


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with serving(receiver) as port:
        yield f"http://phone.localhost:{port}"


def run(*arguments: str) -> str:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["simulate", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_calls_are_made_from_the_command_line(url: str, receiver: Receiver) -> None:
    ringing = run("call", "--agent", "alice", "--from", "+12025550142", "--url", url)
    call_id, _, rest = ringing.partition(": ")
    assert rest.strip() == "Denise Carter, ringing at alice"
    assert "talking at alice" in run("act", "answer", call_id, "--url", url)
    assert "ringing at bob" in run("act", "transfer", call_id, "--agent", "bob", "--url", url)
    assert call_id in run("calls", "--url", url)
    assert receiver.stages == ["created", "offered", "answered", "transferred"]
    with pytest.raises(Conflict, match="ringing"):
        run("act", "recording", call_id, "--url", url)


def test_an_action_that_is_none_is_named(url: str) -> None:
    with pytest.raises(MalformedInput, match="'nope' is no action: use one of answer, transfer"):
        run("act", "nope", "x", "--url", url)


def test_a_whole_call_is_played_and_printed_as_json(url: str, receiver: Receiver) -> None:
    arguments = ("--answer-after", "0", "--hangup-after", "0", "--recording", "--json")
    printed = run("call", "--agent", "bob", "--from", "+123456", "--url", url, *arguments)
    assert json.loads(printed)["state"] == "ended"
    assert receiver.stages == ["created", "offered", "answered", "ended", "recorded"]
    assert len(json.loads(run("calls", "--url", url, "--json"))["calls"]) == 1


def test_a_busy_hour_is_started_and_stopped(url: str) -> None:
    started = run("busy", "--rate", "120", "--seconds", "600", "--url", url)
    assert started == "busy hour: 120 events a minute for 600 s\n"
    assert run("busy", "--stop", "--url", url) == "busy hour: stopping\n"
