"""Put the command families together, and turn every failure into one line and an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Never

import typer

import adapter
from adapter.cli import (
    accounts,
    admins,
    aws_template,
    backup,
    contacts,
    doctor,
    domains,
    exits,
    keys,
    listen,
    people,
    send,
    serve,
    settings,
    simulate,
    steps,
    tenancy,
    url,
)

app = typer.Typer(
    name="screenpop",
    help="Screenpop: show agents who calls, inside the Dynamics 365 dashboard.",
    epilog="Exit codes: 0 done, 1 failed, 2 malformed, 3 not allowed, 4 not found, "
    "5 try again later, 130 stopped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich costs a tenth of a second at each start
    context_settings={"help_option_names": ["-h", "--help"]},
)

for family in (
    *(serve, settings, doctor, backup, aws_template),
    *(tenancy, keys, admins, people, domains, accounts, steps, contacts),
    *(url, send, listen, simulate),
):
    family.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"screenpop {adapter.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the stack trace of a failure.")
    ] = False,
) -> None:
    pass  # `run` reads --debug itself, because it must outlive the context


def run(arguments: Sequence[str] | None = None) -> Never:
    """Run one command line (default: the process's own) and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # Classes and functions are what a command makes first, and they stay: looking for garbage
    # among them at the usual pace takes a seventh of a server's start.
    gc.set_threshold(50_000)
    _accept_any_text_on_output()
    try:
        app(args=arguments, prog_name="screenpop")
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:  # `screenpop listen | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.FAILED)
    except Exception as error:
        if _wants_trace(arguments):
            raise
        for line in exits.lines(error):
            typer.echo(line, err=True)
        sys.exit(exits.code(error))
    sys.exit(0)


def _accept_any_text_on_output() -> None:
    """Print what the terminal's encoding cannot say as an escape, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _wants_trace(arguments: Sequence[str]) -> bool:
    """Look at the options that stand before the command."""
    for argument in arguments:
        if argument == "--debug":
            return True
        if not argument.startswith("-"):
            return False
    return False
