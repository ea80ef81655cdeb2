"""Try the allow list before anybody saves it: `screenpop domains …`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.cli import exits
from adapter.cli.files import read_text
from adapter.cli.options import Database, Tenant, office
from adapter.cli.visible import visible

if TYPE_CHECKING:
    from adapter.domains import Decision, DomainRules, Problem

SOME_DENIED = 1

RulesFile = Annotated[
    str,
    typer.Argument(metavar="RULES_FILE", help="One rule a line, in UTF-8; - is standard input."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line an origin.")]


def register(app: typer.Typer) -> None:
    """Add `domains` and its commands."""
    family = typer.Typer(
        help="Who may show the adapter: try and show domain rules.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    family.command("check")(check)
    family.command("header")(header)
    family.command("set")(set_rules)
    family.command("show")(show_rules)
    app.add_typer(family, name="domains")


def set_rules(rules_file: RulesFile, tenant: Tenant = "default", database: Database = None) -> None:
    """Replace a tenant's rules; a running server obeys within a second."""
    text = read_text(rules_file)
    with office(database) as here:
        rules = here.set_domains(tenant, text)
    for caution in rules.warnings:
        typer.echo(visible(f"line {caution.line}: {caution.detail}"), err=True)
    typer.echo(f"{len(rules)} rules set for {tenant}")


def show_rules(tenant: Tenant = "default", database: Database = None) -> None:
    """Print a tenant's rules as they were written."""
    with office(database) as here:
        typer.echo(here.domains(tenant), nl=False)


def check(
    rules_file: RulesFile,
    origins: Annotated[
        list[str],
        typer.Argument(metavar="ORIGIN...", help="What a browser sends: scheme://host[:port]."),
    ],
    as_json: AsJson = False,
) -> None:
    """Say for each origin whether these rules allow it, by which rule, and why.

    Prints allow or deny, the origin, the rule's line and the reason, separated by tabs.
    What is valid and may still not be meant is warned of on standard error.
    Exits with 0 where all are allowed, 1 where some are denied, 2 where a rule is invalid.
    """
    rules = _parse(rules_file, as_json=as_json)
    decisions = [(origin, rules.explain(origin)) for origin in origins]
    for origin, decision in decisions:
        typer.echo(_as_json(origin, decision) if as_json else _as_text(origin, decision))
    if not as_json:
        for caution in rules.warnings:
            typer.echo(f"warning: line {caution.line}: {visible(caution.detail)}", err=True)
    if not all(decision.allowed for _, decision in decisions):
        raise typer.Exit(SOME_DENIED)


def header(rules_file: RulesFile) -> None:
    """Print the Content-Security-Policy header that these rules give.

    Exits with 2 where a rule is invalid, or where the header is longer than what proxies carry.
    """
    rules = _parse(rules_file, as_json=False)
    typer.echo(f"Content-Security-Policy: frame-ancestors {rules.frame_ancestors()}")
    rules.require_header_fits()


def _parse(rules_file: str, *, as_json: bool) -> DomainRules:
    from adapter.domains import DomainRules, RuleError  # noqa: PLC0415  # its tables take time

    text = read_text(rules_file)
    try:
        return DomainRules.parse(text)
    except RuleError as error:
        if as_json:
            problems = [
                {"line": problem.line, "rule": problem.text, "reason": problem.reason}
                for problem in error.problems
            ]
            typer.echo(json.dumps({"problems": problems}))
        else:
            for problem in error.problems:
                typer.echo(_problem(problem), err=True)
        raise typer.Exit(exits.MALFORMED) from error


def _problem(problem: Problem) -> str:
    return f"line {problem.line}: {visible(problem.text)}: {visible(problem.reason)}"


def _as_text(origin: str, decision: Decision) -> str:
    verdict = "allow" if decision.allowed else "deny"
    rule = "-" if decision.rule is None else f"line {decision.rule.line}: {decision.rule.text}"
    return "\t".join((verdict, visible(origin), visible(rule), visible(decision.reason)))


def _as_json(origin: str, decision: Decision) -> str:
    rule = decision.rule
    return json.dumps(
        {
            "origin": origin,
            "allowed": decision.allowed,
            "rule": None if rule is None else rule.text,
            "line": None if rule is None else rule.line,
            "reason": decision.reason,
        }
    )
