from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import adapter
from adapter.cli import exits
from adapter.cli.main import run
from adapter.errors import (
    Conflict,
    InvalidSettings,
    NotFound,
    Overloaded,
    Place,
    ScreenpopError,
    Unauthenticated,
)
from tests.cli.conftest import Run


def test_the_version_is_the_packages(screenpop: Run) -> None:
    assert screenpop("--version").stdout == f"screenpop {adapter.__version__}\n"


def test_help_names_every_family_and_the_exit_codes(screenpop: Run) -> None:
    done = screenpop("--help")
    assert done.returncode == 0
    for word in ("domains", "send", "listen", "Exit codes"):
        assert word in done.stdout


def test_help_loads_no_server_and_no_client(clean_environment: dict[str, str]) -> None:
    code = (
        "import sys, adapter.cli.main; "
        "print(*{'starlette', 'httpx', 'websockets', 'sqlalchemy', 'rich', 'uvicorn'} "
        "& set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=clean_environment,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_a_wrong_command_line_exits_with_2(screenpop: Run) -> None:
    assert screenpop("no-such-thing").returncode == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSettings("no"), 2),
        (Unauthenticated("no"), 3),
        (NotFound("no"), 4),
        (Overloaded("later"), 5),
        (Conflict("changed"), 1),
        (ScreenpopError("no"), 1),
        (RuntimeError("a bug"), 1),
    ],
    ids=str,
)
def test_each_kind_of_failure_has_its_exit_code(error: Exception, code: int) -> None:
    assert exits.code(error) == code


def test_a_failure_is_one_line_and_a_line_for_each_place() -> None:
    error = InvalidSettings("2 bad fields", [Place("/a", "not\na number"), Place("/b", "missing")])
    assert exits.lines(error) == [
        "screenpop: 2 bad fields",
        "  /a: not\\na number",
        "  /b: missing",
    ]


def test_a_fault_that_the_line_names_is_not_said_again() -> None:
    error = InvalidSettings("bad: line 2: no host", [Place("line 2", "no host")])
    assert exits.lines(error) == ["screenpop: bad: line 2: no host"]


def test_a_port_that_is_none_is_blamed_on_the_option(command: Run) -> None:
    done = command("demo", "--port", "99999")
    assert done.returncode == exits.MALFORMED
    assert "Invalid value for '--port'" in done.stderr
    assert "SCREENPOP_PORT" not in done.stderr


@pytest.mark.parametrize(
    ("family", "told"),
    [
        ("serve", "port {taken} of 127.0.0.1 is taken; choose another: --port {other}"),
        (
            "demo",
            "port {taken} is taken; try: make demo ARGS='--port {other}' (or: {again})",
        ),
    ],
)
def test_a_port_that_is_taken_is_named_with_another_to_try(
    screenpop: Run, tmp_path: Path, family: str, told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        done = screenpop(family, "--port", str(taken), SCREENPOP_DATA_DIR=str(tmp_path))
    assert done.returncode == 5
    other_port = taken + 1 if taken < 65535 else taken - 1
    again = f"screenpop demo --port {other_port}"
    line = told.format(taken=taken, other=other_port, again=again)
    assert done.stderr == f"screenpop: {line}\n"


def test_an_address_of_another_machine_is_no_place_to_listen(
    screenpop: Run, tmp_path: Path
) -> None:
    done = screenpop("serve", "--host", "192.0.2.1", SCREENPOP_DATA_DIR=str(tmp_path))
    assert done.returncode == exits.MALFORMED
    assert done.stderr.startswith("screenpop: cannot listen on 192.0.2.1:8000: ")


def test_a_missing_file_is_named_by_the_operating_systems_words() -> None:
    assert exits.lines(FileNotFoundError(2, "No such file or directory", "x.db")) == [
        "screenpop: x.db: No such file or directory"
    ]


def test_a_failure_shows_no_stack_trace_unless_asked(screenpop: Run) -> None:
    quiet = screenpop("domains", "header", "/no/such/file")
    assert (quiet.returncode, quiet.stderr.count("\n")) == (2, 1)
    assert "/no/such/file" in quiet.stderr
    assert "Traceback" in screenpop("--debug", "domains", "header", "/no/such/file").stderr


def test_arguments_can_be_given_by_a_caller(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["--version"])
    assert stopped.value.code in (0, None)
    assert adapter.__version__ in capsys.readouterr().out
