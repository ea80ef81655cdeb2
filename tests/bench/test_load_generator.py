"""The load generator against the floor server: it counts what happens, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_port
from tests.conftest import ROOT
from tests.server import eventually

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

BENCH = ROOT / "bench"
BODY = '{"id":"{run}-{mark}","to":"{agent}","stage":"{stage}","about":"{contact}","at":"{time}"}'


def compile_program(program: Path, *sources: Path) -> Path:
    words = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    subprocess.run([*words, *map(str, sources), "-lm"], check=True)
    return program


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = [each for each in (BENCH / "loadgen").glob("*.c") if each.name != "tls.c"]
    return compile_program(tmp_path_factory.mktemp("loadgen") / "loadgen", *parts)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = compile_program(tmp_path_factory.mktemp("floor") / "floor", BENCH / "floor.c")
    chosen = free_port()
    with subprocess.Popen([program, str(chosen)]) as floor:
        eventually(lambda: listens(chosen), "the floor listens")
        yield chosen
        floor.kill()


def listens(port: int) -> bool:
    return f"0100007F:{port:04X}" in Path("/proc/net/tcp").read_text()


def run(generator: Path, port: int, *commands: str, options: tuple[str, ...] = ()) -> list[Any]:
    paths = ("--ws-path", "/feed/{agent}", "--post-path", "/events/{agent}", "--all-path", "/all")
    done = subprocess.run(
        [generator, "--port", str(port), *paths, "--body", BODY, *options],
        input="".join(f"{each}\n" for each in commands),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_event_arrives_once_at_its_agent(generator: Path, port: int) -> None:
    connected, opened, saturated = run(
        generator, port, "connect 20 20", "open 200 0.5 0.1", "sat 4 0.3 0.1"
    )
    assert connected["open"] == 20
    for phase in (opened, saturated):
        assert phase["posted"] == phase["acked"] > 0
        wrong = ("lost", "doubled", "misdelivered", "failed", "lost_sockets")
        assert {name: phase[name] for name in wrong} == dict.fromkeys(wrong, 0)
        assert 0 < phase["p50"] <= phase["p99"] <= phase["max"]
    assert opened["rate"] == pytest.approx(200, rel=0.5)


def test_panels_that_come_and_go_are_back_at_the_end(generator: Path, port: int) -> None:
    _, churned = run(generator, port, "connect 20 20", "churn 50 40 0.8")
    assert churned["reconnects"] > 5
    assert churned["open"] == 20
    assert churned["lost_sockets"] == 0


def test_a_server_that_is_not_there_is_no_connection(generator: Path, port: int) -> None:
    del port
    (connected,) = run(generator, 1, "connect 3 3")
    assert connected["open"] == 0
    assert connected["failed"] == 3


def test_an_unknown_command_is_told_as_such(generator: Path, port: int) -> None:
    assert run(generator, port, "dance 3") == [{"phase": "unknown"}]


def test_an_unknown_option_ends_it(generator: Path, port: int) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(generator, port, options=("--colour", "red"))


def test_an_event_that_comes_to_another_agent_is_noticed(generator: Path, port: int) -> None:
    # The floor gives to everybody what is not posted to an agent's own path.
    to_all = ("--post-path", "/all")
    _, opened = run(generator, port, "connect 2 2", "open 20 0.3 0", options=to_all)
    assert opened["misdelivered"] >= opened["posted"] > 0
