from __future__ import annotations

import subprocess
import sys

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
