"""Print the CloudFormation template for this host: `screenpop aws-template`."""

from __future__ import annotations

from typing import Annotated

import typer

from adapter.cli.options import AsJson, Tenant


def register(app: typer.Typer) -> None:
    """Add `aws-template`."""
    app.command("aws-template")(show)


def show(
    *,
    url: Annotated[
        str | None,
        typer.Option(help="This host as AWS reaches it [SCREENPOP_PUBLIC_URL]."),
    ] = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Print the CloudFormation template that sends Amazon Connect's events here.

    As YAML, or as JSON; it holds no secret. It asks for the instance, the recordings' bucket and
    an ingest key.
    """
    from adapter import aws_template, settings  # noqa: PLC0415 - `--help` must be quick
    from adapter.errors import MalformedInput  # noqa: PLC0415

    if url is None:
        chosen = settings.load()
        if chosen.public_url is None and chosen.environment_domain is None:
            raise MalformedInput("give --url https://… or set SCREENPOP_PUBLIC_URL")
        url = chosen.origin_of(tenant)
    made = aws_template.template(url)
    typer.echo(aws_template.as_json(made) if as_json else aws_template.as_yaml(made), nl=as_json)
